"""A picture as the lines of a terminal of any size. Pure.

Every line has a rank: where a terminal is too low, those that matter least go first. Whatever a text holds, no control
character of it reaches the terminal, and no line is wider than it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from edge.audio.levels import BOTTOM_DB
from edge.view.foot import foot
from edge.view.lines import GUTTER, NARROWEST_WITH_HEADINGS, Line, Rank, headed
from edge.view.meter import cells
from edge.view.picture import FieldRow, Heard, Microphone, Picture, QueueRow, Told, Tone

BAR_AT_MOST = 48
FIGURES = 20
"""Columns behind the bar."""

LOUD_DB, TOO_LOUD_DB = -12, -3
"""From here on speech is loud, and then soon cut."""

STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.OPEN: "yellow",
    Tone.BAD: "bold red",
    Tone.QUIET: "dim",
}
BADGES = {
    Tone.PLAIN: "reverse",
    Tone.GOOD: "black on green",
    Tone.OPEN: "black on yellow",
    Tone.BAD: "bold white on red",
    Tone.QUIET: "reverse dim",
}
"""Of the sixteen colours, which a terminal's theme makes fit its own background."""

MARKS = {Tone.GOOD: "✓", Tone.OPEN: "…", Tone.BAD: "✗"}


def draw(picture: Picture, width: int, height: int) -> list[Text]:
    """The picture as exactly `height` lines of at most `width` columns."""
    above = [
        *_header(picture, width),
        _blank(),
        *_microphone(picture.microphone, width),
        _blank(),
        *_state(picture, width),
        _blank(),
        *_heard(picture.heard, width),
        _blank(),
        *_entry(picture.entry, width),
        _blank(),
        *_queue(picture, width),
    ]
    below = foot(picture, width)
    kept = _fitting([*above, *below], height)
    top = [line for line in above if id(line) in kept]
    bottom = [line for line in below if id(line) in kept]
    between = [_blank()] * (height - len(top) - len(bottom))
    return [_safe(line.text, width) for line in (*top, *between, *bottom)]


def _fitting(lines: Sequence[Line], height: int) -> set[int]:
    by_importance = sorted(lines, key=lambda line: (line.rank, line.age))
    return {id(line) for line in by_importance[:height]}


def _safe(text: Text, width: int) -> Text:
    text.plain = "".join(map(_printable, text.plain))
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text


def _printable(character: str) -> str:
    """Itself, or a mark in its place: controls, and what turns the direction of writing around."""
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _UNSAFE else character


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode: controls, formats, surrogates, private and unassigned characters, separators of lines."""


def _blank() -> Line:
    return Line(Text(), Rank.BLANK)


def _room(width: int) -> int:
    return width - (GUTTER if width >= NARROWEST_WITH_HEADINGS else 0)


def _header(picture: Picture, width: int) -> Iterator[Line]:
    header = picture.header
    mark, link = {True: ("●", "connected"), False: ("○", "away"), None: ("○", "connecting")}[header.up]
    right = f"{mark} {header.broker} {link} "
    left = " · ".join(filter(None, (" Dockvoice", f"{header.device} at {header.site}", header.form, header.operator)))
    room = width - cell_len(right)
    if room < len(" Dockvoice "):
        left, room = "", width
    text = Text(left)
    text.truncate(room - 1, overflow="ellipsis")
    text.append(" " * max(0, room - text.cell_len))
    text.append(right, style="" if header.up else "bold")
    text.stylize("white on blue" if header.up is not False else "white on red")
    yield Line(text, Rank.HEADER)


def _microphone(microphone: Microphone, width: int) -> Iterator[Line]:
    sound = microphone.sound
    bar = max(4, min(BAR_AT_MOST, _room(width) - FIGURES))
    text = headed("microphone", width)
    if not sound.samples:
        text.append("·" * bar, style="dim").append("  no sound", style="dim")
    else:
        text.append_text(_bar(sound.rms_db, sound.peak_db, bar, muted=not microphone.hears))
        text.append(f" {sound.rms_db:4.0f} dB" if sound.rms_db > BOTTOM_DB else "  silent")
        if sound.clipped:
            text.append("  CLIPPING", style="bold red")
        elif sound.speech:
            text.append("  speech", style="bold green")
        elif not microphone.hears:
            text.append("  not heard", style="dim")
    yield Line(text, Rank.LEVEL)
    told = headed("", width).append(f"{microphone.mode}, {microphone.name}", style="dim")
    yield Line(told, Rank.MICROPHONE)


def _bar(rms_db: float, peak_db: float, width: int, *, muted: bool) -> Text:
    filled, peak = cells(rms_db, width), cells(peak_db, width)
    loud, too_loud = cells(LOUD_DB, width), cells(TOO_LOUD_DB, width)
    text = Text("█" * filled + "─" * max(0, peak - filled) + "·" * (width - max(peak, filled)))
    if muted:
        text.stylize("dim")
        return text
    text.stylize("green", 0, min(filled, loud))
    text.stylize("yellow", min(filled, loud), min(filled, too_loud))
    text.stylize("red", min(filled, too_loud), filled)
    text.stylize("dim", filled)
    return text


def _state(picture: Picture, width: int) -> Iterator[Line]:
    state = picture.state
    text = headed("now", width)
    text.append(f" {state.name.upper()} ", style=BADGES[state.tone])
    text.append(f"  {state.detail}")
    yield Line(text, Rank.STATE)
    said = headed("device says", width)
    if picture.said:
        said.append(picture.said, style="bold")
    yield Line(said, Rank.SAID)


def _heard(heard: Heard | None, width: int) -> Iterator[Line]:
    text = headed("typed" if heard is not None and heard.typed else "heard", width)
    became = headed("", width)
    if heard is None:
        text.append("nothing yet", style="dim")
    elif not heard.words:
        text.append("no words", style="dim")
    for number, word in enumerate(() if heard is None else heard.words):
        text.append(" " if number else "")
        text.append(f"{word.text}?" if word.doubtful else word.text, style="yellow" if word.doubtful else "bold")
    yield Line(text, Rank.HEARD)
    if heard is not None:
        became.append(heard.result.words, style=STYLES[heard.result.tone])
    yield Line(became, Rank.RESULT)


def _entry(rows: Sequence[FieldRow], width: int) -> Iterator[Line]:
    names = max((cell_len(row.name) for row in rows), default=0)
    values = max((cell_len(row.value or "·") for row in rows), default=0)
    for number, row in enumerate(rows):
        text = headed("" if number else "entry", width)
        text.append(f"{row.name}{' ' * (names - cell_len(row.name))}  ", style="dim")
        value = row.value or "·"
        text.append(value, style="yellow" if row.doubt else "bold green" if row.value else "dim")
        text.append(" " * (min(values, width // 3) - cell_len(value)) + "  ")
        if row.words:
            text.append(f"“{row.words}”  ", style="dim")
        if row.doubt:
            text.append(row.doubt, style="yellow")
        yield Line(text, Rank.ENTRY, number)


def _queue(picture: Picture, width: int) -> Iterator[Line]:
    for number, counted in enumerate(_counts(picture.queue.counts, width)):
        yield Line(counted, Rank.COUNTS, number)
    digits = max((len(str(row.number)) for row in picture.queue.rows), default=0)
    for age, row in enumerate(picture.queue.rows):
        rank = Rank.LATEST_ENTRY if age == 0 else Rank.QUEUE if age < ENTRIES_BEFORE_BLANKS else Rank.OLDER
        yield Line(_queued(row, digits, width), rank, age)


def _counts(counts: Sequence[Told], width: int) -> list[Text]:
    rows = [headed("queue", width)]
    for number, count in enumerate(counts):
        ending = "," if number < len(counts) - 1 else ""
        if number and rows[-1].cell_len + cell_len(f" {count.words}{ending}") > width:
            rows.append(headed("", width))
        elif number:
            rows[-1].append(" ")
        rows[-1].append(count.words, style=STYLES[count.tone]).append(ending, style="dim")
    return rows


ENTRIES_BEFORE_BLANKS = 3
"""So many are worth more than blank lines."""


def _queued(row: QueueRow, digits: int, width: int) -> Text:
    text = headed("", width)
    text.append(f"{row.number:>{digits}}  ", style="dim").append(row.what)
    mark = MARKS.get(row.state.tone, " ")
    state = f"  {mark} {row.state.words}"
    # How far it has come is worth more than the end of a long entry.
    text.truncate(max(width // 2, width - cell_len(state)), overflow="ellipsis")
    return text.append(state, style=STYLES[row.state.tone])
