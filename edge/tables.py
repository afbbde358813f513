"""Tables for people: an evaluation's figures, the journal's entries, the inventory's rows. They fit 80 columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from edge.forms.form import Form
from edge.keep.dossier import Dossier
from edge.keep.rows import Counts, KeptEntry, KeptUtterance
from edge.records import FieldValue
from edge.scoring import Mark, Tally

ALARMING = (Mark.WRONG, Mark.INVENTED)
"""What must be 0."""


def evaluation(by_condition: Mapping[str, Tally], overall: Tally) -> Group:
    """The figures of an evaluation: what became of the clips, then fields and speed; a row per condition."""
    rows = {**by_condition, "overall": overall}
    fields = sorted(overall.fields_said)
    marks = _figures("n", *Mark, "p50", "p95")
    marks.caption = "p50, p95: milliseconds from the last word to the record on disk"
    details = _figures(*(f"{name} right" for name in fields), "x real time")
    for condition, tally in rows.items():
        style = "bold" if tally is overall else ""
        marks.add_row(condition, *_marks(tally.as_json()), style=style)
        details.add_row(condition, *_details(tally.as_json(), fields), style=style)
    return Group(marks, "", details)


def _figures(*names: str) -> Table:
    # Without edges, and with one blank between columns: the widest condition must fit a terminal of 80 columns.
    table = Table("condition", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.caption_justify = "left"
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _marks(figures: Mapping[str, Any]) -> list[str | Text]:
    times = (figures["decision_ms_p50"], figures["decision_ms_p95"])
    return [
        str(figures["n"]),
        *(Text(str(figures[kind]), style="red" if kind in ALARMING and figures[kind] else "") for kind in Mark),
        *("-" if time is None else f"{time:.0f}" for time in times),
    ]


def _details(figures: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    accuracy = figures["field_accuracy"]
    return [
        *(f"{accuracy[name]:.1%}" if name in accuracy else "-" for name in fields),
        f"{figures['real_time_factor']:.3f}",
    ]


def entries(kept: Sequence[KeptEntry]) -> Table:
    """Entries of the journal, newest first, and how far each has come."""
    table = Table("number", "recorded at", "entry", "state", "sent", box=SIMPLE_HEAD)
    for entry in kept:
        table.add_row(
            str(entry.sequence),
            entry.recorded_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            f"{entry.form}: {_fields(entry.fields)}",
            " ".join((entry.state, *entry.reasons)),
            f"{entry.attempts}x",
        )
    return table


def entry_json(entry: KeptEntry) -> dict[str, Any]:
    """An entry of the journal as a JSON line."""
    return {
        "sequence": entry.sequence,
        "event_id": entry.event_id,
        "form": entry.form,
        "fields": dict(entry.fields),
        "recorded_at": entry.recorded_at.isoformat(),
        "state": entry.state,
        "attempts": entry.attempts,
        "reasons": list(entry.reasons),
    }


def review_json(utterance: KeptUtterance) -> dict[str, Any]:
    """An utterance under review as a JSON line."""
    return {"utterance_id": utterance.utterance_id, "form": utterance.form, "state": "review"}


def dossier_json(found: Dossier) -> dict[str, Any]:
    """All that is kept about an utterance, as a JSON line."""
    return asdict(found)


def dossier(told: Mapping[str, Any]) -> Table:
    """The same for people, a line for each thing that there is to tell."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in told.items():
        if value not in (None, (), {}):
            table.add_row(name.replace("_", " "), value if isinstance(value, str) else json.dumps(value))
    return table


def counted(counts: Counts) -> str:
    """What the journal holds, in one line."""
    return (
        f"heard {counts.heard}: recorded {counts.accepted}, asked {counts.asked}, repeat {counts.repeat}, "
        f"ignored {counts.ignored}. Of the recorded: applied {counts.applied}, duplicate {counts.duplicate}, "
        f"refused {counts.refused}, not confirmed yet {counts.unsettled}."
    )


def inventory_rows(form: Form, rows: Sequence[Mapping[str, Any]]) -> Table:
    """The inventory's table, a column per field of the form."""
    table = Table(title="The inventory's table", title_justify="left", title_style="dim", box=SIMPLE_HEAD)
    for name in ("sequence", *(field.name for field in form.fields), "event"):
        table.add_column(name)
    for row in rows:
        values = (str(row["fields"].get(field.name, "")) for field in form.fields)
        table.add_row(str(row["sequence"]), *values, row["event_id"])
    return table


def _fields(fields: Mapping[str, FieldValue]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items())
