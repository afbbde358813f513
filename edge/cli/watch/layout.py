"""Picture of a running agent, all there is to see at one moment, and its layout as the lines of a terminal. Pure.

Every line has an importance: where a terminal is too low, the least important go first. Whatever a text holds, no
control character of it reaches the terminal, and no line is wider than it.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rich.cells import cell_len
from rich.text import Text

from dockvoice_protocol.terminal.plain_text import is_plain_text
from edge.audio.pcm import BOTTOM_DB
from edge.cli.audio import NO_SOUND, MeterReading, filled_cells
from edge.cli.tables import STYLES, Tone, ToneText

_GUTTER = 14  # Columns of the heading before each text.
_NARROWEST_WITH_HEADINGS = 50  # Columns below which headings are left out.

_BAR_AT_MOST = 48
_FIGURES = 20  # Columns behind the bar.
_LOUD_DB, _TOO_LOUD_DB = -12, -3  # From here on speech is loud, and then soon cut.
_MARGIN = 3  # Columns before a fault or a line of the log: where its mark stands.
_BETWEEN_KEYS = 3  # Blanks.
_ENTRIES_BEFORE_BLANKS = 3  # So many are worth more than blank lines.

_BADGES = {
    Tone.PLAIN: "reverse",
    Tone.GOOD: "black on green",
    Tone.OPEN: "black on yellow",
    Tone.BAD: "bold white on red",
    Tone.QUIET: "reverse dim",
}

_MARKS = {Tone.GOOD: "✓", Tone.OPEN: "…", Tone.BAD: "✗"}

_LEVELS = {"WARNING": ("▲", "yellow"), "ERROR": ("▲", "bold red"), "CRITICAL": ("▲", "bold red")}
"""How a line of the log begins, its mark and its style."""

_TYPING_KEYS = (("Enter", "says it"), ("Esc", "gives it up"), ("^C", "stop"))

_ASCII = str.maketrans("█─·●○✓✗▲“”…", '#-.*o+x!""~')
"""What stands in where the terminal's encoding has no such characters."""

_Importance = IntEnum(
    "_Importance",
    "STATE TYPING FAULT LEVEL HEARD LATEST_LOG REST_OF_FAULT KEYS RESULT SAID ENTRY COUNTS HEADER LATEST_ENTRY "
    "MORE_KEYS LOG QUEUE MICROPHONE BLANK OLDER",
)
"""Of a line; what matters most comes first."""


@dataclass(frozen=True, slots=True)
class Badge:
    """The word in the header for the state of the dialogue, or of the device without one."""

    name: str
    detail: str = ""
    meaning: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class LastUtterance:
    """What the screen shows of the last utterance: its words, how it came, and its result."""

    words: tuple[tuple[str, bool], ...]  # Each with whether it was recognised surely.
    how: str  # "heard", "typed" or "scanned".
    result: ToneText


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of the open entry."""

    name: str
    value: str | None = None
    words: str = ""  # The words spoken for it.
    doubt: str | None = None  # Why it does not stand, in words.


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One entry with its state."""

    number: int
    what: str
    state: ToneText


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the screen shows at one moment."""

    who: tuple[str, ...] = ()  # The device and its site, the form, the operator, the context.
    broker: str = ""  # Its address.
    up: bool | None = None  # Whether the broker can be reached; None before it was tried.
    microphone: str = ""  # When it is listened to, and its name.
    sound: MeterReading = NO_SOUND
    hears: bool = True  # Whether what comes may be heard: neither muted, nor the talk key up.
    badge: Badge = Badge("waiting")
    said: str | None = None  # What the device said last.
    utterance: LastUtterance | None = None
    entry: tuple[FieldRow, ...] = ()
    counts: tuple[ToneText, ...] = ()  # What the journal holds.
    queue: tuple[QueueRow, ...] = ()  # Newest first.
    faults: tuple[str, ...] = ()  # What is wrong now, and what to do about it.
    log: tuple[str, ...] = ()  # Oldest first.
    typing: str | None = None  # The line that is being typed; None while there is none.
    keys: tuple[tuple[str, str], ...] = ()  # Keys, each with what it does.


@dataclass(frozen=True, slots=True)
class _ScreenLine:
    """A line of the screen, and its importance: the least is left out first."""

    text: Text
    importance: _Importance
    age: int = 0  # Among those of the same importance, the older ones go first.


def draw(picture: Picture, width: int, height: int, *, ascii_only: bool = False) -> list[Text]:
    """The picture as exactly `height` lines of at most `width` columns."""
    parts = (_header_lines, _microphone_lines, _state_lines, _last_utterance_lines, _entry_lines, _queue_lines)
    above = [line for part in parts for line in (_blank_line(), *part(picture, width))][1:]
    below = [line for part in (_fault_lines, _log_lines, _typing_lines, _key_lines) for line in part(picture, width)]
    by_importance = sorted((*above, *below), key=lambda line: (line.importance, line.age))
    kept = {id(line) for line in by_importance[:height]}
    top, bottom = ([line for line in lines if id(line) in kept] for lines in (above, below))
    between = [_blank_line() for _ in range(height - len(top) - len(bottom))]
    return [_sanitise(line.text, width, ascii_only=ascii_only) for line in (*top, *between, *bottom)]


def _blank_line() -> _ScreenLine:
    return _ScreenLine(Text(), _Importance.BLANK)


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode: controls, formats, surrogates, private and unassigned characters, separators of lines."""


def _is_safe(character: str) -> bool:
    return is_plain_text(character) and unicodedata.category(character) not in _UNSAFE


def _sanitise(text: Text, width: int, *, ascii_only: bool) -> Text:
    """The text without control and bidirectional characters, cut to `width`."""
    text.plain = "".join(c if _is_safe(c) else "\N{REPLACEMENT CHARACTER}" for c in text.plain)
    text.truncate(width, overflow="ellipsis")
    if ascii_only:
        text.plain = text.plain.translate(_ASCII).encode("ascii", "replace").decode()
    text.no_wrap = True
    return text


def _heading(heading: str, width: int) -> Text:
    """A line's heading, padded; empty where the terminal is too narrow."""
    return Text() if width < _NARROWEST_WITH_HEADINGS else Text.assemble((f"  {heading:{_GUTTER - 2}}", "dim"))


def _header_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    mark, link = {True: ("●", "connected"), False: ("○", "away"), None: ("○", "connecting")}[picture.up]
    right = f"{mark} {picture.broker} {link} "
    left, room = " · ".join((" Dockvoice", *picture.who)), width - cell_len(right)
    if room < len(" Dockvoice "):
        left, room = "", width
    text = Text(left)
    text.truncate(room - 1, overflow="ellipsis")
    text.append(" " * max(0, room - text.cell_len)).append(right, style="" if picture.up else "bold")
    text.stylize("white on blue" if picture.up is not False else "white on red")
    yield _ScreenLine(text, _Importance.HEADER)


def _microphone_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    sound, text = picture.sound, _heading("microphone", width)
    bar = max(4, min(_BAR_AT_MOST, width - text.cell_len - _FIGURES))
    if not sound.samples:
        text.append("·" * bar, style="dim").append("  no sound", style="dim")
    else:
        text.append_text(_level_bar(sound.rms_db, sound.peak_db, bar, muted=not picture.hears))
        text.append(f" {sound.rms_db:4.0f} dB" if sound.rms_db > BOTTOM_DB else "  silent")
        if sound.clipped:
            text.append("  CLIPPING", style="bold red")
        elif sound.speech:
            text.append("  speech", style="bold green")
        elif not picture.hears:
            text.append("  not heard", style="dim")
    yield _ScreenLine(text, _Importance.LEVEL)
    yield _ScreenLine(_heading("", width).append(picture.microphone, style="dim"), _Importance.MICROPHONE)


def _level_bar(rms_db: float, peak_db: float, width: int, *, muted: bool) -> Text:
    filled, peak = filled_cells(rms_db, width), filled_cells(peak_db, width)
    loud, too_loud = min(filled, filled_cells(_LOUD_DB, width)), min(filled, filled_cells(_TOO_LOUD_DB, width))
    text = Text("█" * filled + "─" * max(0, peak - filled) + "·" * (width - max(peak, filled)))
    if muted:
        text.stylize("dim")
        return text
    for style, begins, ends in (("green", 0, loud), ("yellow", loud, too_loud), ("red", too_loud, filled)):
        text.stylize(style, begins, ends)
    text.stylize("dim", filled)
    return text


def _state_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    badge = picture.badge
    text = _heading("now", width).append(f" {badge.name.upper()} ", style=_BADGES[badge.meaning])
    yield _ScreenLine(text.append(f"  {badge.detail}"), _Importance.STATE)
    yield _ScreenLine(_heading("device says", width).append(picture.said or "", style="bold"), _Importance.SAID)


def _last_utterance_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    utterance = picture.utterance or LastUtterance((), "heard", ToneText(""))
    text = _heading(utterance.how, width)
    if not utterance.words:
        text.append("nothing yet" if picture.utterance is None else "no words", style="dim")
    for number, (word, sure) in enumerate(utterance.words):
        text.append(" " if number else "").append(word if sure else f"{word}?", style="bold" if sure else "yellow")
    yield _ScreenLine(text, _Importance.HEARD)
    became = _heading("", width).append(utterance.result.words, style=STYLES[utterance.result.meaning])
    yield _ScreenLine(became, _Importance.RESULT)


def _entry_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    names = max((cell_len(row.name) for row in picture.entry), default=0)
    values = min(max((cell_len(row.value or "·") for row in picture.entry), default=0), width // 3)
    for number, row in enumerate(picture.entry):
        text = _heading("" if number else "entry", width).append_text(_field_text(row, names, values))
        yield _ScreenLine(text, _Importance.ENTRY, number)


def _field_text(row: FieldRow, names: int, values: int) -> Text:
    text, value = Text(), row.value or "·"
    text.append(f"{row.name}{' ' * (names - cell_len(row.name))}  ", style="dim")
    text.append(value, style="yellow" if row.doubt else "bold green" if row.value else "dim")
    text.append(" " * (values - cell_len(value)) + "  ")
    text.append(f"“{row.words}”  " if row.words else "", style="dim")
    return text.append(row.doubt or "", style="yellow")


def _queue_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    last = len(picture.counts) - 1
    counts = [
        Text.assemble((one.words, STYLES[one.meaning]), ("" if number == last else ",", "dim"))
        for number, one in enumerate(picture.counts)
    ]
    for number, row in enumerate(_flow_into_rows(counts, width, " ", "queue") or [_heading("queue", width)]):
        yield _ScreenLine(row, _Importance.COUNTS, number)
    digits = max((len(str(row.number)) for row in picture.queue), default=0)
    for age, one in enumerate(picture.queue):
        importance = _Importance.QUEUE if age < _ENTRIES_BEFORE_BLANKS else _Importance.OLDER
        text = _heading("", width).append_text(_queue_row_text(one, digits, width))
        yield _ScreenLine(text, importance if age else _Importance.LATEST_ENTRY, age)


def _queue_row_text(row: QueueRow, digits: int, width: int) -> Text:
    text = Text.assemble((f"{row.number:>{digits}}  ", "dim"), row.what)
    state = f"  {_MARKS.get(row.state.meaning, ' ')} {row.state.words}"
    # How far it has come is worth more than the end of a long entry.
    text.truncate(max(width // 2, width - cell_len(state)) - _heading("", width).cell_len, overflow="ellipsis")
    return text.append(state, style=STYLES[row.state.meaning])


def _fault_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    for number, row in enumerate(row for one in picture.faults for row in _wrap(one, width, " ! ")):
        begins = bool(row[:_MARGIN].strip())
        text = Text.assemble((row[:_MARGIN], "bold white on red" if begins else ""), (row[_MARGIN:], "bold red"))
        yield _ScreenLine(text, _Importance.FAULT if begins else _Importance.REST_OF_FAULT, number)


def _log_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    for number, line in enumerate(picture.log):
        age = len(picture.log) - 1 - number
        level, _, rest = line.partition(" ")
        mark, style = _LEVELS.get(level, (" ", ""))
        first, *more = _wrap(rest if level in _LEVELS else line, width, f" {mark} ")
        text = Text.assemble((first[:_MARGIN], style), first[_MARGIN:])
        yield _ScreenLine(text, _Importance.OLDER if age else _Importance.LATEST_LOG, age)
        for row in more:
            yield _ScreenLine(Text(row), _Importance.OLDER if age else _Importance.LOG, age)


def _wrap(text: str, width: int, mark: str) -> list[str]:
    """The text in rows of at most `width` columns, at least one."""
    room = max(width, _MARGIN + 10)
    return textwrap.wrap(text, room, initial_indent=mark, subsequent_indent=" " * _MARGIN) or [mark]


def _typing_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    if picture.typing is None:
        return
    text = _heading("say", width).append("> ", style="bold")
    shown = picture.typing
    while shown and cell_len(shown) > width - text.cell_len - 1:
        shown = shown[1:]  # the end of the line is where it is typed
    yield _ScreenLine(text.append(shown).append(" ", style="reverse"), _Importance.TYPING)


def _key_lines(picture: Picture, width: int) -> Iterator[_ScreenLine]:
    keys = picture.keys if picture.typing is None else _TYPING_KEYS
    key_texts = [Text.assemble((key, "bold"), (f" {does}", "dim")) for key, does in keys]
    for number, row in enumerate(_flow_into_rows(key_texts, width, " " * _BETWEEN_KEYS)):
        yield _ScreenLine(row, _Importance.MORE_KEYS if number else _Importance.KEYS, number)


def _flow_into_rows(pieces: Iterable[Text], width: int, between: str, heading: str | None = None) -> Sequence[Text]:
    """Lay out pieces in rows of at most `width` columns; no piece is split."""
    rows: list[Text] = []
    for piece in pieces:
        if rows and rows[-1].cell_len + len(between) + piece.cell_len <= width:
            rows[-1].append(between).append_text(piece)
        else:
            start = Text(" ") if heading is None else _heading("" if rows else heading, width)
            rows.append(start.append_text(piece))
    return rows
