"""What a person or a program is told as things happen, line by line. Colour only on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.text import Text

from edge.agent.app import AgentTold
from edge.agent.delivery import LinkChanged
from edge.agent.dialogue_driver import Stands
from edge.agent.events import AlreadyKept, CaptureResumed, CaptureStopped, Decided, SourceEnded
from edge.agent.headset import as_json as headset_line
from edge.forms.model import Form
from edge.records import SAMPLE_RATE, FieldValue, Note, OutboxRow, Outcome, Verdict
from lab.scoring import Clip

STYLES = {
    Outcome.ACCEPT: "green",
    Outcome.ASK: "yellow",
    Outcome.REPEAT: "yellow",
    Outcome.IGNORE: "dim",
    Outcome.DEFER: "yellow",
    Outcome.HOLD: "yellow",
    Outcome.HEED: "dim",
    Outcome.CANCEL: "dim",
}
"""Recorded is green, a question yellow, as is what is not recorded yet; what needs nobody's attention is dim."""

REPEAT = "Please say it again."
"""What the operator is asked when no field was understood."""

Show = Callable[[AgentTold], None]


def teller(form: Form, names: Mapping[str, str], *, as_json: bool) -> Show:
    """What shows each thing told: a JSON line per utterance, or text. `names` gives a source's file name."""
    return _with_dialogue(_json_teller(names) if as_json else _text_teller(form, names))


def _with_dialogue(show: Show) -> Show:
    """The same with what the dialogue made of an utterance, which knows more than the verdict: "yes" is an answer."""
    noted: dict[str, Verdict] = {}

    def agreed(told: AgentTold) -> None:
        match told:
            case Stands():
                noted.clear()  # a step is told right before what was decided by it
                noted.update({one.utterance_id: one.verdict for one in told.noted if isinstance(one, Note)})
            case Decided(utterance=utterance, verdict=verdict):
                told = replace(told, verdict=noted.pop(utterance.utterance_id, verdict))
            case _:
                pass
        show(told)

    return agreed


def discreet_teller() -> Show:
    """What a service writes to its log: what became of each utterance, and never a word of what was said."""
    out = Console(highlight=False, soft_wrap=True)

    def show(told: AgentTold) -> None:
        match told:
            case Decided(utterance, _, verdict, row):
                why = ", ".join(str(reason) for reason in verdict.reasons)
                event = "" if row is None else f", event {row.event_id}, number {row.sequence}"
                out.print(f"{verdict.outcome}: utterance {utterance.utterance_id} ({why}){event}")
            case Stands(row=row) if row is not None:
                out.print(f"{_kind(row)}: event {row.event_id}, number {row.sequence}")
            case LinkChanged():
                out.print(_link(told))
            case CaptureStopped() | CaptureResumed():
                out.print(_capture(told))
            case _:  # of the headset, the log has a line of its own
                pass

    return _with_dialogue(show)


def _kind(row: OutboxRow) -> str:
    """What the event does: recorded, amended or cancelled."""
    return str(json.loads(row.body)["type"].split(".")[2])


def _fields(row: OutboxRow) -> dict[str, FieldValue]:
    """The entry's values, as they are published; none in a cancellation."""
    return dict(json.loads(row.body)["data"].get("fields", {}))


def _link(changed: LinkChanged) -> str:
    return f"{'connected to' if changed.up else 'lost'} the broker: {changed.what}"


def _capture(told: CaptureStopped | CaptureResumed) -> str:
    return f"NOT RECORDED: {told.reason}" if isinstance(told, CaptureStopped) else "recording again: there is room"


def _capture_json(told: CaptureStopped | CaptureResumed) -> dict[str, Any]:
    return {"capture": "stopped", "reason": told.reason} if isinstance(told, CaptureStopped) else {"capture": "resumed"}


def _json_teller(names: Mapping[str, str]) -> Show:
    def show(told: AgentTold) -> None:
        line = _as_json(told, names)
        if line is not None:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()  # whoever reads this reads along

    return show


def _as_json(told: AgentTold, names: Mapping[str, str]) -> dict[str, Any] | None:
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
        case CaptureStopped() | CaptureResumed():
            return _capture_json(told)
        case Stands(row=row) if row is not None:
            return {"agreed": _kind(row), "event_id": row.event_id, "fields": _fields(row)}
        case SourceEnded() | LinkChanged() | Stands():
            return None
        case _:
            return headset_line(told)


def _text_teller(form: Form, names: Mapping[str, str]) -> Show:
    console = Console(highlight=False, soft_wrap=True)
    quiet_since_last = True

    def show(told: AgentTold) -> None:
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
            case _:
                if (line := _besides(form, told)) is not None:
                    console.print(line)

    return show


def _besides(form: Form, told: AgentTold) -> Text | None:
    """What is told of anything but what was just heard; of the headset, the log has a line of its own."""
    match told:
        case Stands(row=row) if row is not None:
            return Text(f"   {_kind(row):9} {form.readback(_fields(row))}", style=STYLES[Outcome.ACCEPT])
        case LinkChanged():
            return Text(_link(told), style="dim")
        case CaptureStopped() | CaptureResumed():
            return Text(_capture(told), style="bold")
        case _:
            return None


def _lines(name: str, **told: str) -> Text:
    """A source, and below it what is told of it, each line with its heading."""
    return Text("\n").join([Text(name, style="bold"), *(Text(f"   {what:9} {words}") for what, words in told.items())])


def said(clip: Clip) -> str:
    """What is said in a clip, in words for people."""
    return f'"{clip.text}"' if clip.text else f"({clip.condition})"


def answer(form: Form, verdict: Verdict) -> str:
    """What the operator is told, in words."""
    why = f"({', '.join(str(reason) for reason in verdict.reasons)})"
    match verdict.outcome:
        case Outcome.ACCEPT | Outcome.HOLD:
            what = "recorded" if verdict.outcome is Outcome.ACCEPT else "held"
            return f"{what:9} {form.readback(verdict.fields)}"
        case Outcome.ASK:
            asked = next((field.ask for field in form.fields if field.name == verdict.ask), REPEAT)
            return f"asked     {asked}  {why}"
        case Outcome.REPEAT:
            return f"asked     {REPEAT}  {why}"
        case Outcome.IGNORE | Outcome.HEED | Outcome.CANCEL:
            what = {Outcome.IGNORE: "ignored", Outcome.HEED: "heeded"}.get(verdict.outcome, "cancelled")
            return f"{what:9} {why}"
        case Outcome.DEFER:
            return f"kept      to be read later  {why}"
