"""The nouns of the house: what is handed from one room to the next.

All are frozen values. Sound is 16 kHz mono 16-bit little-endian PCM throughout; its clock is the *sample index*,
counted from the first sample of the source, so that a recording and a microphone keep the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SAMPLE_RATE = 16_000
"""Samples per second everywhere inside: what webrtcvad, Silero and the recognisers all take."""

SAMPLE_BYTES = 2
"""Bytes per sample (signed 16-bit little-endian, one channel)."""

FieldValue = str | int
"""What a field of a form may hold. Identifiers are strings: "007" stays "007"."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A fixed slice of sound (20 ms), numbered by the sample index of its first sample."""

    start: int
    pcm: bytes

    @property
    def samples(self) -> int:
        """How many samples the slice holds."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def end(self) -> int:
        """The sample index just past the slice."""
        return self.start + self.samples


class Closing(StrEnum):
    """Why an utterance was closed."""

    PAUSE = "pause"
    """The operator fell silent for the hangover."""
    TOO_LONG = "too_long"
    """The hard maximum length was reached while speech went on."""
    BROKEN_OFF = "broken_off"
    """Sound was lost, or the microphone ended, while somebody spoke: the end was not heard."""
    SOURCE_ENDED = "source_ended"
    """The recording ended, and with it what was said in it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound that endpointing cut out, before it has an identity. All positions are sample indices."""

    start: int
    """First sample of `pcm`, pre-roll included."""
    speech_start: int
    speech_end: int
    closed: int
    """Where in the sound the decision fell that the operator had finished."""
    closing: Closing
    pcm: bytes = field(repr=False)

    @property
    def seconds(self) -> float:
        """The length of the sound kept, in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Utterance:
    """Endpointed sound with an identity that never changes, whatever is re-read or re-sent."""

    utterance_id: str
    """UUIDv7, minted when the segment closed."""
    form: str
    """Name of the form the operator was filling."""
    source: str
    """`microphone`, or `sha256:<hex>` of the recording it was cut from."""
    heard_at: datetime
    """Wall time of the closing, UTC. Data, never used for waiting."""
    segment: Segment


@dataclass(frozen=True, slots=True)
class Word:
    """One word as a recogniser heard it."""

    text: str
    start: float
    """Seconds from the first sample of the utterance."""
    end: float
    confidence: float
    """0 to 1, the recogniser's own view. A grammar recogniser is sure of anything: no proof by itself."""


@dataclass(frozen=True, slots=True)
class FieldReading:
    """What a reading proposes for one field of a form."""

    value: FieldValue | None
    """The proposed value; None where the words for the field were heard but mean no one value."""
    words: tuple[str, ...]
    """The words heard for the field, in order: the evidence a value is checked against."""
    confidence: float
    """The lowest confidence among the words the value rests on, 0 to 1."""
    rivals: tuple[FieldValue, ...] = ()
    """Other values the same utterance gives the field, with nothing to say which one is meant."""


class NotUnderstood(StrEnum):
    """Why an interpreter declined to read an utterance."""

    NO_WORDS = "no_words"
    """Sound, but no word of the language."""
    NOT_DICTATION = "not_dictation"
    """Words, but none that name a field of the form."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A proposal by one interpreter of what an utterance says. Making one twice costs nothing."""

    interpreter: str
    form: str
    words: tuple[Word, ...]
    fields: Mapping[str, FieldReading]
    """By field name; a field that was not said is absent."""
    not_understood: NotUnderstood | None = None

    @property
    def transcript(self) -> str:
        """The words in order, as one line."""
        return " ".join(word.text for word in self.words)


class Outcome(StrEnum):
    """What is to be done with a reading."""

    ACCEPT = "accept"
    ASK = "ask"
    REPEAT = "repeat"
    IGNORE = "ignore"


class Reason(StrEnum):
    """Why a verdict fell as it did. Codes, so that they can be counted; wording is chosen where they are shown."""

    COMPLETE = "complete"
    """Every required field was heard, valid and sure."""
    FIELD_MISSING = "field_missing"
    FIELD_UNSURE = "field_unsure"
    """Heard, but some word it rests on is below the confidence that `agree` demands."""
    FIELD_AMBIGUOUS = "field_ambiguous"
    """The utterance gives the field more than one value, or words that make no value."""
    FIELD_INVALID = "field_invalid"
    """Breaks a rule of the form: length, range, pattern."""
    NOT_IN_CATALOGUE = "not_in_catalogue"
    NOT_UNDERSTOOD = "not_understood"
    NO_SPEECH = "no_speech"
    CUT_SHORT = "cut_short"
    """The end of the utterance was not heard: it was too long, or broken off."""


@dataclass(frozen=True, slots=True)
class Because:
    """One reason, and the field it concerns, if it concerns one."""

    reason: Reason
    field: str | None = None

    def __str__(self) -> str:
        """`field_missing:dock`, the form used in logs, events and JSON lines."""
        return self.reason if self.field is None else f"{self.reason}:{self.field}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What deterministic code made of a reading."""

    outcome: Outcome
    reasons: tuple[Because, ...]
    fields: Mapping[str, FieldValue]
    """The validated values: all of them for ACCEPT, those that stand for ASK."""
    ask: str | None = None
    """The field to ask for, when the outcome is ASK."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the operator meant, agreed: the one thing that may become a row in the inventory."""

    utterance_id: str
    form: str
    fields: Mapping[str, FieldValue]
    operator: str | None
    recorded_at: datetime
    reading: Reading
    audio_sha256: str
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class Minted:
    """The identity an entry receives inside the transaction that commits it, never changed afterwards."""

    event_id: str
    """UUIDv7: the idempotency key of the whole way."""
    sequence: int
    """1, 2, 3 … per device, without gaps."""
    chain: str
    """The audit link this event continues: SHA-256 in hex of everything committed before it; 64 zeros at the start."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that is owed to the inventory until a receipt (or, if so configured, the broker) settles it."""

    event_id: str
    sequence: int
    body: str
    """The event as published, byte for byte the same at every sending."""


class ReceiptOutcome(StrEnum):
    """What the inventory did with an event."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inventory's answer to one event, sent after its commit."""

    event_id: str
    outcome: ReceiptOutcome
    reasons: tuple[str, ...] = ()
