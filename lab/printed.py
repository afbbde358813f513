"""Rich tables for the terminal: an evaluation's figures, a report's tables, a comparison of two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.terminal.tables import pluralize
from lab.report.comparing import Comparison, first_recorded_fields
from lab.report.comparing import Table as Figures
from lab.report.lines import ClipLine
from lab.scoring import ClipTally, Mark

_ALARMING = (Mark.WRONG, Mark.INVENTED)  # Marks whose count must be 0.


def render_evaluation(by_condition: Mapping[str, ClipTally], overall: ClipTally) -> Group:
    """Render an evaluation: the clips' outcomes, then fields and speed; a row for each condition."""
    rows = {**by_condition, "overall": overall}
    fields = sorted(overall.fields_said)
    marks = _new_table("n", *Mark, "p50", "p95")
    marks.caption = "p50, p95: milliseconds from the last word to the record on disk"
    details = _new_table(*(f"{name} right" for name in fields), "x real time")
    for condition, tally in rows.items():
        style = "bold" if tally is overall else ""
        marks.add_row(condition, *_marks_cells(tally.as_json()), style=style)
        details.add_row(condition, *_details_cells(tally.as_json(), fields), style=style)
    return Group(marks, "", details)


def render_figures(table: Figures) -> Group:
    """Render one of a report's tables."""
    drawn = Table(table.columns[0], box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in table.columns[1:]:
        drawn.add_column(name, justify="right")
    for row in table.rows:
        drawn.add_row(*row)
    return Group("", Text(table.title, style="bold"), drawn, Text(table.note, style="dim"))


def render_comparison(found: Comparison) -> Group:
    """Render two runs over the same clips: marks side by side, changed clips, and the significance test."""
    marks = _new_table("first", "second", first="outcome")
    for mark in Mark:
        marks.add_row(mark, *map(str, found.count_clips_with_mark(mark)))
    changed = Table("clip", "first", "second", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for one in found.changed_clips:
        changed.add_row(
            Text(f"{PurePath(one.clip).name}\n  {one.condition}"),
            _format_outcome(one.before),
            _format_outcome(one.after),
        )
    alone = f"{pluralize(len(found.pairs), 'clip')} in both; {found.unpaired} in one only, not counted."
    chance = (
        f"Right in the first run only: {found.only_first_right}; in the second only: {found.only_second_right}. "
        f"McNemar's exact test: p = {found.p_value:.3g}."
    )
    shown: list[RenderableType] = [changed, ""] if found.changed_clips else []
    return Group(marks, "", *shown, alone, chance)


def _format_outcome(line: ClipLine) -> Text:
    fields = first_recorded_fields(line)
    values = "" if fields is None else f"\n{' '.join(map(str, fields.values()))}"
    return Text(f"{line.mark}{values}", style="red" if line.mark in _ALARMING else "")


def _new_table(*names: str, first: str = "condition") -> Table:
    # Without edges, and with one blank between columns: the widest condition must fit a terminal of 80 columns.
    table = Table(first, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.caption_justify = "left"
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _marks_cells(figures: Mapping[str, Any]) -> list[str | Text]:
    times = (figures["decision_ms_p50"], figures["decision_ms_p95"])
    return [
        str(figures["n"]),
        *(Text(str(figures[kind]), style="red" if kind in _ALARMING and figures[kind] else "") for kind in Mark),
        *("-" if time is None else f"{time:.0f}" for time in times),
    ]


def _details_cells(figures: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    accuracy = figures["field_accuracy"]
    return [
        *(f"{accuracy[name]:.1%}" if name in accuracy else "-" for name in fields),
        f"{figures['real_time_factor']:.3f}",
    ]
