"""What a person or a program sees: lines as things happen, tables at the end. Colour only on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.delivery import LinkChanged
from edge.dictation import AlreadyKept, Decided, SourceEnded, Told
from edge.forms.form import Form
from edge.keep.rows import Counts, KeptEntry
from edge.records import SAMPLE_RATE, FieldValue, Outcome, Verdict
from edge.scoring import Clip, Mark, Tally

STYLES = {Outcome.ACCEPT: "green", Outcome.ASK: "yellow", Outcome.REPEAT: "yellow", Outcome.IGNORE: "dim"}
"""Recorded is green, a question yellow, what needs nobody's attention dim."""

REPEAT = "Please say it again."
"""What the operator is asked when no field was understood."""

Show = Callable[[Told | LinkChanged], None]


def teller(form: Form, names: Mapping[str, str], *, as_json: bool) -> Show:
    """What shows each thing told: a JSON line per utterance, or text. `names` gives a source's file name."""
    return _json_teller(names) if as_json else _text_teller(form, names)


def _json_teller(names: Mapping[str, str]) -> Show:
    def show(told: Told | LinkChanged) -> None:
        line = _as_json(told, names)
        if line is not None:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()  # whoever reads this reads along

    return show


def _as_json(told: Told | LinkChanged, names: Mapping[str, str]) -> dict[str, Any] | None:
    match told:
        case Decided(utterance, reading, verdict, row, compute_s):
            segment = utterance.segment
            return {
                "source": names.get(utterance.source, utterance.source),
                "utterance_id": utterance.utterance_id,
                "verdict": verdict.outcome,
                "reasons": [str(reason) for reason in verdict.reasons],
                "ask": verdict.ask,
                "fields": dict(verdict.fields),
                "transcript": reading.transcript,
                "interpreter": reading.interpreter,
                "event_id": None if row is None else row.event_id,
                "timings": {
                    "speech_start_s": segment.speech_start / SAMPLE_RATE,
                    "speech_end_s": segment.speech_end / SAMPLE_RATE,
                    "closed_s": segment.closed / SAMPLE_RATE,
                    "compute_ms": round(compute_s * 1000, 1),
                },
            }
        case AlreadyKept(source, segment, kept):
            return {
                "source": names.get(source, source),
                "utterance_id": kept.utterance_id,
                "verdict": "already_kept",
                "earlier_verdict": None if kept.verdict is None else kept.verdict.outcome,
                "fields": dict(kept.fields),
                "event_id": kept.event_id,
                "timings": {"speech_start_s": segment.speech_start / SAMPLE_RATE},
            }
        case SourceEnded() | LinkChanged():
            return None


def _text_teller(form: Form, names: Mapping[str, str]) -> Show:
    console = Console(highlight=False, soft_wrap=True)
    quiet_since_last = True

    def show(told: Told | LinkChanged) -> None:
        nonlocal quiet_since_last
        match told:
            case Decided(utterance, reading, verdict):
                quiet_since_last = False
                console.print(_lines(names.get(utterance.source, utterance.source), heard=reading.transcript))
                console.print(Text(f"   {answer(form, verdict)}", style=STYLES[verdict.outcome]))
            case AlreadyKept(source):
                quiet_since_last = False
                console.print(_lines(names.get(source, source), kept="on record already, not recorded again"))
            case SourceEnded(source):
                if quiet_since_last:
                    console.print(_lines(names.get(source, source), ignored="no speech"), style="dim")
                quiet_since_last = True
            case LinkChanged(up, what):
                console.print(Text(f"{'connected to' if up else 'lost'} the broker: {what}", style="dim"))

    return show


def _lines(name: str, **told: str) -> Text:
    """A source, and below it what is told of it, each line with its heading."""
    return Text("\n").join([Text(name, style="bold"), *(Text(f"   {what:9} {words}") for what, words in told.items())])


def said(clip: Clip) -> str:
    """What is said in a clip, in words for people."""
    return f'"{clip.text}"' if clip.text else f"({clip.condition})"


def answer(form: Form, verdict: Verdict) -> str:
    """What the operator is told, in words."""
    match verdict.outcome:
        case Outcome.ACCEPT:
            return f"recorded  {form.readback(verdict.fields)}"
        case Outcome.ASK:
            asked = next((field.ask for field in form.fields if field.name == verdict.ask), REPEAT)
            return f"asked     {asked}  ({', '.join(str(reason) for reason in verdict.reasons)})"
        case Outcome.REPEAT:
            return f"asked     {REPEAT}  ({', '.join(str(reason) for reason in verdict.reasons)})"
        case Outcome.IGNORE:
            return f"ignored   ({', '.join(str(reason) for reason in verdict.reasons)})"


def evaluation(by_condition: Mapping[str, Tally], overall: Tally) -> Table:
    """The figures of an evaluation, a row per condition and one for all."""
    table = Table(
        title="right + wrong + asked + missed + invented + silent = n", title_justify="left", title_style="dim"
    )
    table.add_column("condition")
    for name in ("n", *Mark, *overall.fields_said, "p50 ms", "p95 ms", "x real time"):
        table.add_column(str(name), justify="right", no_wrap=True)
    for condition, tally in by_condition.items():
        table.add_row(condition, *_cells(tally, list(overall.fields_said)))
    table.add_section()
    table.add_row("overall", *_cells(overall, list(overall.fields_said)), style="bold")
    return table


def _cells(tally: Tally, fields: list[str]) -> list[str | Text]:
    figures = tally.as_json()
    accuracy = figures["field_accuracy"]
    return [
        str(figures["n"]),
        *(_counted(kind, figures[kind]) for kind in Mark),
        *(f"{accuracy[name]:.1%}" if name in accuracy else "-" for name in fields),
        *("-" if figures[f"decision_ms_{p}"] is None else f"{figures[f'decision_ms_{p}']:.0f}" for p in ("p50", "p95")),
        f"{figures['real_time_factor']:.3f}",
    ]


def _counted(kind: Mark, count: int) -> Text:
    alarming = kind in (Mark.WRONG, Mark.INVENTED) and count > 0
    return Text(str(count), style="bold red" if alarming else "")


def entries(kept: Sequence[KeptEntry]) -> Table:
    """Entries of the journal, newest first, and how far each has come."""
    table = Table("sequence", "recorded at", "form", "fields", "state", "sent", "reasons", box=SIMPLE_HEAD)
    for entry in kept:
        table.add_row(
            str(entry.sequence),
            entry.recorded_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            entry.form,
            _fields(entry.fields),
            entry.state,
            str(entry.attempts),
            ", ".join(entry.reasons),
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
