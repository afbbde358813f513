"""The events of a dialogue: what was said, how it was judged, and what else happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dockvoice_protocol.forms.spoken import cue, refuses
from dockvoice_protocol.records import Act, FieldValue, NotUnderstood, Operator, Reading, Receipt
from edge.agree.decide import NOTHING_KNOWN, Circumstances, Rules, is_unusable
from edge.agree.dialogue.table import Event
from edge.records import (
    NOTHING_STANDS,
    Because,
    Closing,
    Draft,
    LastEntry,
    Note,
    Outcome,
    Reason,
    Shift,
    StandingContext,
    Verdict,
)

_BY_NAME = {one.value: one for one in Event} | dict.fromkeys(("louder", "softer", "faster", "slower"), Event.ADJUST)
"""By its name, what a command is; any other is a question to the device."""

WORD_S = 1.0  # Nobody takes longer for a word of a command; most take a third of it.
INHALING_S = 1.0  # What may be taken for speech around a command: a breath, the end of a noise.

_ACTS = {Act.AMEND: Event.CORRECTION, Act.CANCEL: Event.CANCEL, Act.YES: Event.YES, Act.NO: Event.NO}
_OUTCOMES = {
    Outcome.ACCEPT: Event.ENTRY,
    Outcome.ASK: Event.PART,
    Outcome.IGNORE: Event.NOISE,
    Outcome.DEFER: Event.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class UtteranceHeard:
    """An utterance that is on disk, read and judged."""

    utterance_id: str
    reading: Reading
    verdict: Verdict
    closing: Closing = Closing.PAUSE
    known: Circumstances = NOTHING_KNOWN
    began: float | None = None
    """When the operator began to say it, on the driver's clock; None where that is not known."""
    ended: float | None = None  # When he had said it.
    stands: tuple[str, ...] = ()  # The fields that it says to hold for the entries behind it too.

    def event(self, rules: Rules) -> Event:
        """What it is to the dialogue. What is not a field, and not heard surely, is not acted on."""
        said = self.reading
        unheard = said.not_understood is NotUnderstood.UNHEARD_LANGUAGE
        if unheard or self.verdict.outcome in {Outcome.IGNORE, Outcome.DEFER}:
            return Event.UNHEARD if unheard else _OUTCOMES[self.verdict.outcome]
        if self.is_indistinct(rules):
            return Event.INDISTINCT
        if said.act in {Act.RECORD, Act.CONTEXT} or said.not_understood is not None:
            said_once = said.act is Act.CONTEXT
            return Event.CONTEXT if said_once else _OUTCOMES.get(self.verdict.outcome, Event.UNCLEAR)
        heeded = cue(said.words, rules.language) if said.act is Act.AMEND else said.words
        if any(word.confidence < rules.demands.uncalibrated for word in heeded):
            return Event.UNCLEAR
        if said.command is None:
            forgets = said.act is Act.CANCEL and refuses(said.words)
            return Event.NEVER_MIND if forgets else _ACTS.get(said.act, Event.UNCLEAR)
        return _BY_NAME.get(said.command.value.replace("_", " "), Event.ASKED)

    def is_indistinct(self, rules: Rules) -> bool:
        """Whether it was cut off, or is too faint or too fast to be the operator's, whatever was read of it."""
        said = replace(self.reading, act=Act.RECORD, not_understood=None)
        return is_unusable(said, self.closing, rules, self.known.acoustics) or self._is_more_than_a_word()

    def _is_more_than_a_word(self) -> bool:
        """Whether a command was made of speech that went on much longer: a grammar hears one in anything."""
        if self.known.acoustics is None or self.reading.act in {Act.RECORD, Act.AMEND}:
            return False
        return self.known.acoustics.speech_seconds > INHALING_S + WORD_S * len(self.reading.words)

    def noted(self, verdict: Verdict | None = None) -> Note:
        """On record, with this verdict or the one that it came with."""
        return Note(self.utterance_id, self.reading, self.verdict if verdict is None else verdict)

    def noted_as_heeded(self, why: Reason = Reason.ANSWER) -> Note:
        """On record, and no entry by itself."""
        return self.noted(Verdict(Outcome.HEED, (Because(why),), {}))

    def noted_as_not_understood(self) -> Note:
        """On record as not understood; a command that was not heard surely has another verdict by itself."""
        unclear = Verdict(Outcome.REPEAT, (Because(Reason.NOT_UNDERSTOOD),), {})
        return self.noted(None if self.verdict.outcome is Outcome.REPEAT else unclear)


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The operator began to speak: the device falls silent."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The timer that was started last ran out."""


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A second reader heard fields of an utterance otherwise."""

    utterance_id: str
    otherwise: Mapping[str, tuple[FieldValue, FieldValue]] = field(repr=False)
    """By field, the value that was read, and the one that the second reader's words make."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What the dialogue ordered to be committed is on disk, as this event."""

    entry: LastEntry


@dataclass(frozen=True, slots=True)
class InventoryAnswered:
    """What the inventory said to an event of this device."""

    receipt: Receipt
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """Those of its entry; of a cancellation those of the entry that was to be cancelled."""
    replaces: str | None = None  # The event that it was to amend or cancel.
    form: str | None = None  # The form of the fields; None: the one that is filled now.


class Fate(StrEnum):
    """What a person made of what waited for one."""

    RECORDED = "recorded"
    CORRECTED = "corrected"  # Recorded with other values than were understood.
    DROPPED = "dropped"
    DECLINED = "declined"  # It stands, and the system that it was posted into does not take it: nobody decided that.


@dataclass(frozen=True, slots=True)
class PersonDecided:
    """Somebody in the office decided about what waited for a person. It is on disk."""

    utterance_id: str
    fate: Fate
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """Those of the entry; of what was dropped, those that were understood."""
    entry: LastEntry | None = None  # What is on record by it.
    held: str | None = None  # The event that waited, where the inventory had turned one down.
    form: str | None = None  # The form of the fields; None: the one that is filled now.
    why: str | None = None  # Of what was declined, the code of the reason.

    @property
    def word(self) -> str:
        """As the journal keeps it until the operator has been told."""
        return self.fate.value if self.why is None else f"{self.fate.value}:{self.why}"


@dataclass(frozen=True, slots=True)
class Link:
    """Whether the inventory can be reached has changed."""

    up: bool


@dataclass(frozen=True, slots=True)
class Hardware:
    """A fault of the headset came, or went."""

    fault: str  # A code, such as `headset_lost` or `silent_source`.
    healed: bool = False


@dataclass(frozen=True, slots=True)
class ShiftBegan:
    """Another shift of the site, or another business day."""

    shift: Shift


@dataclass(frozen=True, slots=True)
class RosterTaken:
    """Who may sign on has changed."""

    operators: tuple[Operator, ...] | None  # None: nobody needs to.


@dataclass(frozen=True, slots=True)
class Started:
    """The device came up. What was open when it went down is told, and asked for again."""

    draft: Draft | None = None
    operator: str | None = None
    last: LastEntry | None = None
    owed: int = 0
    held: frozenset[str] = frozenset()  # The events of the entries that wait for a person.
    entries: tuple[LastEntry, ...] = field(default=(), repr=False)  # The latest on record, the oldest first.
    on_break: str | None = None  # Why the operator was away.
    turned_down: Mapping[str, str | None] = field(default_factory=dict)
    """Of those, and of the last entry and what that replaces one after the other, each that the inventory turned down,
    with the one that it was to replace."""
    context: StandingContext = NOTHING_STANDS
    shift: Shift | None = None  # In which the device came up; None where the site does not say how it counts its days.


Happening = (
    UtteranceHeard
    | SpeechBegan
    | Deadline
    | Contradicted
    | Committed
    | InventoryAnswered
    | PersonDecided
    | Link
    | Hardware
    | ShiftBegan
    | RosterTaken
    | Started
)


_ALONE: Mapping[type, Event] = {
    SpeechBegan: Event.SPEAKING,
    Deadline: Event.DEADLINE,
    Contradicted: Event.CONTRADICTED,
    Committed: Event.COMMITTED,
    PersonDecided: Event.DECIDED,
    ShiftBegan: Event.SHIFT_BEGAN,
    RosterTaken: Event.ROSTER,
    Link: Event.LINK,
    Hardware: Event.FAULT,
    Started: Event.STARTED,
}


def event_of(happening: Happening, rules: Rules) -> Event:
    """The column of the table."""
    match happening:
        case UtteranceHeard(reading=said) if said.scanned:
            return Event.SCANNED if said.fields else Event.SCAN_FAULT
        case UtteranceHeard():
            return happening.event(rules)
        case InventoryAnswered(receipt):
            return Event.REFUSED if receipt.turned_down else Event.SETTLED
        case _:
            return _ALONE[type(happening)]
