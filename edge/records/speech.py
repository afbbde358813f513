"""Speech: what the device says, and its sounds, independent of language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dockvoice_protocol.records.reading import Command, FieldValue


class Earcon(StrEnum):
    """Sounds for the result of an utterance, before the spoken reply."""

    HEARD = "heard"
    STORED = "stored"  # On disk and owed to the inventory: another sound than `heard`.
    QUESTION = "question"  # Something is asked, and an answer waited for.
    NOT_UNDERSTOOD = "not understood"
    REFUSED = "refused"  # The inventory refused what was stored.
    FAULT = "fault"


class Prompt(StrEnum):
    """The prompts. Slots: `entry` and `field` are read back as the form says, the others are text."""

    READBACK = "readback"
    READBACK_AMENDED = "readback_amended"
    READBACK_STANDING = "readback_standing"
    READBACK_ALONE = "readback_alone"
    STANDING = "standing"
    STANDING_ANEW = "standing_anew"
    STANDING_NOW = "standing_now"
    STANDING_NONE = "standing_none"
    STANDING_KEPT = "standing_kept"
    STANDING_ENDED = "standing_ended"
    SHIFT_BEGAN = "shift_began"
    DAY_BEGAN = "day_began"
    ASK_FIELD = "ask_field"
    CHOOSE = "choose"
    CHOOSE_SCANNED = "choose_scanned"
    ONE_BY_ONE = "one_by_one"
    CONFIRM_FIELD = "confirm_field"
    CONFIRM_WITHOUT = "confirm_without"  # As CONFIRM_FIELD, with the words beside the value that were not understood.
    CONFIRM_AGAIN = "confirm_again"
    CONFIRM_ANOTHER = "confirm_another"  # As CONFIRM_AGAIN, with the entry on record, which has other values.
    CONFIRM_UNUSUAL = "confirm_unusual"
    CONFIRM_NOT_EXPECTED = "confirm_not_expected"
    CONFIRM_ELSEWHERE = "confirm_elsewhere"
    CONFIRM_RECEIVED = "confirm_received"
    COUNT_AGAIN = "count_again"  # Tells no figure, neither the one that was counted nor the one that was announced.
    ASK_UNCLEAR = "ask_unclear"
    ASK_UNCLEAR_WORDS = "ask_unclear_words"  # As ASK_UNCLEAR, with the words, which may name another thing.
    ASK_UNKNOWN = "ask_unknown"
    ASK_IMPOSSIBLE = "ask_impossible"
    CONFIRM_ENTRY = "confirm_entry"
    CONFIRM_CANCEL = "confirm_cancel"
    CONFIRM_INSTEAD = "confirm_instead"
    NEXT_OR_INSTEAD = "next_or_instead"
    CONFIRM_CLOSE = "confirm_close"
    CONFIRM_REOPEN = "confirm_reopen"
    CLOSED = "closed"
    STAYS_OPEN = "stays_open"
    REOPENED = "reopened"
    MISSING = "missing"
    MISSING_MANY = "missing_many"
    RESTORED = "restored"
    PROVE = "prove"
    PROVE_SET = "prove_set"
    CHECK_WRONG = "check_wrong"
    WHAT_IS_WRONG = "what_is_wrong"
    REPEAT = "repeat"
    SCAN_FAULT = "scan_fault"
    DROPPED = "dropped"
    DROPPED_ENTRY = "dropped_entry"
    CANCELLED = "cancelled"
    KEPT_AS_IT_IS = "kept_as_it_is"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    NOTHING_TO_CORRECT = "nothing_to_correct"
    NOTHING_SAID = "nothing_said"
    WAITING_NONE = "waiting_none"
    WAITING = "waiting"
    WAITING_REFUSED = "waiting_refused"
    LAST_ENTRY = "last_entry"
    LAST_REFUSED = "last_refused"
    NO_ENTRY = "no_entry"
    RECORDED = "recorded"
    NOT_RECORDED = "not_recorded"
    RECORDED_AGO = "recorded_ago"
    RECORDED_AT = "recorded_at"
    RECORDED_BY = "recorded_by"
    RECORDED_REFUSED = "recorded_refused"
    RECORDED_UNSENT = "recorded_unsent"
    ENDS_ALIKE = "ends_alike"
    RECEIVED = "received"
    ANNOUNCED = "announced"
    NOT_ANNOUNCED = "not_announced"
    NOTHING_KNOWN = "nothing_known"
    LEFT = "left"
    LEFT_MANY = "left_many"
    LEFT_NONE = "left_none"
    SUMS = "sums"
    SUM = "sum"
    SUM_OF = "sum_of"
    SUMS_RECORDED = "sums_recorded"
    SUM_REFUSED = "sum_refused"
    ASIDE_LISTED = "aside_listed"
    ASIDE_MANY = "aside_many"
    TALLY = "tally"  # Its `count` is filled from the journal when the order is executed.
    TALLY_ALL = "tally_all"  # Without a place.
    LISTENED = "listened"  # Filled from the journal too: it, or the next three.
    LISTENED_ON = "listened_on"
    LISTENED_TIMES = "listened_times"
    LISTENED_NONE = "listened_none"
    HELP = "help"
    HELP_HELD = "help_held"
    HELP_ASKING = "help_asking"
    HELP_CHOOSING = "help_choosing"
    HELP_CONFIRMING = "help_confirming"
    HELP_PROVING = "help_proving"
    HELP_PAUSED = "help_paused"
    HELP_SIGNED_OFF = "help_signed_off"
    PAUSED = "paused"
    PAUSED_FOR = "paused_for"
    RESUMED = "resumed"
    LISTENING = "listening"
    LOUDER = "louder"
    SOFTER = "softer"
    FASTER = "faster"
    SLOWER = "slower"
    IS_IT = "is_it"
    SIGNED_ON = "signed_on"
    WHO_IS_SIGNED_ON = "who_is_signed_on"
    NOBODY_SIGNED_ON = "nobody_signed_on"
    NOT_LISTED = "not_listed"
    NOT_ALLOWED = "not_allowed"
    NO_WORK = "no_work"
    SIGNED_OFF = "signed_off"
    UNUSED = "unused"
    GOODBYE = "goodbye"  # Followed by totals from the journal: the next five.
    TOTAL = "total"
    TOTAL_OF_FORM = "total_of_form"
    TOTAL_NONE = "total_none"
    TOTAL_ASIDE = "total_aside"
    TOTAL_TURNED_DOWN = "total_turned_down"
    IN_ALL_ASIDE = "in_all_aside"
    SIGN_ON_FIRST = "sign_on_first"
    UNKNOWN_OPERATOR = "unknown_operator"
    WORK = "work"  # The form that is filled from now on.
    WHICH_WORK = "which_work"
    UNKNOWN_WORK = "unknown_work"
    WORK_NOW = "work_now"
    ONLY_WORK = "only_work"
    OTHER_WORK = "other_work"
    ASIDE_ELSEWHERE = "aside_elsewhere"
    UNHEARD_LANGUAGE = "unheard_language"
    PARKED = "parked"
    PARKED_ENTRY = "parked_entry"
    ASIDE = "aside"
    ASIDE_BEFORE = "aside_before"
    UNFINISHED = "unfinished"
    ABOUT = "about"  # The thing of the question that follows, where another one was named before it.
    OFFICE_RECORDED = "office_recorded"
    OFFICE_CORRECTED = "office_corrected"
    OFFICE_DROPPED = "office_dropped"
    OFFICE_DROPPED_ONE = "office_dropped_one"
    DEFERRED = "deferred"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    DECLINED = "declined"
    TROUBLE = "trouble"
    DELIVERING = "delivering"
    FAULT = "fault"
    HEALED = "healed"


SHORTEN_FROM_DIGITS = 4  # Minimum digits in which a long number is shortened: three do not identify a label.

FIELD_CONFIRMATIONS = frozenset({Prompt.CONFIRM_FIELD, Prompt.CONFIRM_WITHOUT})
"""They ask whether the value of a field is right."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a readback words values: the units as dictated, and the fields of which only the end is read out."""

    units: Mapping[str, Mapping[FieldValue, str]] = field(default_factory=dict, repr=False)
    """By field and value, the dictated unit, "cases"; of a count whose unit has a field, the code of that."""
    ends: frozenset[str] = field(default=frozenset(), repr=False)  # The fields of which a readback tells the end.


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a prompt. Its slots `entry` and `field` are `fields`, read back as the form says.

    Independent of language: the form's words and the language's texts are added when it is spoken.
    """

    prompt: Prompt
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    slots: Mapping[str, str] = field(default_factory=dict, repr=False)
    priority: bool = False  # Cannot be talked over.
    asked: str | None = None  # The field that is asked for, where the prompt asks for one.
    candidates: tuple[FieldValue, ...] = field(default=(), repr=False)  # The values of that field that are offered.
    terms: Terms = field(default_factory=Terms)
    beside: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """The slot of that name, read back likewise: the new context, where the prompt has it."""
    known: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)  # All known values, spoken or not.
    named: frozenset[str] = field(default=frozenset(), repr=False)
    """The fields of which something was said, if not that there are none."""
    form: str | None = None  # The form of the fields; None: the one that is filled now.
    works: tuple[str, ...] = ()  # The forms that are named.


@dataclass(frozen=True, slots=True)
class PlayEarcon:
    """Play an earcon at once."""

    earcon: Earcon


@dataclass(frozen=True, slots=True)
class StopSpeaking:
    """Stop speaking."""


@dataclass(frozen=True, slots=True)
class AdjustVoice:
    """Change the device's voice: louder, softer, faster, slower."""

    what: Command
