"""Text for people: codes as words (outcomes, reasons, questions, states), and tables of entries, 80 columns wide.

`speak.wording` words what the operator hears; this is what a screen shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.records import Act, FieldValue, as_text
from edge.keep.outbox import OutboxState
from edge.keep.queries import Counts, KeptEntry, KeptUtterance
from edge.keep.review import FlaggedEntry
from edge.records import Outcome, Reason


class Tone(StrEnum):
    """The severity of a text; each screen gives it a colour."""

    PLAIN = "plain"
    GOOD = "good"
    OPEN = "open"  # Not settled: something is asked, held or on its way.
    BAD = "bad"
    QUIET = "quiet"  # Nothing to attend to.


STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.OPEN: "yellow", Tone.BAD: "bold red", Tone.QUIET: "dim"}
"""Of the sixteen colours, which a terminal's theme makes fit its own background."""


@dataclass(frozen=True, slots=True)
class ToneText:
    """A text with its severity."""

    words: str
    meaning: Tone = Tone.PLAIN


OUTCOMES = {
    Outcome.ACCEPT: ToneText("recorded", Tone.GOOD),
    Outcome.HOLD: ToneText("held", Tone.OPEN),
    Outcome.ASK: ToneText("asked", Tone.OPEN),
    Outcome.REPEAT: ToneText("to be said again", Tone.OPEN),
    Outcome.DEFER: ToneText("kept, to be read later", Tone.OPEN),
    Outcome.IGNORE: ToneText("ignored", Tone.QUIET),
    Outcome.HEED: ToneText("heeded", Tone.QUIET),
    Outcome.CANCEL: ToneText("cancelled", Tone.QUIET),
}

PARKED = ToneText("put aside: a person must look at it", Tone.OPEN)

REASONS = {
    Reason.COMPLETE: "complete and sure",
    Reason.FIELD_MISSING: "{field} was not said",
    Reason.FIELD_UNSURE: "{field} was not heard surely",
    Reason.FIELD_UNCONFIRMED: "{field} was heard by one reader alone",
    Reason.FIELD_AMBIGUOUS: "{field} may mean more than one value",
    Reason.FIELD_INVALID: "{field} breaks a rule of the form",
    Reason.NOT_IN_CATALOGUE: "{field} is not in the catalogue",
    Reason.CONFUSABLE: "{field} sounds like another value",
    Reason.UNUSUAL: "{field} is unusual",
    Reason.DOUBLE_COUNT: "{field} was recorded a little while ago",
    Reason.NOT_EXPECTED: "{field} is on no list of expected receipts",
    Reason.EXPECTED_ELSEWHERE: "{field} is expected elsewhere",
    Reason.ALREADY_RECEIVED: "{field} was received already",
    Reason.COUNT_DIFFERS: "{field} is to be counted again",
    Reason.TOO_FAST: "more digits than anybody can say in that time",
    Reason.TOO_FAINT: "the voice is too far away",
    Reason.TOO_NOISY: "the voice hardly stands out from the noise",
    Reason.CLIPPED: "too loud for the microphone",
    Reason.SECOND_VOICE: "somebody else seems to be talking too",
    Reason.NOT_UNDERSTOOD: "nothing in it can be recorded",
    Reason.NOT_FOR_DEVICE: "talk that is not for the device",
    Reason.NO_SPEECH: "no words",
    Reason.CUT_SHORT: "its end was not heard",
    Reason.COMMAND: "a command",
    Reason.CONTEXT: "said for all entries from then on",
    Reason.ANSWER: "an answer",
    Reason.TAKEN_BACK: "taken back",
    Reason.NOT_LISTENING: "said while the device did not listen",
    Reason.NO_MODEL: "no model answered, and the device alone is not sure",
}

MOODS = {
    "denials": "it denies something",
    "questions": "it asks something",
    "tags": "it asks at its end",
    "hearsay": "it tells what somebody else says or does",
    "past": "it tells of another time",
    "wishes": "it tells what is to come, wanted or only imagined",
    "strangers": "it is about something else than the form",
    "taken back": "it is taken back",
}
"""Why an utterance is no record, by the lists of a language's file (`[not_a_record]`)."""

_STATES = {
    OutboxState.SETTLED: ToneText("in the inventory", Tone.GOOD),
    OutboxState.REFUSED: ToneText("refused", Tone.BAD),
    OutboxState.DEAD: ToneText("set aside: see `dockvoice queue list --held`", Tone.BAD),
    OutboxState.DISCARDED: ToneText("given up", Tone.QUIET),
}

_WAITING, _SENT = ToneText("not sent yet", Tone.OPEN), ToneText("sent, no receipt yet", Tone.OPEN)

QUESTIONS = {
    "field": "for the {field}",
    "choice": "{candidates}",
    "field right": "whether the {field} is right",
    "entry right": "whether the entry is right",
    "cancel": "whether to cancel the last entry",
    "drop": "whether to drop the open entry",
    "instead": "whether that corrects the entry, or begins the next",
    "next or instead": "whether that is the next, or the name of the entry",
    "proof": "for the check digits of the {field}",
    "wrong": "what is wrong",
    "close": "whether to close the trailer",
    "reopen": "whether to open the closed trailer again",
}
"""By the values of `edge.agree.dialogue.questions.Topic`, which takes half a second to load."""

MODES = {"open": "open microphone", "push-to-talk": "push to talk", "wake-phrase": "wake phrase"}
"""By the values of `edge.config.ListeningMode`, likewise."""


def reason_text(code: str, labels: Mapping[str, str]) -> str:
    """The words for a reason such as `field_missing:dock`; `labels` are the fields' names for people."""
    reason, _, field = code.partition(":")
    return REASONS[Reason(reason)].format(field=labels.get(field, field)).strip()


def result_text(outcome: Outcome, reasons: Iterable[str], labels: Mapping[str, str]) -> ToneText:
    """The words for an utterance's result and reasons."""
    known = OUTCOMES[outcome]
    why = ", ".join(reason_text(code, labels) for code in reasons)
    return ToneText(f"{known.words}: {why}" if why else known.words, known.meaning)


def state_text(state: OutboxState, reasons: Iterable[str], *, sent: bool) -> ToneText:
    """The words for an entry's state; `sent`: it was published at least once."""
    if state is OutboxState.WAITING:
        return _SENT if sent else _WAITING
    known, why = _STATES[state], ", ".join(code.replace("_", " ") for code in reasons)
    return ToneText(f"{known.words}: {why}" if why else known.words, known.meaning)


def amendment_text(values_text: str, act: Act, named: object) -> str:
    """An entry's values `values_text`, and which earlier one, called `named`, it amends or cancels."""
    match act:
        case Act.CANCEL:
            return f"cancels {named}"
        case Act.AMEND:
            return f"{values_text}, amends {named}"
        case _:
            return values_text


def entries_table(kept: Sequence[KeptEntry]) -> Table:
    """A table of entries, newest first, with their states."""
    columns = ("number", "recorded at", "entry", "state", "sent")
    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    numbers = {entry.event_id: entry.sequence for entry in kept}
    for entry in kept:
        table.add_row(
            str(entry.sequence),
            to_zone(entry.recorded_at, None).strftime("%Y-%m-%d %H:%M:%S"),
            _values_text(entry, numbers),
            " ".join((entry.state, *entry.reasons)),
            f"{entry.attempts}x",
        )
    return table


def _values_text(entry: KeptEntry, numbers: Mapping[str, int]) -> str:
    """An entry's values, and which one it amends or cancels; by its event id where its number is not among these."""
    named = None if entry.replaces is None else numbers.get(entry.replaces, entry.replaces)
    return amendment_text(f"{entry.form}: {_fields_text(entry.fields)}", entry.act, named)


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
    """A line about an utterance under review, with a model's reading."""
    read = f": {_fields_text(utterance.fields)}" if utterance.fields else ""
    return f"utterance {utterance.utterance_id} ({utterance.form}) is under review{read}"


def flagged_json(flagged: FlaggedEntry) -> dict[str, Any]:
    """An entry that a later answer contradicts, as a JSON line."""
    return {**entry_json(flagged.entry), "flag": flagged.flag}


def flagged_line(flagged: FlaggedEntry) -> str:
    """A line about an entry that a later answer contradicts."""
    return f"entry {flagged.entry.sequence} ({_fields_text(flagged.entry.fields)}) is {flagged.flag}; it stands"


def deferred_json(utterance: KeptUtterance) -> dict[str, Any]:
    """A deferred utterance as an object for JSON."""
    return {"utterance_id": utterance.utterance_id, "form": utterance.form, "state": "deferred"}


def history_table(history: Mapping[str, Any]) -> Table:
    """The history of an utterance as a table of two columns."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in history.items():
        if name == "answers":
            for answer in value:
                table.add_row("answer", _model_answer_line(answer))
        elif value not in (None, (), {}):
            table.add_row(name.replace("_", " "), value if isinstance(value, str) else json.dumps(value))
    return table


def _model_answer_line(answer: Mapping[str, Any]) -> str:
    """The answer of one model about an utterance, in one line: its words and values."""
    heading = f"{answer['interpreter']}, {answer['came']}"
    if answer["reading"] is None:
        return heading
    transcript = " ".join(word["text"] for word in answer["reading"]["words"])
    fields = {name: field["value"] for name, field in answer["reading"]["fields"].items() if field["value"] is not None}
    return f"{heading}: {transcript or 'no words'}" + (f" ({_fields_text(fields)})" if fields else "")


def counts_line(counts: Counts) -> str:
    """The journal's counts in one line."""
    return (
        f"heard {counts.utterances}: recorded {counts.accepted}, asked {counts.asked}, repeat {counts.repeat}, "
        f"ignored {counts.ignored}, deferred {counts.deferred}. "
        f"Of the recorded: applied {counts.applied}, duplicate {counts.duplicate}, "
        f"refused {counts.refused}, not confirmed yet {counts.unsettled}."
        + (f" {counts.held} wait for a person: `dockvoice queue list --held`." if counts.held else "")
    )


def _fields_text(fields: Mapping[str, FieldValue]) -> str:
    return ", ".join(f"{name} {as_text(value)}" for name, value in fields.items())
