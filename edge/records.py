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
    """Sound was lost, or the microphone ended, while somebody spoke: the end, or the beginning, was not heard."""
    SOURCE_ENDED = "source_ended"
    """The recording ended, and with it what was said in it."""


class Expectation(StrEnum):
    """What to expect of an operator who pauses, judged by what was said so far."""

    FINISHED = "finished"
    """The form is complete, and what was said last can hardly go on."""
    EITHER = "either"
    """Nothing tells: the usual pause decides."""
    MORE = "more"
    """It ends in the middle of a number or a field."""


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
class Acoustics:
    """How well an utterance can be heard, measured from its sound alone."""

    snr_db: float
    """How far the voice stands out from what surrounds it, dB."""
    level_db: float
    """The loudness of the voice, dB below full scale."""
    clipped: float
    """The share of the samples that overran the converter, 0 to 1."""
    speech_seconds: float
    """From the first to the last moment of speech."""
    second_voice: float
    """The share of the voiced sound whose pitch is not that of the rest, 0 to 1: somebody else may be talking."""


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


class Hallucination(StrEnum):
    """Why a transcriber's text was set aside: such texts are known to come where nothing of the kind was said."""

    STOCK_PHRASE = "stock_phrase"
    """What captions say when nobody speaks: "Thanks for watching"."""
    LOOP = "loop"
    """The same words over and over."""
    PROMPT_RETURNED = "prompt_returned"
    """The prompt that the model was given."""
    NO_SPEECH = "no_speech"
    """Words, and the model's own doubt that anybody spoke."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance as a transcriber wrote them, before anything is made of them."""

    transcriber: str
    """The transcriber's name, as it goes on record."""
    text: str
    """As written, with the punctuation and figures the service chose. Empty where it heard nothing."""
    confidence: float | None
    """0 to 1, the service's own view of the whole; None where it gives none."""
    words: tuple[Word, ...] = ()
    """With times and confidence, where the service gives them."""
    usage: Usage | None = None
    hallucination: Hallucination | None = None
    """Why the text that came was set aside; `text` is empty then."""


@dataclass(frozen=True, slots=True)
class FieldReading:
    """What a reading proposes for one field of a form."""

    value: FieldValue | None
    """The proposed value; None where the words for the field were heard but mean no one value."""
    words: tuple[str, ...]
    """The words heard for the field, in order: the evidence a value is checked against."""
    confidence: float
    """How likely the value is right, where `calibrated`; else the lowest confidence among the words that it rests on.
    0 to 1."""
    rivals: tuple[FieldValue, ...] = ()
    """Other values the same utterance gives the field, with nothing to say which one is meant."""
    confirmed: bool = True
    """False where a second, independent reading of the value is demanded and there is none."""
    runner_up: FieldValue | None = None
    """The likeliest other value, where the sound allows another one: what to ask about, should there be doubt."""
    calibrated: bool = False
    """Whether the confidence is a probability, fitted on recordings with truth; else it is the reader's own view."""


class NotUnderstood(StrEnum):
    """Why an interpreter declined to read an utterance."""

    NO_WORDS = "no_words"
    """Sound, but no word of the language."""
    NOT_DICTATION = "not_dictation"
    """Words, but none that name a field of the form."""
    TALK = "talk"
    """Plainly not for the device: nothing of what is said of a form, and no more figures in a row than in any talk."""


class Act(StrEnum):
    """What the operator did by speaking."""

    RECORD = "record"
    """Dictated the fields of an entry, or some of them."""
    AMEND = "amend"
    """Corrected fields of the entry at hand: `fields` holds those, and only those."""
    CANCEL = "cancel"
    """Took the entry at hand back."""
    YES = "yes"
    NO = "no"
    COMMAND = "command"
    """Asked something of the device: `command` says what."""


class Command(StrEnum):
    """What an operator can ask of the device."""

    SAY_AGAIN = "say_again"
    HOW_MANY_WAITING = "how_many_waiting"
    LAST_ENTRY = "last_entry"
    HELP = "help"
    PAUSE = "pause"
    RESUME = "resume"
    LOUDER = "louder"
    SOFTER = "softer"
    FASTER = "faster"
    SLOWER = "slower"
    SIGN_ON = "sign_on"
    SIGN_OFF = "sign_off"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reading took from a paid service, as the service counted it."""

    client: str
    """Which configured client was asked."""
    model: str
    text_tokens_in: int = 0
    audio_tokens_in: int = 0
    tokens_out: int = 0
    audio_seconds: float = 0.0
    """For services that charge by the minute."""
    request_id: str | None = None
    """What the service calls the request: for its support."""
    cost_usd: float | None = None
    """By the prices in the settings; None where no price is set."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one interpreter, or several together, propose that an utterance says. Making one twice costs nothing."""

    interpreter: str
    form: str
    words: tuple[Word, ...]
    fields: Mapping[str, FieldReading]
    """By field name; a field that was not said is absent."""
    not_understood: NotUnderstood | None = None
    act: Act = Act.RECORD
    command: Command | None = None
    """What is asked of the device, where the act is COMMAND."""
    usage: Usage | None = None
    """What it took, where an interpreter is paid for."""
    opinions: tuple[Reading, ...] = ()
    """The readings it was made from, where several interpreters read the same utterance."""
    deferrable: bool = False
    """No model beyond this device answered: one that does later may read more of it."""

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
    fields: Mapping[str, FieldValue]
    """The validated values: all of them for ACCEPT, those that stand for ASK."""
    ask: str | None = None
    """The field to ask for, when the outcome is ASK."""
    confirm: Confirmation = Confirmation.NONE
    """How the operator confirms it. Not kept: it belongs to the moment."""
    candidates: tuple[FieldValue, ...] = ()
    """The values that the field asked for may have, the likeliest first: two for CHOICE, one for SPOKEN_YES."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is being agreed with the operator: no entry yet. It is on disk, so that a power cut finds it again."""

    utterance_id: str
    """The utterance that began it."""
    form: str
    reading: Reading
    """All that was said for it so far."""
    operator: str | None = None
    act: Act = Act.RECORD
    """RECORD, or AMEND or CANCEL of the entry that the event `replaces` names."""
    replaces: str | None = None
    support: tuple[str, ...] = ()
    """The further utterances it rests on, in order: answers and corrections."""
    agreed: tuple[str, ...] = ()
    """What the operator said yes to, as `field=value`."""
    proved: tuple[str, ...] = ()
    """The places whose check digits were said, in the same way."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The sound of an utterance, as events name it."""

    utterance_id: str
    audio_sha256: str
    audio_seconds: float


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
    act: Act = Act.RECORD
    """RECORD; or AMEND or CANCEL of the entry that the event `replaces` names. A cancellation has no fields."""
    replaces: str | None = None
    support: tuple[Recording, ...] = ()
    """The further utterances it rests on, in order."""


@dataclass(frozen=True, slots=True)
class LastEntry:
    """The entry that was committed last: what "cancel" and "correction" are about when nothing is open."""

    event_id: str
    draft: Draft
    """What it was made from."""
    fields: Mapping[str, FieldValue]
    refused: bool = False
    """The inventory does not have it: there is nothing that could be amended or cancelled."""


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

    @property
    def turned_down(self) -> bool:
        """Whether the entry is of no avail: refused, or there already by somebody else's doing, with a reason for it.

        A duplicate without a reason is this very event, which came twice because a receipt was lost: it counts.
        """
        return bool(self.reasons) and self.outcome is not ReceiptOutcome.APPLIED
