"""Tables of words and numbers, for a page, for Markdown, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge.measure.reporting.intervals import Interval
from edge.measure.reporting.lines import Line
from edge.measure.reporting.measures import percentile

NONE = "-"
"""Stands where there is no figure."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title. The first column names the row, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def percent(interval: Interval | None) -> str:
    """A share with its interval: `95.7 (90.3-98.1)`."""
    if interval is None:
        return NONE
    return f"{100 * interval.share:.1f} ({100 * interval.least:.1f}-{100 * interval.most:.1f})"


def decision_ms(lines: Iterable[Line], hundredths: int) -> str:
    """What so many hundredths of the decision times do not exceed."""
    times = [one.decision_ms for one in lines if one.decision_ms is not None]
    return f"{percentile(times, hundredths):.0f}" if times else NONE


def markdown(table: Table) -> str:
    """The table for a page of docs."""
    head = f"| {' | '.join(table.columns)} |\n|---|{'--:|' * (len(table.columns) - 1)}\n"
    body = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in table.rows)
    note = f"\n{table.note}\n" if table.note else ""
    return f"### {table.title}\n\n{head}{body}{note}"
