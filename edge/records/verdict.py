"""A verdict: what deterministic code makes of a reading, for which reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge.records.reading import FieldValue


class Outcome(StrEnum):
    """What is to be done with a reading."""

    ACCEPT = "accept"
    ASK = "ask"
    REPEAT = "repeat"
    IGNORE = "ignore"
    DEFER = "defer"
    """Kept, to be read when a model answers again; what that reads goes to a person, not into stock."""
    HOLD = "hold"
    """Complete and sure, but the operator may still correct it or take it back: no entry yet."""
    HEED = "heed"
    """No entry by itself: a command, or an answer or a correction, which supports another utterance's entry."""
    CANCEL = "cancel"
    """The operator took it back before it was an entry."""


class Reason(StrEnum):
    """Why a verdict fell as it did. Codes, so that they can be counted; wording is chosen where they are shown."""

    COMPLETE = "complete"
    """Every required field was heard, valid and sure."""
    FIELD_MISSING = "field_missing"
    FIELD_UNSURE = "field_unsure"
    """Heard, but some word it rests on is below the confidence that `agree` demands."""
    FIELD_UNCONFIRMED = "field_unconfirmed"
    """Heard and sure, but by one interpreter where two must agree."""
    FIELD_AMBIGUOUS = "field_ambiguous"
    """The utterance gives the field more than one value, or words that make no value."""
    FIELD_INVALID = "field_invalid"
    """Breaks a rule of the form: length, range, pattern."""
    NOT_IN_CATALOGUE = "not_in_catalogue"
    CONFUSABLE = "confusable"
    """Sure enough for other values, but not for this one, which sounds like another: fifteen and fifty."""
    UNUSUAL = "unusual"
    """A value that the form allows and seldom sees."""
    DOUBLE_COUNT = "double_count"
    """The same thing was recorded a little while ago."""
    TOO_FAST = "too_fast"
    """More digits than anybody can say in the time that the speech took."""
    TOO_FAINT = "too_faint"
    """The voice is too far away to be the operator's."""
    TOO_NOISY = "too_noisy"
    """The voice hardly stands out from what surrounds it."""
    CLIPPED = "clipped"
    """So loud that the converter overran."""
    SECOND_VOICE = "second_voice"
    """Somebody else seems to be talking too."""
    NOT_UNDERSTOOD = "not_understood"
    NOT_FOR_DEVICE = "not_for_device"
    """Talk that is plainly not meant for the device."""
    NO_SPEECH = "no_speech"
    CUT_SHORT = "cut_short"
    """The end of the utterance was not heard: it was too long, or broken off."""
    COMMAND = "command"
    """Something asked of the device."""
    ANSWER = "answer"
    """Said for an entry that another utterance began."""
    TAKEN_BACK = "taken_back"
    """The operator said so before it was committed."""
    NOT_LISTENING = "not_listening"
    """Said while the device was paused, or nobody had signed on."""
    NO_MODEL = "no_model"
    """No model beyond this device answered, and what the device heard by itself is not sure."""


@dataclass(frozen=True, slots=True)
class Because:
    """One reason, and the field it concerns, if it concerns one."""

    reason: Reason
    field: str | None = None

    def __str__(self) -> str:
        """`field_missing:dock`, the form used in logs, events and JSON lines."""
        return self.reason if self.field is None else f"{self.reason}:{self.field}"


class Confirmation(StrEnum):
    """How the operator is to confirm what a verdict holds, in the order in which it takes longer."""

    EARCON = "earcon"
    """A sound says that it is recorded."""
    READBACK = "readback"
    """It is recorded and read back, and can be taken back within the undo window."""
    CHOICE = "choice"
    """One field is asked for, by its two candidates: "fifteen or fifty?"."""
    SPOKEN_YES = "spoken_yes"
    """One field is asked about, and "yes" is enough: "pallet 7 4 2, once more?"."""
    FIELD = "field"
    """One field is asked for."""
    SAY_AGAIN = "say_again"
    """All is to be said again."""
    NONE = "none"
    """The operator is not bothered."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What deterministic code made of a reading."""

    outcome: Outcome
    reasons: tuple[Because, ...]
    fields: Mapping[str, FieldValue] = field(repr=False)
    """The validated values: all of them for ACCEPT, those that stand for ASK."""
    ask: str | None = None
    """The field to ask for, when the outcome is ASK."""
    confirm: Confirmation = Confirmation.NONE
    """How the operator confirms it. Not kept: it belongs to the moment."""
    candidates: tuple[FieldValue, ...] = field(default=(), repr=False)
    """The values that the field asked for may have, the likeliest first: two for CHOICE, one for SPOKEN_YES."""
