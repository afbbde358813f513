"""Tables for people: an evaluation's figures, the journal's entries, the inventory's rows. They fit 80 columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge.agent.rereading import Compared, Side
from edge.forms.model import Form
from edge.keep.queries import Counts, KeptEntry, KeptUtterance, UtteranceHistory
from edge.keep.readings import Spent
from edge.keep.review import Flagged
from edge.plural import many
from edge.records import Act, FieldValue
from lab.report.comparing import Comparison, recorded
from lab.report.comparing import Table as Figures
from lab.report.lines import Line
from lab.scoring import Mark, Tally

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


def figures(table: Figures) -> Group:
    """One of the tables of a report."""
    drawn = Table(table.columns[0], box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in table.columns[1:]:
        drawn.add_column(name, justify="right")
    for row in table.rows:
        drawn.add_row(*row)
    return Group("", Text(table.title, style="bold"), drawn, Text(table.note, style="dim"))


def two_runs(found: Comparison) -> Group:
    """Two runs over the same clips: marks side by side, the clips that changed, and what chance says."""
    marks = _figures("first", "second", first="outcome")
    for mark in Mark:
        marks.add_row(mark, *map(str, found.marks(mark)))
    changed = Table("clip", "first", "second", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for one in found.changed:
        changed.add_row(Text(f"{PurePath(one.clip).name}\n  {one.condition}"), _came(one.before), _came(one.after))
    alone = f"{many(len(found.pairs), 'clip')} in both; {found.unpaired} in one only, not counted."
    chance = (
        f"Right in the first run only: {found.only_first}; in the second only: {found.only_second}. "
        f"McNemar's exact test: p = {found.chance:.3g}."
    )
    shown: list[RenderableType] = [changed, ""] if found.changed else []
    return Group(marks, "", *shown, alone, chance)


def _came(line: Line) -> Text:
    fields = recorded(line)
    told = "" if fields is None else f"\n{' '.join(map(str, fields.values()))}"
    return Text(f"{line.mark}{told}", style="red" if line.mark in ALARMING else "")


def _figures(*names: str, first: str = "condition") -> Table:
    # Without edges, and with one blank between columns: the widest condition must fit a terminal of 80 columns.
    table = Table(first, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
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
    columns = ("number", "recorded at", "entry", "state", "sent")
    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    numbers = {entry.event_id: entry.sequence for entry in kept}
    for entry in kept:
        table.add_row(
            str(entry.sequence),
            entry.recorded_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            _meant(entry, numbers),
            " ".join((entry.state, *entry.reasons)),
            f"{entry.attempts}x",
        )
    return table


def _meant(entry: KeptEntry, numbers: Mapping[str, int]) -> str:
    """An entry's values, and which one it amends or cancels; by its event id where its number is not among these."""
    if entry.replaces is None:
        return f"{entry.form}: {_fields(entry.fields)}"
    named = numbers.get(entry.replaces, entry.replaces)
    return f"cancels {named}" if entry.act is Act.CANCEL else f"{entry.form}: {_fields(entry.fields)}, amends {named}"


def entry_json(entry: KeptEntry) -> dict[str, Any]:
    """An entry of the journal as a JSON line."""
    return {
        "sequence": entry.sequence,
        "event_id": entry.event_id,
        "act": entry.act,
        "replaces": entry.replaces,
        "form": entry.form,
        "fields": dict(entry.fields),
        "recorded_at": entry.recorded_at.isoformat(),
        "state": entry.state,
        "attempts": entry.attempts,
        "reasons": list(entry.reasons),
    }


def review_json(utterance: KeptUtterance) -> dict[str, Any]:
    """An utterance under review as a JSON line."""
    return {
        "utterance_id": utterance.utterance_id,
        "form": utterance.form,
        "state": "review",
        "fields": dict(utterance.fields),
    }


def review_line(utterance: KeptUtterance) -> str:
    """An utterance under review for people, with what a model made of it where one read it."""
    read = f": {_fields(utterance.fields)}" if utterance.fields else ""
    return f"utterance {utterance.utterance_id} ({utterance.form}) is under review{read}"


def flagged_json(flagged: Flagged) -> dict[str, Any]:
    """An entry that a later answer contradicts, as a JSON line."""
    return {**entry_json(flagged.entry), "flag": flagged.flag}


def flagged_line(flagged: Flagged) -> str:
    """The same for people."""
    return f"entry {flagged.entry.sequence} ({_fields(flagged.entry.fields)}) is {flagged.flag}; it stands"


def deferred_json(utterance: KeptUtterance) -> dict[str, Any]:
    """An utterance that waits for a model, as a JSON line."""
    return {"utterance_id": utterance.utterance_id, "form": utterance.form, "state": "deferred"}


def costs(spent: Sequence[Spent]) -> Table:
    """What models took, a row for each day and model."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("day", no_wrap=True)
    table.add_column("client/model", overflow="fold")
    for name in ("answers", "text", "audio", "out", "min", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in spent:
        price = "no price" if one.cost_usd is None else f"{one.cost_usd:.4f}"
        tokens = (one.text_tokens_in, one.audio_tokens_in, one.tokens_out)
        numbers = [f"{number:,}" for number in (one.answers, *tokens)]
        table.add_row(one.day, f"{one.client}/{one.model}", *numbers, f"{one.audio_seconds / 60:.1f}", price)
    table.caption = "text and audio sent, and out: tokens, as the services counted them; min: of sound"
    table.caption_justify = "left"
    return table


def dossier_json(found: UtteranceHistory) -> dict[str, Any]:
    """All that is kept about an utterance, as a JSON line."""
    return asdict(found)


def dossier(told: Mapping[str, Any]) -> Table:
    """The same for people, a line for each thing that there is to tell."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in told.items():
        if name == "answers":
            for answer in value:
                table.add_row("answer", _answer(answer))
        elif value not in (None, (), {}):
            table.add_row(name.replace("_", " "), value if isinstance(value, str) else json.dumps(value))
    return table


def _answer(answer: Mapping[str, Any]) -> str:
    """What a model answered, in a line; all of it is in the JSON."""
    told = f"{answer['interpreter']}, {answer['came']}"
    if answer["reading"] is None:
        return told
    heard = " ".join(word["text"] for word in answer["reading"]["words"])
    fields = {name: field["value"] for name, field in answer["reading"]["fields"].items() if field["value"] is not None}
    return f"{told}: {heard or 'no words'}" + (f" ({_fields(fields)})" if fields else "")


def counted(counts: Counts) -> str:
    """What the journal holds, in one line."""
    return (
        f"heard {counts.heard}: recorded {counts.accepted}, asked {counts.asked}, repeat {counts.repeat}, "
        f"ignored {counts.ignored}, deferred {counts.deferred}. "
        f"Of the recorded: applied {counts.applied}, duplicate {counts.duplicate}, "
        f"refused {counts.refused}, not confirmed yet {counts.unsettled}."
    )


def comparison(compared: Sequence[Compared]) -> Group:
    """Where another model reads something else, side by side; then how often, and what it cost."""
    table = Table("heard at", "", "on record", "read now", box=SIMPLE_HEAD)
    different = [one for one in compared if one.differing or one.trouble]
    for one in different:
        when = one.heard_at.astimezone().strftime("%m-%d %H:%M:%S")
        for name in one.differing:
            table.add_row(when, name, *(Text(_cell(side, name)) for side in (one.before, one.after)))
            when = ""
        if one.trouble:
            table.add_row(when, "", "", Text(one.trouble, style="red"))
        table.add_row("", "heard", Text(one.before.transcript), Text(one.after.transcript), style="dim")
    silent = sum(one.trouble is not None for one in compared)
    costs = [one.cost_usd for one in compared if one.cost_usd is not None]
    price = f"{sum(costs):.4f} USD" if costs else "no price set"
    alike = len(compared) - len(different)
    told = f"{len(compared)} read again: {alike} alike, {len(different) - silent} different, {silent} not read. {price}"
    return Group(*([table] if different else []), told)


def _cell(side: Side, name: str) -> str:
    return str(side.outcome or "-") if name == "outcome" else str(side.fields.get(name, "-"))


def inventory_rows(form: Form, rows: Sequence[Mapping[str, Any]]) -> Table:
    """The inventory's table, a column per field of the form."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.title, table.title_justify, table.title_style = "The inventory's table", "left", "dim"
    for name in ("sequence", *(field.name for field in form.fields), "event"):
        table.add_column(name)
    for row in rows:
        values = (str(row["fields"].get(field.name, "")) for field in form.fields)
        table.add_row(str(row["sequence"]), *values, row["event_id"])
    return table


def _fields(fields: Mapping[str, FieldValue]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items())
