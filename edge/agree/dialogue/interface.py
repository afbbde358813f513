"""The interface of the dialogue: events come in, orders go out.

Durable orders come first in a list, and are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dockvoice_protocol.forms.spoken import cancels_open_entry, leading_cue
from dockvoice_protocol.records import Act, FieldValue, NotUnderstoodReason, Operator, Reading, Receipt
from edge.agree.decide import NO_CIRCUMSTANCES, Circumstances, Rules, decide, is_unusable
from edge.agree.dialogue.table import Event
from edge.records import (
    NOTHING_STANDS,
    Cause,
    ClosedBy,
    ConfirmationKind,
    Draft,
    DurableOrder,
    LastEntry,
    Note,
    Outcome,
    Reason,
    Shift,
    StandingContext,
    Verdict,
)
from edge.records.speech import AdjustVoice, PlayEarcon, Say, StopSpeaking

_BY_NAME = {one.value: one for one in Event} | dict.fromkeys(("louder", "softer", "faster", "slower"), Event.ADJUST)
"""The event of each command, by its name; all others are ASKED."""

_WORD_S = 1.0  # The longest time for a word of a command; most take a third of it.
_INHALING_S = 1.0  # Sound around a command that may pass for speech: a breath, the end of a noise.

_ACTS = {Act.AMEND: Event.CORRECTION, Act.CANCEL: Event.CANCEL, Act.YES: Event.YES, Act.NO: Event.NO}
_OUTCOMES = {
    Outcome.ACCEPT: Event.ENTRY,
    Outcome.ASK: Event.PART,
    Outcome.IGNORE: Event.NOISE,
    Outcome.DEFER: Event.DEFERRED,
}

NOT_JUDGED = Verdict(Outcome.IGNORE, (), {})  # Of an utterance that the dialogue has not read in its context yet.


@dataclass(frozen=True, slots=True)
class UtteranceHeard:
    """A stored utterance with its reading, which the dialogue interprets in its context and judges."""

    utterance_id: str
    reading: Reading
    closing: ClosedBy = ClosedBy.PAUSE
    known: Circumstances = NO_CIRCUMSTANCES
    began: float | None = None  # When its speech began, on the driver's clock; None: unknown.
    ended: float | None = None  # When it ended.
    stands: tuple[str, ...] = ()  # The fields that also become the context of later entries.
    aloud: bool = False  # An entry is read back however sure it is: it has a value that was not spoken.
    verdict: Verdict = NOT_JUDGED
    behind: tuple[Reading, ...] = ()
    """What it says of the next things, behind what it says of the open one, which is its reading."""
    context_behind: Reading | None = None
    """What it says of the context of all that follows; a field without a value puts that in doubt."""
    said_in: str | None = None  # The utterance whose sound it shares, where that is of an entry, too.
    follows: bool = False  # It is of what follows: its words have ended what is open.

    @property
    def whole(self) -> Reading:
        """All that it says."""
        parts = (self.reading, *self.behind)
        words = tuple(word for one in parts for word in one.words)
        fields = {name: one for part in reversed(parts) for name, one in part.fields.items()}
        return replace(self.reading, words=words, fields=fields) if self.behind else self.reading

    def with_verdict(self, rules: Rules) -> UtteranceHeard:
        """The utterance with its verdict."""
        said, of = self.reading, rules
        if said.act is Act.CONTEXT:
            said, of = replace(said, act=Act.RECORD), rules.for_context
        verdict = decide(said, self.closing, of, self.known)
        if self.aloud and verdict.outcome is Outcome.ACCEPT:
            verdict = replace(verdict, confirm=ConfirmationKind.READBACK)
        return replace(self, verdict=verdict)

    def event(self, rules: Rules) -> Event:
        """The utterance's row in the dialogue's table; UNCLEAR for a doubtful command, answer or correcting word."""
        said = self.reading
        unrecognised = said.not_understood is NotUnderstoodReason.UNHEARD_LANGUAGE
        if unrecognised or self.verdict.outcome in {Outcome.IGNORE, Outcome.DEFER}:
            return Event.UNHEARD if unrecognised else _OUTCOMES[self.verdict.outcome]
        if self.is_indistinct(rules):
            return Event.INDISTINCT
        if said.act in {Act.RECORD, Act.CONTEXT} or said.not_understood is not None:
            said_once = said.act is Act.CONTEXT
            return Event.CONTEXT if said_once else _OUTCOMES.get(self.verdict.outcome, Event.UNCLEAR)
        heeded = leading_cue(said.words, rules.language) if said.act is Act.AMEND else said.words
        if not rules.trusts(heeded):
            return Event.UNCLEAR
        if said.command is None:
            forgets = said.act is Act.CANCEL and cancels_open_entry(said.words, rules.language)
            return Event.NEVER_MIND if forgets else _ACTS.get(said.act, Event.UNCLEAR)
        return _BY_NAME.get(said.command.value.replace("_", " "), Event.ASKED)

    def is_indistinct(self, rules: Rules) -> bool:
        """Whether it was cut off, or is too faint, too fast or too long for what was read."""
        said = replace(self.reading, act=Act.RECORD, not_understood=None)
        return is_unusable(said, self.closing, rules, self.known.acoustics) or self._is_more_than_a_word()

    def _is_more_than_a_word(self) -> bool:
        """Whether it is too long for its command: a grammar-bound recogniser finds one in any sound."""
        if self.known.acoustics is None or self.reading.act in {Act.RECORD, Act.AMEND}:
            return False
        return self.known.acoustics.speech_seconds > _INHALING_S + _WORD_S * len(self.reading.words)

    def note_utterance(self, verdict: Verdict | None = None) -> Note:
        """The order to record it with a verdict; None: its own."""
        return Note(self.utterance_id, self.reading, self.verdict if verdict is None else verdict, self.said_in)

    def note_as_heeded(self, why: Reason = Reason.ANSWER) -> Note:
        """The order to record it as heeded: no entry of its own."""
        return self.note_utterance(Verdict(Outcome.HEED, (Cause(why),), {}))

    def note_as_not_understood(self) -> Note:
        """The order to record it as not understood; REPEAT keeps its own verdict, and its reasons."""
        unclear = Verdict(Outcome.REPEAT, (Cause(Reason.NOT_UNDERSTOOD),), {})
        return self.note_utterance(None if self.verdict.outcome is Outcome.REPEAT else unclear)


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The operator began to speak: the device stops speaking."""


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """Input to the dialogue: its timer expired."""


@dataclass(frozen=True, slots=True)
class ReadingContradicted:
    """A second recogniser heard fields of an utterance otherwise."""

    utterance_id: str
    otherwise: Mapping[str, tuple[FieldValue, FieldValue]] = field(repr=False)
    """By field, the value that was read, and the second recogniser's."""


@dataclass(frozen=True, slots=True)
class EntryCommitted:
    """Input to the dialogue: a commit that it ordered is on disk."""

    entry: LastEntry


@dataclass(frozen=True, slots=True)
class InventoryAnswered:
    """The inventory's receipt for an event of this device."""

    receipt: Receipt
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """The entry's; for a cancellation, those of the cancelled entry."""
    replaces: str | None = None  # The event that it amends or cancels.
    form: str | None = None  # The form of the fields; None: the current one.


class OfficeDecision(StrEnum):
    """The office's decision about an utterance in review or a refused event."""

    RECORDED = "recorded"
    CORRECTED = "corrected"  # Recorded with other values than were read.
    DROPPED = "dropped"
    DECLINED = "declined"  # The entry stands, but the system that it was posted to declined it; no person decided.


@dataclass(frozen=True, slots=True)
class OfficeDecided:
    """The office decided about an utterance in review or a refused event; the decision is on disk."""

    utterance_id: str
    decision: OfficeDecision
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """The entry's; for DROPPED, those that were read."""
    entry: LastEntry | None = None  # The entry that the decision recorded.
    held: str | None = None  # The refused event that was decided.
    form: str | None = None  # The form of the fields; None: the current one.
    why: str | None = None  # For DECLINED, the reason code.

    @property
    def journal_code(self) -> str:
        """Its code in the journal until it is announced."""
        return self.decision.value if self.why is None else f"{self.decision.value}:{self.why}"


@dataclass(frozen=True, slots=True)
class InventoryLinkChanged:
    """The connection to the inventory was lost, or is back."""

    up: bool


@dataclass(frozen=True, slots=True)
class HeadsetFaultChanged:
    """A fault of the headset began or ended."""

    fault: str  # A code of `[faults]` in prompts.toml, such as `unplugged`.
    healed: bool = False


@dataclass(frozen=True, slots=True)
class ShiftBegan:
    """The site's shift or business day changed."""

    shift: Shift


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """Input to the dialogue: the roster of operators changed."""

    operators: tuple[Operator, ...] | None  # None: no sign-on is needed.


@dataclass(frozen=True, slots=True)
class DeviceStarted:
    """The device started; the draft from before is asked about again."""

    draft: Draft | None = None
    operator: str | None = None
    last: LastEntry | None = None
    owed: int = 0
    held: frozenset[str] = frozenset()  # The refused events that are still unresolved.
    entries: tuple[LastEntry, ...] = field(default=(), repr=False)  # The latest on record, oldest first.
    on_break: str | None = None  # The reason of a break that was not ended.
    turned_down: Mapping[str, str | None] = field(default_factory=dict)
    """Each refused event among those, the last entry and the chain that it replaces, with the event that it was to
    replace."""
    context: StandingContext = NOTHING_STANDS
    shift: Shift | None = None  # The current shift; None: the site defines none.


DialogueInput = (
    UtteranceHeard
    | SpeechBegan
    | TimerExpired
    | ReadingContradicted
    | EntryCommitted
    | InventoryAnswered
    | OfficeDecided
    | InventoryLinkChanged
    | HeadsetFaultChanged
    | ShiftBegan
    | RosterChanged
    | DeviceStarted
)

_ALONE: Mapping[type, Event] = {
    SpeechBegan: Event.SPEAKING,
    TimerExpired: Event.DEADLINE,
    ReadingContradicted: Event.CONTRADICTED,
    EntryCommitted: Event.COMMITTED,
    OfficeDecided: Event.DECIDED,
    ShiftBegan: Event.SHIFT_BEGAN,
    RosterChanged: Event.ROSTER,
    InventoryLinkChanged: Event.LINK,
    HeadsetFaultChanged: Event.FAULT,
    DeviceStarted: Event.STARTED,
}


def classify_event(happening: DialogueInput, rules: Rules) -> Event:
    """The row of the dialogue's table that an input selects."""
    match happening:
        case UtteranceHeard(reading=said) if said.is_scan:
            return Event.SCANNED if said.fields else Event.SCAN_FAULT
        case UtteranceHeard():
            return happening.event(rules)
        case InventoryAnswered(receipt):
            return Event.REFUSED if receipt.is_rejected else Event.SETTLED
        case _:
            return _ALONE[type(happening)]


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Start the one timer: `TimerExpired` follows this many seconds after the current prompt ends."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Order to stop the dialogue's one timer."""


class Law(StrEnum):
    """What the audit of claims requires of every step; see `claims`."""

    ATTRIBUTION = "attribution"
    CONSERVATION = "conservation"


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that a step would have broken, and the claims that were parked to keep it."""

    law: Law
    claims: tuple[str, ...] = field(repr=False)  # Their first utterances.


@dataclass(frozen=True, slots=True)
class LawAlarm:
    """Log a breach, with the step that caused it."""

    breach: Breach
    trace: str = field(repr=False)  # The step's `StepTrace`: no spoken words.


Order = DurableOrder | Say | PlayEarcon | StopSpeaking | StartTimer | StopTimer | AdjustVoice | LawAlarm
