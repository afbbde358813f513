"""The foot of the screen: faults, the log, the line that is typed, the keys. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from edge.view.lines import Line, Rank, headed
from edge.view.picture import Key, Picture


def foot(picture: Picture, width: int) -> list[Line]:
    """Its lines, from the top."""
    keys = picture.keys if picture.typing is None else TYPING_KEYS
    shown = (_faults(picture.faults, width), _log(picture.log, width), _typing(picture, width), _keys(keys, width))
    return [line for part in shown for line in part]


def _faults(faults: Sequence[str], width: int) -> Iterator[Line]:
    for number, row in enumerate(row for fault in faults for row in _wrapped(fault, width, " ! ", "   ")):
        mark = Text(row[:MARGIN], style="bold white on red" if row[:MARGIN].strip() else "")
        rank = Rank.FAULT if mark.plain.strip() else Rank.REST_OF_FAULT
        yield Line(mark.append(row[MARGIN:], style="bold red"), rank, number)


MARGIN = 3
"""Columns before a fault or a line of the log: where its mark stands."""


def _log(lines: Sequence[str], width: int) -> Iterator[Line]:
    for number, line in enumerate(lines):
        age = len(lines) - 1 - number
        level, _, rest = line.partition(" ")
        known = level in LEVELS
        first, *more = _wrapped(rest if known else line, width, f" {LEVELS[level][0]} " if known else "   ", "   ")
        mark = Text(first[:MARGIN], style=LEVELS[level][1] if known else "")
        yield Line(mark.append(first[MARGIN:]), Rank.OLDER if age else Rank.LATEST_LOG, age)
        for row in more:
            yield Line(Text(row), Rank.OLDER if age else Rank.LOG, age)


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    """At least one row."""
    room = max(width, MARGIN + 10)
    return textwrap.wrap(text, room, initial_indent=first, subsequent_indent=others) or [first]


LEVELS = {
    "WARNING": ("▲", "yellow"),
    "ERROR": ("▲", "bold red"),
    "CRITICAL": ("▲", "bold red"),
}
"""How a line of the log begins, its mark and its style."""


def _typing(picture: Picture, width: int) -> Iterator[Line]:
    if picture.typing is None:
        return
    text = headed("say", width).append("> ", style="bold")
    # The end of the line is where it is typed.
    room = width - text.cell_len - 1
    shown = picture.typing
    while shown and cell_len(shown) > room:
        shown = shown[1:]
    yield Line(text.append(shown).append(" ", style="reverse"), Rank.TYPING)


TYPING_KEYS = (Key("Enter", "says it"), Key("Esc", "gives it up"), Key("^C", "stop"))


def _keys(keys: Sequence[Key], width: int) -> Iterator[Line]:
    rows: list[Text] = []
    for key in keys:
        one = Text.assemble((key.key, "bold"), (f" {key.does}", "dim"))
        if rows and rows[-1].cell_len + BETWEEN_KEYS + one.cell_len <= width:
            rows[-1].append(" " * BETWEEN_KEYS).append_text(one)
        else:
            rows.append(Text(" ").append_text(one))
    for number, row in enumerate(rows):
        yield Line(row, Rank.MORE_KEYS if number else Rank.KEYS, number)


BETWEEN_KEYS = 3
"""Blanks."""
