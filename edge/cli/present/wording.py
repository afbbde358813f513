"""Codes in words for people: outcomes, reasons, questions, listening modes, and how far an entry has come.

What the operator hears is worded by `speak.wording`; this is what a screen shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dockvoice_protocol.records import Act
from edge.keep.outbox import OutboxState
from edge.records import Outcome, Reason


class Tone(StrEnum):
    """What something means to a person who looks at it; each screen gives it a colour."""

    PLAIN = "plain"
    GOOD = "good"
    OPEN = "open"  # Not settled: something is asked, held or on its way.
    BAD = "bad"
    QUIET = "quiet"  # Nothing to attend to.


STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.OPEN: "yellow", Tone.BAD: "bold red", Tone.QUIET: "dim"}
"""Of the sixteen colours, which a terminal's theme makes fit its own background."""


@dataclass(frozen=True, slots=True)
class Worded:
    """Some words, and what they mean."""

    words: str
    meaning: Tone = Tone.PLAIN


OUTCOMES = {
    Outcome.ACCEPT: Worded("recorded", Tone.GOOD),
    Outcome.HOLD: Worded("held", Tone.OPEN),
    Outcome.ASK: Worded("asked", Tone.OPEN),
    Outcome.REPEAT: Worded("to be said again", Tone.OPEN),
    Outcome.DEFER: Worded("kept, to be read later", Tone.OPEN),
    Outcome.IGNORE: Worded("ignored", Tone.QUIET),
    Outcome.HEED: Worded("heeded", Tone.QUIET),
    Outcome.CANCEL: Worded("cancelled", Tone.QUIET),
}

PARKED = Worded("put aside: a person must look at it", Tone.OPEN)

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
"""Why a whole utterance is no record, by the lists of a language's file (`[moods]`)."""

_STATES = {
    OutboxState.SETTLED: Worded("in the inventory", Tone.GOOD),
    OutboxState.REFUSED: Worded("refused", Tone.BAD),
    OutboxState.DEAD: Worded("set aside: see `dockvoice queue list --held`", Tone.BAD),
    OutboxState.DISCARDED: Worded("given up", Tone.QUIET),
}

_WAITING, _SENT = Worded("not sent yet", Tone.OPEN), Worded("sent, no receipt yet", Tone.OPEN)

QUESTIONS = {
    "field": "for the {field}",
    "choice": "{candidates}",
    "field right": "whether the {field} is right",
    "entry right": "whether the entry is right",
    "cancel": "whether to cancel the last entry",
    "instead": "whether that corrects the entry, or begins the next",
    "next or instead": "whether that is the next, or the name of the entry",
    "proof": "for the check digits of the {field}",
    "wrong": "what is wrong",
    "close": "whether to close the trailer",
    "reopen": "whether to open the closed trailer again",
}
"""By the values of `edge.agree.questions.About`, which takes half a second to load."""

MODES = {"open": "open microphone", "push-to-talk": "push to talk", "wake-phrase": "wake phrase"}
"""By the values of `edge.config.ListeningMode`, likewise."""


def because(code: str, labels: Mapping[str, str]) -> str:
    """One reason, given as `field_missing:dock`; `labels` is what people call the fields."""
    reason, _, field = code.partition(":")
    return REASONS[Reason(reason)].format(field=labels.get(field, field)).strip()


def result(outcome: Outcome, reasons: Iterable[str], labels: Mapping[str, str]) -> Worded:
    """What became of an utterance, and why."""
    known = OUTCOMES[outcome]
    why = ", ".join(because(code, labels) for code in reasons)
    return Worded(f"{known.words}: {why}" if why else known.words, known.meaning)


def progress(state: OutboxState, attempts: int, reasons: Iterable[str]) -> Worded:
    """How far an entry has come."""
    if state is OutboxState.WAITING:
        return _SENT if attempts else _WAITING
    known, why = _STATES[state], ", ".join(code.replace("_", " ") for code in reasons)
    return Worded(f"{known.words}: {why}" if why else known.words, known.meaning)


def changing(told: str, act: Act, named: object) -> str:
    """An entry's values `told`, and which earlier one, called `named`, it amends or cancels."""
    match act:
        case Act.CANCEL:
            return f"cancels {named}"
        case Act.AMEND:
            return f"{told}, amends {named}"
        case _:
            return told
