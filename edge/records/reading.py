"""A reading: what an utterance is proposed to say, field by field, and what the operator did by saying it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge.records.transcript import Word
from edge.records.usage import Usage

FieldValue = str | int
"""What a field of a form may hold. Identifiers are strings: "007" stays "007"."""


@dataclass(frozen=True, slots=True)
class FieldReading:
    """What a reading proposes for one field of a form."""

    value: FieldValue | None = field(repr=False)
    """The proposed value; None where the words for the field were heard but mean no one value."""
    words: tuple[str, ...] = field(repr=False)
    """The words heard for the field, in order: the evidence a value is checked against."""
    confidence: float
    """How likely the value is right, where `calibrated`; else the lowest confidence among the words that it rests on.
    0 to 1."""
    rivals: tuple[FieldValue, ...] = field(default=(), repr=False)
    """Other values the same utterance gives the field, with nothing to say which one is meant."""
    confirmed: bool = True
    """False where a second, independent reading of the value is demanded and there is none."""
    runner_up: FieldValue | None = field(default=None, repr=False)
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
