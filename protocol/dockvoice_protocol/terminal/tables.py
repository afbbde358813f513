"""Console output for people: tables that fit a terminal of any width, and counts in sentences."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from dockvoice_protocol.terminal.plain_text import escape_line, escape_lines

_UNBOUNDED = 100_000  # Columns: more than anything that is printed here takes.

_FOLDED = 20
"""Columns, at the least, of what may be broken anywhere: keys, hashes, JSON. Its table column has overflow="fold"."""


class EscapingConsole(Console):
    """A rich console that escapes unsafe characters in text.

    Colours and cursor movements are rich's own segments.
    """

    def render_str(self, text: str, **how: Any) -> Text:
        """Escape before measuring, so that the width is right."""
        return super().render_str(escape_lines(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape each segment."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(escape_lines(piece.text), piece.style)


class _SafeFormatter(logging.Formatter):
    """A log line that stays one line of plain text; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library calls it so
        """The line, without a traceback."""
        return escape_line(super().formatMessage(record))


def configure_logging(stream: TextIO, level: int, form: str) -> None:
    """Log to `stream`, from `level` on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_SafeFormatter(form))
    logging.basicConfig(handlers=[handler], level=level)


def print_tables(renderable: RenderableType) -> None:
    """Print tables and text without markup.

    On a terminal, cells are broken between words; a table that is still too wide overflows. In a file or a pipe each
    row is one line, without blanks behind what it says.
    """
    console = EscapingConsole(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        console.width = max(console.width, *(_fit_columns(console, table) for table in _tables_in(renderable)))
        console.print(renderable)
        return
    console.width = _measure(console, renderable).maximum
    with console.capture() as printed:
        console.print(renderable)
    console.file.write("\n".join(line.rstrip(" ") for line in printed.get().split("\n")))


def make_folding_table(*headings: str) -> Table:
    """A table without edges, whose cells may be broken anywhere to fit 80 columns."""
    columns = (Column(heading, overflow="fold") for heading in headings)
    return Table(*columns, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _tables_in(renderable: RenderableType) -> Iterator[Table]:
    if isinstance(renderable, Table):
        yield renderable
    elif isinstance(renderable, Group):
        for one in renderable.renderables:
            yield from _tables_in(one)


def _fit_columns(console: Console, table: Table) -> int:
    """Give each column at least its longest word, and the remaining width to those that lack least; the width."""
    sizes = [_column_width(console, column) for column in table.columns]
    beside = _measure(console, table).maximum - sum(size.maximum for size in sizes)
    room = console.width - beside - sum(size.minimum for size in sizes)
    for column, size in sorted(zip(table.columns, sizes, strict=True), key=lambda one: one[1].span):
        more = max(0, min(size.span, room))
        column.width = size.minimum + more
        room -= more
    return console.width - min(room, 0)


def _column_width(console: Console, column: Column) -> Measurement:
    sizes = [_measure(console, cell) for cell in (column.header, *column.cells)]
    most, word = max(size.maximum for size in sizes), max(size.minimum for size in sizes)
    if column.overflow == "fold":
        return Measurement(min(word, _FOLDED), most)
    return Measurement(most if column.no_wrap else word, most)


def _measure(console: Console, renderable: RenderableType) -> Measurement:
    return Measurement.get(console, console.options.update(max_width=_UNBOUNDED), renderable)


def pluralize(count: int, one: str, more: str | None = None) -> str:
    """A count with its noun: `1 device`, `2 devices`; `more` is the plural where it is not `one` with an s."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"
