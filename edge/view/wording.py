"""Codes in words for whoever watches: reasons, outcomes, questions, how far an entry has come."""

from __future__ import annotations

from collections.abc import Iterable

from edge.agree.dialogue.questions import About, Question
from edge.forms.model import Form
from edge.keep.outbox import OutboxState
from edge.keep.queries import KeptEntry
from edge.records import Because, Outcome, Reason, Verdict
from edge.view.picture import Told, Tone

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
    Reason.TOO_FAST: "more digits than anybody can say in that time",
    Reason.TOO_FAINT: "the voice is too far away",
    Reason.TOO_NOISY: "the voice hardly stands out from the noise",
    Reason.CLIPPED: "too loud for the microphone",
    Reason.SECOND_VOICE: "somebody else seems to be talking too",
    Reason.NOT_UNDERSTOOD: "it names no field of the form",
    Reason.NOT_FOR_DEVICE: "talk that is not for the device",
    Reason.NO_SPEECH: "no words",
    Reason.CUT_SHORT: "its end was not heard",
    Reason.COMMAND: "a command",
    Reason.ANSWER: "an answer",
    Reason.TAKEN_BACK: "taken back",
    Reason.NOT_LISTENING: "said while the device did not listen",
    Reason.NO_MODEL: "no model answered, and the device alone is not sure",
}

OUTCOMES = {
    Outcome.ACCEPT: Told("recorded", Tone.GOOD),
    Outcome.HOLD: Told("held", Tone.OPEN),
    Outcome.ASK: Told("asked", Tone.OPEN),
    Outcome.REPEAT: Told("to be said again", Tone.OPEN),
    Outcome.DEFER: Told("kept, to be read later", Tone.OPEN),
    Outcome.IGNORE: Told("ignored", Tone.QUIET),
    Outcome.HEED: Told("heeded", Tone.QUIET),
    Outcome.CANCEL: Told("cancelled", Tone.QUIET),
}

PARKED = Told("put aside: a person must look at it", Tone.OPEN)

STATES = {
    OutboxState.SETTLED: Told("in the inventory", Tone.GOOD),
    OutboxState.REFUSED: Told("refused", Tone.BAD),
    OutboxState.DEAD: Told("set aside: see `dockvoice queue list --held`", Tone.BAD),
    OutboxState.DISCARDED: Told("given up", Tone.QUIET),
}

WAITING, SENT = Told("not sent yet", Tone.OPEN), Told("sent, no receipt yet", Tone.OPEN)

_QUESTIONS = {
    About.FIELD: "for the {field}",
    About.FIELD_RIGHT: "whether the {field} is right",
    About.ENTRY_RIGHT: "whether the entry is right",
    About.CANCEL: "whether to cancel the last entry",
    About.INSTEAD: "whether that corrects the entry, or begins the next",
    About.PROOF: "for the check digits of the {field}",
    About.WRONG: "what is wrong",
}


def because(reason: Because, form: Form) -> str:
    """One reason."""
    return REASONS[reason.reason].format(field="" if reason.field is None else label(form, reason.field)).strip()


def result(verdict: Verdict, form: Form) -> Told:
    """What became of an utterance, and why."""
    outcome = OUTCOMES[verdict.outcome]
    reasons = ", ".join(because(one, form) for one in verdict.reasons)
    return Told(f"{outcome.words}: {reasons}" if reasons else outcome.words, outcome.tone)


def question(asked: Question, form: Form) -> str:
    """What an answer is waited for."""
    if asked.about is About.CHOICE:
        return " or ".join(map(str, asked.candidates))
    return _QUESTIONS[asked.about].format(field="" if asked.field is None else label(form, asked.field))


def progress(entry: KeptEntry) -> Told:
    """How far an entry has come."""
    if entry.state is OutboxState.WAITING:
        return SENT if entry.attempts else WAITING
    known = STATES[entry.state]
    return Told(": ".join((known.words, *_plain(entry.reasons))), known.tone)


def label(form: Form, name: str) -> str:
    """What people call a field."""
    return next((field.labels[0] for field in form.fields if field.name == name and field.labels), name)


def _plain(codes: Iterable[str]) -> list[str]:
    told = ", ".join(code.replace("_", " ") for code in codes)
    return [told] if told else []
