"""Verdicts, entries and their delivery, with the optional fields of an entry: business day, context, base units.

The optional fields depend on the site's settings and master data; what is not configured is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dockvoice_protocol.instants import to_utc, to_zone
from dockvoice_protocol.records import ConvertedQuantity
from dockvoice_protocol.records.reading import Act, FieldReading, FieldValue, Reading, Word
from dockvoice_protocol.records.site import ShiftEvent


@dataclass(frozen=True, slots=True)
class Workday:
    """The business day and shift of a moment."""

    business_day: date
    shift: str | None  # None where the site names no shifts.
    zone: str  # As the time zone database names it: Europe/Berlin.
    utc_offset: str  # As it was at that moment: `+01:00`.


@dataclass(frozen=True, slots=True)
class SiteCalendar:
    """A site's time zone, with the beginnings of its business day and shifts."""

    zone: ZoneInfo
    day_begins: time = time()
    shifts: Mapping[str, time] = field(default_factory=dict)  # When each begins; it lasts until another one does.

    def at(self, moment: datetime) -> Workday:
        """The business day and the shift of a moment.

        Where the clock is put back over a beginning, the first time counts; where it is put forward over it, the
        beginning shifts with the clock, as in RFC 5545.
        """
        here = to_zone(moment, self.zone)
        days = (here.date() - timedelta(days=1), here.date())
        day = max(day for day in days if day == days[0] or self._beginning(day, self.day_begins) <= moment)
        begun = [(self._beginning(day, at), name) for day in days for name, at in self.shifts.items()]
        shift = max(((at, name) for at, name in begun if at <= moment), default=(moment, None))[1]
        offset = here.strftime("%z")
        return Workday(day, shift, self.zone.key, f"{offset[:3]}:{offset[3:5]}")

    def _beginning(self, day: date, at: time) -> datetime:
        # In UTC: datetimes of one zone compare by the wall clock, which is ambiguous when it is put back.
        return to_utc(datetime.combine(day, at, self.zone))


@dataclass(frozen=True, slots=True)
class DerivedFields:
    """What is derived for one entry beside its fields: business day, context, converted counts."""

    workday: Workday | None = None  # None without a configured time zone.
    context: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """Fields that the form names as context, such as trailer and order."""
    converted: Mapping[str, ConvertedQuantity] = field(default_factory=dict, repr=False)
    """Counts in base units by field, where the item's master data have a factor."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that the operator has not agreed to yet. It is durable, so that a restart restores it."""

    utterance_id: str  # The utterance that began it.
    form: str
    reading: Reading  # Merged from all of its utterances so far.
    operator: str | None = None
    act: Act = Act.RECORD
    """RECORD, AMEND or CANCEL of the entry that the event `replaces` names, or CONTEXT, which becomes no entry."""
    replaces: str | None = None
    support: tuple[str, ...] = ()  # The further utterances it rests on, in order: answers and corrections.
    agreed: tuple[str, ...] = field(default=(), repr=False)  # Confirmed values, as `field=value`.
    proved: tuple[str, ...] = field(default=(), repr=False)  # Places with correct check digits, likewise.
    counted: tuple[tuple[str, FieldValue], ...] = field(default=(), repr=False)
    """The first counts of repeated counts, by field."""
    stands: tuple[tuple[str, str], ...] = ()
    """The fields whose values also hold for later entries, each with its utterance."""
    begun: tuple[tuple[Word, ...], ...] = field(default=(), repr=False, compare=False)
    """The utterances whose end no field took, and which may go on in an answer: "minus" | "eighteen"."""
    behind: tuple[Draft, ...] = field(default=(), repr=False)
    """What is asked about behind it, or begins to hold: orders to cancel, closings, contexts; the last one first."""

    @property
    def utterances(self) -> tuple[str, ...]:
        """All utterances that it rests on, the one that began it first."""
        return (self.utterance_id, *self.support)


Shift = tuple[str, str | None]  # A business day, as ISO 8601 has it, and the name of a shift, where there are any.


@dataclass(frozen=True, slots=True)
class StandingContext:
    """Values said once that apply to later entries without a value of their own: the trailer, its door, the order."""

    fields: Mapping[str, FieldReading] = field(default_factory=dict, repr=False)
    """By field name, each with the utterances in which it was said."""
    not_read_back: tuple[str, ...] = ()  # The fields that were not read back yet: the next entry does.
    operator: str | None = None  # The speaker.
    shift: Shift | None = None  # Its shift; None without a configured time zone.
    doubted: frozenset[str] = frozenset()  # Fields told of since, and not understood: the next entry needs a yes.
    elsewhere: Mapping[str, FieldReading] | None = field(default=None, repr=False)
    """What applies in the other forms, where an entry of this form has set its own trailer; None: the same."""

    def __bool__(self) -> bool:
        return bool(self.fields or self.elsewhere)

    @property
    def fields_elsewhere(self) -> Mapping[str, FieldReading]:
        """The fields that apply in the other forms."""
        return self.fields if self.elsewhere is None else self.elsewhere

    def with_doubted(self, names: AbstractSet[str]) -> StandingContext:
        """The context with these of its fields in doubt: the next entry that inherits one of them needs a yes."""
        return replace(self, doubted=self.doubted | (self.fields.keys() & names))

    def in_other_form(self) -> StandingContext:
        """The context in another form, none of it read back there yet."""
        fields = self.fields_elsewhere
        return replace(self, fields=fields, not_read_back=tuple(fields), elsewhere=None)


NOTHING_STANDS = StandingContext()


@dataclass(frozen=True, slots=True)
class Recording:
    """The recording of an utterance, as events name it."""

    utterance_id: str
    audio_sha256: str
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class Entry:
    """An agreed entry: only these may become rows in the inventory."""

    utterance_id: str
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    operator: str | None
    recorded_at: datetime
    reading: Reading
    audio_sha256: str
    audio_seconds: float
    act: Act = Act.RECORD
    """RECORD; or AMEND or CANCEL of the entry that the event `replaces` names. A cancellation has no fields."""
    replaces: str | None = None
    support: tuple[Recording, ...] = ()  # The further utterances it rests on, in order.
    counted: tuple[tuple[str, FieldValue], ...] = field(default=(), repr=False)
    """The first counts of repeated counts, by field; the last count is in `fields`."""


@dataclass(frozen=True, slots=True)
class LastEntry:
    """The entry that was committed last, which "cancel" and "correction" refer to when nothing is open."""

    event_id: str
    draft: Draft  # Its source.
    fields: Mapping[str, FieldValue] = field(repr=False)
    refused: bool = False  # The inventory does not have it: it cannot be amended or cancelled.
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StandingEntry:
    """An entry of this device that was neither replaced nor cancelled."""

    event_id: str
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    operator: str | None
    recorded_at: datetime
    refused: bool = False  # The inventory does not have it, and it waits for a person.
    owed: bool = False  # The inventory has not answered it yet.


@dataclass(frozen=True, slots=True)
class RecentEntries:
    """The standing entries of the last day, and the time of the query."""

    now: datetime
    entries: tuple[StandingEntry, ...] = field(default=(), repr=False)  # The newest first.


class Outcome(StrEnum):
    """What becomes of a judged reading: an entry, a question, a repetition, a deferral or nothing."""

    ACCEPT = "accept"
    ASK = "ask"
    REPEAT = "repeat"
    IGNORE = "ignore"
    DEFER = "defer"  # Stored until a model is reachable; its reading goes to review, not into stock.
    HOLD = "hold"  # Complete and sure, but the operator may still correct it or take it back: no entry yet.
    HEED = "heed"
    """No entry by itself: a command, or an answer or a correction, which supports another utterance's entry."""
    CANCEL = "cancel"  # The operator took it back before it was an entry.


class Reason(StrEnum):
    """Codes for a verdict's reasons; words are chosen where they are shown."""

    COMPLETE = "complete"  # Every required field was heard, valid and sure.
    FIELD_MISSING = "field_missing"
    FIELD_UNSURE = "field_unsure"  # Heard, but some word it rests on is below the confidence that `agree` demands.
    FIELD_UNCONFIRMED = "field_unconfirmed"  # Heard and sure, but by one interpreter where two must agree.
    FIELD_AMBIGUOUS = "field_ambiguous"
    """The utterance gives the field more than one value, or words that make no value."""
    FIELD_INVALID = "field_invalid"  # Breaks a rule of the form: length, range, pattern.
    NOT_IN_CATALOGUE = "not_in_catalogue"
    CONFUSABLE = "confusable"
    """Sure enough for other values, but not for this one, which sounds like another: fifteen and fifty."""
    UNUSUAL = "unusual"  # A value that the form allows and seldom sees.
    DOUBLE_COUNT = "double_count"  # The same thing was recorded a little while ago.
    NOT_EXPECTED = "not_expected"  # Not in the list of expected receipts for its place.
    EXPECTED_ELSEWHERE = "expected_elsewhere"  # A list has it, of another trailer or door.
    ALREADY_RECEIVED = "already_received"  # Some device has received it, as far as the inventory had heard.
    COUNT_DIFFERS = "count_differs"  # Another count than announced: count again, without the figure.
    TOO_FAST = "too_fast"  # More digits than anybody can say in the time that the speech took.
    TOO_FAINT = "too_faint"  # The voice is too far away to be the operator's.
    TOO_NOISY = "too_noisy"  # The voice hardly stands out from the background.
    CLIPPED = "clipped"  # So loud that the converter overran.
    SECOND_VOICE = "second_voice"  # A second speaker is likely.
    NOT_UNDERSTOOD = "not_understood"
    NOT_FOR_DEVICE = "not_for_device"  # Talk that is plainly not meant for the device.
    NO_SPEECH = "no_speech"
    CUT_SHORT = "cut_short"  # The end of the utterance was not heard: it was too long, or broken off.
    COMMAND = "command"  # Something asked of the device.
    CONTEXT = "context"  # Context for later entries.
    ANSWER = "answer"  # An answer for another utterance's entry.
    TAKEN_BACK = "taken_back"  # Cancelled by the operator before the commit.
    NOT_LISTENING = "not_listening"  # The device was paused, or no operator was signed on.
    NO_MODEL = "no_model"  # No remote model answered, and the local reading is not sure.


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason of a verdict, and the field it concerns, if it concerns one."""

    reason: Reason
    field: str | None = None

    def __str__(self) -> str:
        """`field_missing:dock`, the form used in logs, events and JSON lines."""
        return self.reason if self.field is None else f"{self.reason}:{self.field}"


class ConfirmationKind(StrEnum):
    """How the operator confirms a verdict, in the order of the time it takes."""

    EARCON = "earcon"  # A sound says that it is recorded.
    READBACK = "readback"  # It is recorded and read back, and can be taken back within the undo window.
    CHOICE = "choice"  # One field is asked for, by its two candidates: "fifteen or fifty?".
    SPOKEN_YES = "spoken_yes"  # One field is asked about, and "yes" is enough: "pallet 7 4 2, once more?".
    FIELD = "field"  # One field is asked for.
    SAY_AGAIN = "say_again"  # All is to be said again.
    NONE = "none"  # The operator is not bothered.


@dataclass(frozen=True, slots=True)
class Verdict:
    """The deterministic judgement of a reading."""

    outcome: Outcome
    reasons: tuple[Cause, ...]
    fields: Mapping[str, FieldValue] = field(repr=False)
    """The validated values: all of them for ACCEPT, those that stand for ASK."""
    ask: str | None = None  # The field to ask for, when the outcome is ASK.
    confirm: ConfirmationKind = (
        ConfirmationKind.NONE
    )  # How the operator confirms it. Not kept: it belongs to the moment.
    candidates: tuple[FieldValue, ...] = field(default=(), repr=False)
    """The values that the field asked for may have, the likeliest first: two for CHOICE, one for SPOKEN_YES."""


@dataclass(frozen=True, slots=True)
class EventIds:
    """The identity an entry receives inside the transaction that commits it, never changed afterwards."""

    event_id: str  # UUIDv7: the idempotency key of the whole way.
    sequence: int  # 1, 2, 3 … per device, without gaps.
    chain: str
    """The audit link this event continues: SHA-256 in hex of everything committed before it; 64 zeros at the start."""
    instance: str  # Which life of which journal commits it: `NUMBER-RANDOM`.


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that is pending until a receipt (or, if so configured, the broker's PUBACK) settles it."""

    event_id: str
    sequence: int
    body: str = field(repr=False)  # The event as published, byte for byte the same at every sending.


class ReviewState(StrEnum):
    """The state of an utterance under review."""

    OPEN = "open"  # It waits for a person.
    RECORDED = "recorded"  # It is an entry.
    ANSWERED = "answered"  # It was an answer for another entry.
    DROPPED = "dropped"  # It was taken back, or given up.
    RETRIED = "retried"  # It is read again.


@dataclass(frozen=True, slots=True)
class ReviewChange:
    """The new state of an utterance's review, as the device tells it to the inventory."""

    state: ReviewState
    form: str
    recording: Recording
    why: str | None  # Why it is under review; None where it is no longer.
    fields: Mapping[str, FieldValue] = field(repr=False)  # Its valid fields.
    reading: Reading | None = field(repr=False)  # Merged from all of its utterances.
    operator: str | None
    event_id: str | None  # Of the entry that it became.
    by_office: bool  # Decided at the command line or by the inventory's side, not by the operator's voice.


@dataclass(frozen=True, slots=True)
class Note:
    """Store a verdict that makes no entry."""

    utterance_id: str
    reading: Reading
    verdict: Verdict
    said_in: str | None = None  # The utterance whose sound it shares, where that is of an entry, too.


@dataclass(frozen=True, slots=True)
class Park:
    """Store an utterance as under review: a person decides about it."""

    utterance_id: str
    why: str
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)  # What stands of it so far.
    draft: Draft | None = None  # What was being agreed, to be taken up again by voice.
    said_in: str | None = None  # The utterance whose sound it shares, where that names an earlier thing too.


@dataclass(frozen=True, slots=True)
class Commit:
    """Store the draft as an entry: a new one, one that amends, or one that cancels, as `draft.act` says."""

    draft: Draft
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class StoreDropped:
    """Store that the operator dropped the draft before it was an entry."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class StoreFormOrLanguageChange:
    """Store a change of the active form, the language, or both."""

    form: str | None  # None: it was asked which, and is not answered yet.
    language: str | None = None  # By its code; None: the device's own.


DurableOrder = Note | Park | Commit | StoreDropped | ShiftEvent | StoreFormOrLanguageChange
