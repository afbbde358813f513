"""Lines of what happens: text for people, in colour only on a terminal, and JSON for programs.

The JSON is what `replay --json` and `run --json` print, and what `watch` draws. Each line of it is one object, told
apart by its first key. Keys and lines may be added; none is taken away.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldValue, Reading
from dockvoice_protocol.terminal.tables import EscapingConsole
from edge.agent.app import AgentEvent
from edge.agent.delivery import LinkChanged
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.events import CaptureResumed, CaptureStopped, SourceEnded, UtteranceAlreadyStored, UtteranceDecided
from edge.agent.headset import headset_event_as_json as headset_line
from edge.agree.decide import Rules
from edge.agree.dialogue.questions import judge_draft
from edge.cli.tables import OUTCOMES, STYLES, Tone, entry_json
from edge.config import Settings
from edge.keep.queries import Counts, KeptEntry
from edge.records import SAMPLE_RATE, OutboxRow, Outcome, Verdict
from edge.records.entry import Note, Park
from edge.records.speech import Say
from edge.speak.wording import Phrasing

JsonLine = dict[str, Any]

_RESUMED: JsonLine = {"capture": "resumed"}

_REPEAT = "Please say it again."  # What the operator is asked when no field was understood.

_EventPrinter = Callable[[AgentEvent], None]


def make_event_printer(
    form: Form, names: Mapping[str, str], *, as_json: bool, known: Mapping[str, Form] | None = None
) -> _EventPrinter:
    """Make the function that prints events: as JSON lines, or as text. `names` gives a source's file name."""
    forms = known or {form.name: form}
    return wrap_to_print_dialogue_verdicts(
        (lambda event: print_line(_event_line(event, names))) if as_json else _make_text_printer(forms, names)
    )


def wrap_to_print_dialogue_verdicts(show: _EventPrinter) -> _EventPrinter:
    """Wrap a printer: in the place of the recogniser's verdict it gets the dialogue's, where "yes" is an answer."""
    noted: dict[str, Verdict] = {}

    def show_with_dialogue_verdict(event: AgentEvent) -> None:
        match event:
            case DialogueStatus():
                noted.clear()  # a step is reported right before what was decided by it
                noted.update({one.utterance_id: one.verdict for one in event.noted if isinstance(one, Note)})
            case UtteranceDecided(utterance=utterance, verdict=verdict):
                event = replace(event, verdict=noted.pop(utterance.utterance_id, verdict))
            case _:
                pass
        show(event)

    return show_with_dialogue_verdict


def make_event_logger() -> _EventPrinter:
    """Make the function that logs each utterance's result without any of its words."""
    out = EscapingConsole(highlight=False, soft_wrap=True)

    def log_event(happened: AgentEvent) -> None:
        match happened:
            case UtteranceDecided(utterance, _, verdict, row, replaces=replaces):
                why = ", ".join(str(reason) for reason in verdict.reasons)
                event = "" if row is None else f", event {row.event_id}, number {row.sequence}"
                event += "" if replaces is None else f", in the place of event {replaces}"
                out.print(f"{verdict.outcome}: utterance {utterance.utterance_id} ({why}){event}")
            case DialogueStatus(row=row) if row is not None:
                out.print(f"{_event_kind(row)}: event {row.event_id}, number {row.sequence}")
            case LinkChanged():
                out.print(_link_text(happened))
            case CaptureStopped() | CaptureResumed():
                out.print(_capture_text(happened))
            case _:  # of the headset, the log has a line of its own
                pass

    return wrap_to_print_dialogue_verdicts(log_event)


def _link_text(changed: LinkChanged) -> str:
    return f"{'connected to' if changed.up else 'lost'} the broker: {changed.what}"


def _capture_text(event: CaptureStopped | CaptureResumed) -> str:
    return f"NOT RECORDED: {event.reason}" if isinstance(event, CaptureStopped) else "recording again: there is room"


def _make_text_printer(forms: Mapping[str, Form], names: Mapping[str, str]) -> _EventPrinter:
    console = EscapingConsole(highlight=False, soft_wrap=True)
    quiet_since_last = True

    def print_event(event: AgentEvent) -> None:
        nonlocal quiet_since_last
        match event:
            case UtteranceDecided(utterance, reading, verdict):
                quiet_since_last = False
                console.print(_headed_lines(names.get(utterance.source, utterance.source), heard=reading.transcript))
                form = forms[utterance.form]
                console.print(Text(f"   {_reply_text(form, verdict)}", style=STYLES[OUTCOMES[verdict.outcome].meaning]))
            case UtteranceAlreadyStored(source):
                quiet_since_last = False
                console.print(_headed_lines(names.get(source, source), kept="on record already, not recorded again"))
            case SourceEnded(source):
                if quiet_since_last:
                    console.print(_headed_lines(names.get(source, source), ignored="no speech"), style="dim")
                quiet_since_last = True
            case _:
                if (line := _other_event_text(forms, event)) is not None:
                    console.print(line)

    return print_event


def _other_event_text(forms: Mapping[str, Form], event: AgentEvent) -> Text | None:
    """The text for an event other than an utterance; None without one. The headset's faults are logged elsewhere."""
    match event:
        case DialogueStatus(row=row) if row is not None:
            form = forms[_event_form(row)]
            return Text(f"   {_event_kind(row):9} {form.readback(_event_fields(row))}", style=STYLES[Tone.GOOD])
        case LinkChanged():
            return Text(_link_text(event), style="dim")
        case CaptureStopped() | CaptureResumed():
            return Text(_capture_text(event), style="bold")
        case _:
            return None


def _headed_lines(name: str, **texts: str) -> Text:
    """A source, with a line for each text below it, headed by its name."""
    return Text("\n").join([Text(name, style="bold"), *(Text(f"   {what:9} {words}") for what, words in texts.items())])


def _reply_text(form: Form, verdict: Verdict) -> str:
    """The device's reply to a verdict in words."""
    outcome = verdict.outcome
    heading, _, more = OUTCOMES[Outcome.ASK if outcome is Outcome.REPEAT else outcome].words.partition(", ")
    why = f"({', '.join(str(reason) for reason in verdict.reasons)})"
    match outcome:
        case Outcome.ACCEPT | Outcome.HOLD:
            reply = form.readback(verdict.fields)
        case Outcome.ASK | Outcome.REPEAT:
            reply = f"{next((field.ask for field in form.fields if field.name == verdict.ask), _REPEAT)}  {why}"
        case _:
            reply = f"{more}  {why}" if more else why
    return f"{heading:9} {reply}"


# For programs.


def print_line(line: JsonLine | None) -> None:
    """Print a line, if there is one, and flush."""
    if line is not None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _event_kind(row: OutboxRow) -> str:
    """What the event does: recorded, amended or cancelled."""
    return str(json.loads(row.body)["type"].split(".")[2])


def _event_fields(row: OutboxRow) -> dict[str, FieldValue]:
    """The entry's values, as they are published; none in a cancellation."""
    return dict(json.loads(row.body)["data"].get("fields", {}))


def _event_form(row: OutboxRow) -> str:
    """The name of the entry's form, as it is published."""
    return str(json.loads(row.body)["data"]["form"])


def _event_line(event: AgentEvent, names: Mapping[str, str]) -> JsonLine | None:
    """The JSON line for an event; None if it has none. `names` gives a source's file name."""
    match event:
        case UtteranceDecided():
            return _decided_line(event, names)
        case UtteranceAlreadyStored(source, segment, kept):
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
            return {"capture": "stopped", "reason": event.reason} if isinstance(event, CaptureStopped) else _RESUMED
        case DialogueStatus(row=row) if row is not None:
            return {"agreed": _event_kind(row), "event_id": row.event_id, "fields": _event_fields(row)}
        case SourceEnded() | LinkChanged() | DialogueStatus():
            return None
        case _:
            return headset_line(event)


def _decided_line(event: UtteranceDecided, names: Mapping[str, str]) -> JsonLine:
    utterance, verdict, segment = event.utterance, event.verdict, event.utterance.segment
    return {
        "source": names.get(utterance.source, utterance.source),
        "utterance_id": utterance.utterance_id,
        "verdict": verdict.outcome,
        "reasons": [str(reason) for reason in verdict.reasons],
        "ask": verdict.ask,
        "fields": dict(verdict.fields),
        "transcript": event.reading.transcript,
        "interpreter": event.reading.interpreter,
        "event_id": None if event.row is None else event.row.event_id,
        "replaces": event.replaces,
        "timings": {
            "speech_start_s": segment.speech_start / SAMPLE_RATE,
            "speech_end_s": segment.speech_end / SAMPLE_RATE,
            "closed_s": segment.closed / SAMPLE_RATE,
            "compute_ms": round(event.compute_s * 1000, 1),
        },
    }


@dataclass(frozen=True, slots=True)
class JournalState:
    """The journal's counts and latest entries at one time."""

    counts: Counts
    sent: int  # Of what is owed, how much the broker took.
    in_review: int
    latest: Sequence[KeptEntry]  # Newest first.


class AgentLines:
    """The JSON lines of a listening agent: its events, and changes of its state."""

    def __init__(self, settings: Settings, rules: Rules, forms: Mapping[str, Form] | None = None) -> None:
        """`forms` are all forms by name that may occur; None: that of `rules` alone."""
        self._settings = settings
        self._rules = rules
        self._forms = forms or {rules.form.name: rules.form}
        self._language = settings.speak.language.value
        self._phrasing = Phrasing(rules.form, self._language, self._forms)
        self._parked: set[str] = set()
        self._counted: JsonLine | None = None
        self._entries: dict[int, JsonLine] = {}
        self._trouble: str | None = None

    def started_line(self) -> JsonLine:
        """The first line: the device, and the labels of the form's fields."""
        settings, mqtt, form = self._settings, self._settings.deliver.mqtt, self._rules.form
        return {
            "agent": "started",
            "device": settings.device,
            "site": settings.site,
            "operator": settings.operator,
            "broker_address": f"{mqtt.host}:{mqtt.port}",
            "listens_to": settings.hear.device,
            "mode": settings.hear.mode,
            "wake_phrase": settings.hear.wake_phrase,
            "form": form.name,
            "form_fields": _form_fields_json(form),
        }

    def event_lines(self, event: AgentEvent) -> Iterator[JsonLine]:
        """The lines for an event; a changed form or language is kept for later lines."""
        line = _event_line(event, {})
        match event:
            case UtteranceDecided(utterance, reading) if line is not None:
                demanded = self._rules.site_policy.minimum
                line["words"] = [{"text": word.text, "sure": word.confidence >= demanded} for word in reading.words]
                line["read"] = _reading_json(reading)
                line["parked"] = utterance.utterance_id in self._parked
            case DialogueStatus():
                self._parked = {one.utterance_id for one in event.noted if isinstance(one, Park)} or self._parked
                yield from self._switch_work_lines(event.form, event.language or self._settings.speak.language.value)
                yield self._dialogue_line(event)
            case LinkChanged(up, what):
                yield {"broker": "connected" if up else "lost", "what": what}
            case SourceEnded():
                yield {"agent": "stopping"}
            case _:
                pass
        if line is not None:
            yield line

    def _switch_work_lines(self, form_name: str | None, language: str) -> Iterator[JsonLine]:
        """Switch to the form and language; yield a line where one of them changed."""
        form = self._forms.get(form_name or "", self._rules.form)
        if form is self._rules.form and language == self._language:
            return
        self._rules, self._language = replace(self._rules, form=form), language
        self._phrasing = Phrasing(form, language, self._forms)
        yield {"work": form.name, "language": language, "form_fields": _form_fields_json(form)}

    def _dialogue_line(self, stands: DialogueStatus) -> JsonLine:
        """The line for the dialogue's state, its draft, and the device's reply."""
        question, draft = stands.question, stands.draft
        read = {} if draft is None else _reading_json(draft.reading)
        said = " ".join(self._phrasing.text(order) for order in stands.voice_orders if isinstance(order, Say))
        return {
            "dialogue": stands.state,
            "operator": stands.operator,
            "standing": {name: one.value for name, one in stands.context.fields.items()},
            "question": None
            if question is None
            else {"about": question.about, "field": question.field, "candidates": list(question.candidates)},
            "read": read,
            "doubts": [str(one) for one in judge_draft(draft, self._rules).reasons]
            if draft is not None and read
            else [],
            "said": said or None,
            "number": None if stands.row is None else stands.row.sequence,
        }

    def change_lines(self, kept: JournalState, trouble: str | None) -> Iterator[JsonLine]:
        """The lines for what changed in the journal and the connection since the last call."""
        if trouble != self._trouble:
            self._trouble = trouble
            yield {"trouble": trouble}
        counts = kept.counts
        counted = {
            "owed": counts.unsettled,
            "sent": kept.sent,
            "in_review": kept.in_review,
            "refused": counts.refused,
            "held": counts.held,
            "in_inventory": counts.applied + counts.duplicate,
        }
        if counted != self._counted:
            self._counted = counted
            yield {"kept": counted}
        entries = {one.sequence: self._entry_line(one) for one in reversed(kept.latest)}
        yield from ({"entry": one} for number, one in entries.items() if one != self._entries.get(number))
        self._entries = entries

    def _entry_line(self, entry: KeptEntry) -> JsonLine:
        form = self._forms.get(entry.form)
        return {**entry_json(entry), "told": entry.form if form is None else form.readback(entry.fields)}


def _form_fields_json(form: Form) -> list[JsonLine]:
    """Name, label, necessity and question of each field."""
    return [
        {"name": one.name, "label": one.labels[0] if one.labels else one.name, "required": one.required}
        | {"ask": one.ask}
        for one in form.fields
    ]


def _reading_json(reading: Reading) -> JsonLine:
    """For each field its value and the words that it was read from."""
    return {name: {"value": one.value, "words": " ".join(one.words)} for name, one in reading.fields.items()}
