"""Readings: voice commands, what a recogniser heard, what a transcriber wrote, what an interpreter proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Flag, StrEnum, auto
from typing import NamedTuple, Self


class CommandTrait(Flag):
    """Properties of commands."""

    OF_TRAILER = auto()  # Asked while a trailer is unloaded: its wordings hold labels of forms, and are no entries.
    OF_RECORD = auto()  # Its answer needs the recorded entries, which are read before the dialogue runs.
    UNEXPECTED = auto()  # Not in a recogniser's grammar: its words would be recognised in place of others.


class _Lists(NamedTuple):
    """Names of a command's further wording lists in a language's `[commands]`; "" for none."""

    more: str = ""  # Whole utterances that no recogniser is told to expect.
    named: str = ""  # What is said before the entry, the trailer or the place that is asked about.
    ends: str = ""  # What may stand behind that.
    field_questions: str = ""  # Questions for one field of an entry: a `*` for the field, the entry behind it.


_NO_LISTS = _Lists()
_PLAIN, _BOTH = CommandTrait(0), CommandTrait.OF_TRAILER | CommandTrait.OF_RECORD


class Command(StrEnum):
    """The voice commands.

    A row is the name of the list of its wordings in each language's file, its meaning for a model's prompt, its key in
    `dockvoice watch`, its traits, and further lists of wordings. The function that answers a command is decorated with
    `edge.agree.dialogue.status.answers_command`; a command without one is a column of the dialogue's table.
    """

    meaning: str
    key: str
    traits: CommandTrait
    lists: _Lists

    SAY_AGAIN = "say_again", "say the last thing again", "a"
    HOW_MANY_WAITING = "how_many_waiting", "tell how many entries still wait to be sent", "w"
    HOW_MANY_HERE = (
        "how_many_here",
        "tell how many entries of today are for the same place as the last one",
        "d",
        CommandTrait.OF_RECORD | CommandTrait.UNEXPECTED,  # Nearly all words of its wordings are those of sentences.
        _Lists("tallies_of_today", "tallies"),
    )
    HOW_MANY_ON_TRAILER = (
        "how_many_on_trailer",
        "tell how much of the trailer that stands at the door was received so far",
        "s",
        _BOTH,
    )
    WHAT_IS_LEFT = (
        "what_is_left",
        "tell which announced pallets were not received yet",
        "e",
        _BOTH,
        _Lists("lacking", "remainders"),
    )
    WHERE_TO = (
        "where_to",
        "tell where the pallet at hand goes",
        "g",
        _BOTH,
        _Lists(named="whereabouts", ends="whereabouts_ends"),
    )
    TRAILER_DONE = (
        "trailer_done",
        "the trailer is empty, or all of it was received",
        "f",
        _BOTH,
        _Lists(named="closings", ends="closing_ends"),
    )
    WHAT_IS_OPEN = "what_is_open", "go on with what was put aside, or tell what is still open", "o"
    PUT_ASIDE = "put_aside", "put aside, for a person to look at, what is being asked about", "r"
    LAST_ENTRY = (
        "last_entry",
        "tell the last entry",
        "l",
        CommandTrait.OF_RECORD,
        _Lists("last_few", "lookups", "lookup_ends", "field_questions"),
    )
    WHERE_AM_I = "where_am_i", "tell which trailer, door or order all entries are for now", "t"
    HELP = "help", "tell what can be said", "h"
    PAUSE = "pause", "stop listening for a while"
    RESUME = "resume", "listen again"
    LOUDER = "louder", "speak louder", "+"
    SOFTER = "softer", "speak more softly", "-"
    FASTER = "faster", "speak faster", ">"
    SLOWER = "slower", "speak more slowly", "<"
    SIGN_ON = "sign_on", "a worker begins his shift"
    SIGN_OFF = "sign_off", "a worker ends his shift"
    # For devices with several forms at hand, which expect the names of those.
    WHICH_WORK = "which_work", "tell which work is being done", "k", CommandTrait.UNEXPECTED
    WHO_AM_I = "who_am_i", "tell who is signed on", "i", CommandTrait.UNEXPECTED
    WHO_LISTENED = "who_listened", "tell who in the office listened to what the worker said", "v"

    def __new__(
        cls, value: str, meaning: str = "", key: str = "", traits: CommandTrait = _PLAIN, lists: _Lists = _NO_LISTS
    ) -> Self:
        """A row of the table; with the value alone, as in `Command("help")`, the lookup of a row."""
        one = str.__new__(cls, value)
        one._value_, one.meaning, one.key, one.traits, one.lists = value, meaning, key, traits, lists
        return one


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reading used of a paid service, as the service counted it."""

    client: str  # Which configured client was asked.
    model: str
    text_tokens_in: int = 0
    audio_tokens_in: int = 0
    tokens_out: int = 0
    audio_seconds: float = 0.0  # For services that charge by the minute.
    request_id: str | None = None  # What the service calls the request: for its support.
    cost_usd: float | None = None  # By the prices in the settings; None where no price is set.


class TurnExpectation(StrEnum):
    """Whether an operator who pauses has finished, judged by the words so far."""

    FINISHED = "finished"  # The form is complete, and the last words can hardly continue.
    EITHER = "either"  # Unknown: the usual pause decides.
    MORE = "more"  # It ends in the middle of a number or a field, or before the entry is whole.


@dataclass(frozen=True, slots=True)
class Word:
    """One word as a recogniser heard it."""

    text: str = field(repr=False)
    start: float  # Seconds from the first sample of the utterance.
    end: float
    confidence: float
    """0 to 1, the recogniser's own view. A grammar recogniser is sure of anything: no proof by itself."""


class HallucinationKind(StrEnum):
    """Why a transcriber's text was rejected: such texts are known to come without such speech."""

    STOCK_PHRASE = "stock_phrase"  # Of captions during silence: "Thanks for watching".
    LOOP = "loop"  # The same words over and over.
    PROMPT_RETURNED = "prompt_returned"  # The prompt that the model was given.
    NO_SPEECH = "no_speech"  # Words, with a high no-speech probability of the model.


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance as a transcriber wrote them."""

    transcriber: str  # The transcriber's name, as it goes on record.
    text: str = field(repr=False)
    """As written, with the punctuation and figures the service chose. Empty where it heard nothing."""
    confidence: float | None  # 0 to 1, the service's own view of the whole; None where it gives none.
    words: tuple[Word, ...] = ()  # With times and confidence, where the service gives them.
    usage: Usage | None = None
    hallucination: HallucinationKind | None = None  # Why the text was rejected; `text` is empty then.


FieldValue = str | int | float | bool | tuple[str, ...]
"""The value of a form's field. Identifiers are strings: "007" stays "007". Dates are ISO 8601 strings.

A decimal is a double of at most DECIMAL_DIGITS digits, not a `decimal.Decimal`: IEEE 754 returns every decimal of up to
15 digits from its double, and the shortest spelling of a double is the same number in every writer on the way: Python,
SQLite's JSON, the event and its hash, PostgreSQL's jsonb, JavaScript. "2.50" would be rewritten as "2.5" by most
programs, and break the chain. Rules look at its digits (`to_decimal`).
"""

DECIMAL_DIGITS = 15  # The significant digits of a decimal that a double keeps, whichever they are (DBL_DIG).


def to_decimal(value: float) -> Decimal:
    """The decimal with the digits of the number's shortest spelling."""
    return Decimal(repr(value))


def format_number(value: float) -> str:
    """The number without exponent and trailing zeros: `52.5`, `-18`."""
    digits = f"{to_decimal(value):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def as_text(value: FieldValue) -> str:
    """The value as text: `007`, `52.5`, `true`, `A1,A2`."""
    match value:
        case str():
            return value
        case tuple():
            return ",".join(value)
        case bool():
            return "true" if value else "false"
        case _:
            return format_number(value)


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
    confirmed: bool = True  # False where a second, independent reading of the value is demanded and there is none.
    runner_up: FieldValue | None = field(default=None, repr=False)
    """The likeliest other value, where the sound allows another one: what to ask about, should there be doubt.

    Without a value, the one that the words may mean: "pallet 742, I think"."""
    calibrated: bool = False
    """Whether the confidence is a probability, fitted on recordings with truth; else it is the reader's own view."""
    scanned: bool = False  # Read from a label; what differs from it was said.
    seconded: bool = False  # A second recogniser bears the value out, where the sound allows another one.
    by_end: bool = False  # Only its last characters were said, and one thing that is announced ends so.
    said_in: tuple[str, ...] = ()
    """The utterances in which it was said for several entries, where that is not this one; its words are in theirs."""
    denied: tuple[FieldValue, ...] = field(default=(), repr=False)
    """What the same utterance says that the value is not, or takes back: "not the 627, the 742"; "742, no, 743"."""
    unexplained: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The words beside it that mean nothing for the form, for which the value is in doubt: "leaking"."""

    @property
    def is_inherited(self) -> bool:
        """Whether it comes from the standing context alone: said earlier, with no words in this utterance."""
        return bool(self.said_in) and not self.words


class NotUnderstoodReason(StrEnum):
    """Why an interpreter did not read an utterance."""

    NO_WORDS = "no_words"  # Sound, but no word of the language.
    NOT_DICTATION = "not_dictation"  # Words, but none that name a field of the form.
    TALK = "talk"
    """Plainly not for the device: nothing of what is said of a form, and no more figures in a row than in any talk."""
    UNHEARD_LANGUAGE = "unheard_language"  # Sound in a language for which no recogniser is here.


SCANNER = "scanner"  # The interpreter and the source of a scan, as both go on record.


class ScanFault(StrEnum):
    """Why a scan was rejected; the operator hears it (`[scans]` of the prompts)."""

    EMPTY = "empty"  # Nothing between the scanner's first key and its last.
    CUT_SHORT = "cut_short"  # The key that ends a scan did not come, or what the scanner puts around one is not there.
    UNREADABLE = "unreadable"  # A key that is no character, or keys that the kernel had to drop.
    NO_SYMBOLOGY = "no_symbology"  # The scanner does not say what kind of code it read.
    OTHER_CODE = "other_code"  # It says one that holds no element strings.
    UNKNOWN_IDENTIFIER = "unknown_identifier"  # No application identifier where one must stand.
    NO_VALUE = "no_value"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"  # Longer than any value of its identifier: as a rule a separator is missing.
    BAD_CHARACTER = "bad_character"  # A character that its value cannot have.
    CHECK_DIGIT = "check_digit"
    NO_DATE = "no_date"
    REPEATED = "repeated"  # One identifier with two values.
    TOGETHER = "together"  # Two identifiers that may not be on one label.
    TWO_WAYS = "two_ways"  # Without a separator, it can be cut in two ways.
    NOTHING_FOR_FORM = "nothing_for_form"  # It is right, and holds nothing that the form asks for.


class Act(StrEnum):
    """The operator's intent."""

    RECORD = "record"  # Dictated the fields of an entry, or some of them.
    AMEND = "amend"  # Corrected fields of the entry at hand: `fields` holds those, and only those.
    CANCEL = "cancel"  # Took the entry at hand back.
    CONTEXT = "context"  # Said what the entries from then on belong to: `fields` holds that.
    YES = "yes"
    NO = "no"
    COMMAND = "command"  # Asked something of the device: `command` says what.


@dataclass(frozen=True, slots=True)
class Reading:
    """The proposal of one interpreter, or of several together, for an utterance. Without side effects."""

    interpreter: str
    form: str
    words: tuple[Word, ...]
    fields: Mapping[str, FieldReading]  # By field name; a field that was not said is absent.
    not_understood: NotUnderstoodReason | ScanFault | None = None
    act: Act = Act.RECORD
    command: Command | None = None  # What is asked of the device, where the act is COMMAND.
    usage: Usage | None = None  # What it took, where an interpreter is paid for.
    opinions: tuple[Reading, ...] = ()
    """The readings it was made from, where several interpreters read the same utterance."""
    deferrable: bool = False  # No model beyond this device answered: one that does later may read more of it.
    unrecorded: Mapping[str, FieldReading] = field(default_factory=dict)
    """What was surely said of a thing where that is no entry: "pallet 742 does not scan", "pallet 742 was fourteen"."""
    preface: tuple[str, ...] | None = field(default=None, repr=False, compare=False)
    """The unexplained words before the first field, as the form's grammar parsed `words`; None: not parsed."""

    @property
    def is_scan(self) -> bool:
        """Whether the reading is of a scan."""
        return self.interpreter == SCANNER

    @property
    def transcript(self) -> str:
        """The reading's words joined by blanks."""
        return " ".join(word.text for word in self.words)
