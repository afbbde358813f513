"""Builds readings: makes a reading of recognised words, with homophones resolved and talk recognised.

Rather one question too many than dictation ignored: words are no talk if they contain a word of the form, a correction
or three digits in a row, or are as short as an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import median

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form, FormField
from dockvoice_protocol.forms.spoken import (
    begins_with_cancellation,
    corrects_named_thing,
    is_correction,
    is_murmur,
    parse_command,
    parse_command_with_object,
    parse_exception,
    parse_meaning,
    read_fields,
    says_next,
    without_cue,
    words_behind_yes,
)
from dockvoice_protocol.forms.spoken.commands import ParsedCommand
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.meaning import Meaning
from dockvoice_protocol.forms.spoken.grammar.tokens import tokenize
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.forms.spoken.reader import BRIEF, cached_lexicon
from dockvoice_protocol.records import Act, Command, CommandTrait, FieldReading, NotUnderstoodReason, Reading, Word

_TALLY, _OF_PLACES = Command.HOW_MANY_HERE, {Command.WHAT_IS_LEFT, Command.TRAILER_DONE}
_PAST, _DENIALS = "past", "denials"  # Moods of a language's table.

UNKNOWN = "[unk]"  # What a recogniser writes for speech that is none of the words it listens for.

NOISE_S = 0.2
"""Words before a sentence that took no longer are a breath or a clank, written down as words. To take a sentence
back needs longer: the shortest such word, "not", takes a quarter of a second."""


def read_recognised_words(
    interpreter_name: str,
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language = ENGLISH,
    *,
    longest_noise_s: float = NOISE_S,
) -> Reading:
    """Make a reading of the words; words outside the grammar leave a field that they touch without a sure value.

    Unknown words before the first field that last at most `longest_noise_s` are dropped; 0: none is.
    """
    meant, fields = parse_without_initial_noise(words, form, catalogue, language, longest_noise_s=longest_noise_s)
    before = meant.preface_words(longer_than_s=longest_noise_s)
    return build_reading(interpreter_name, form, catalogue, words, fields, language, preface=before, meant=meant)


def parse_without_initial_noise(
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language = ENGLISH,
    *,
    longest_noise_s: float = NOISE_S,
) -> tuple[Meaning, Mapping[str, FieldReading]]:
    """The meaning of a sentence, and its fields, ignoring initial noise that was recognised as words."""
    meant = parse_meaning(words, form, catalogue, language)
    before = meant.preface_words()
    first = tuple(word.text.lower() for word in words[: len(before)])
    if not before or meant.preface_words(longer_than_s=longest_noise_s) or first != before:
        return meant, meant.fields
    return meant, parse_meaning(words[len(before) :], form, catalogue, language).fields


def build_reading(
    interpreter: str,
    form: Form,
    catalogue: Catalogue,
    words: Sequence[Word],
    fields: Mapping[str, FieldReading],
    language: Language = ENGLISH,
    *,
    preface: Sequence[str],
    meant: Meaning,
) -> Reading:
    """Make the reading of `words` from their meaning and `fields`; `preface`: the unknown words before them.

    A complete sentence with a preface has unconfirmed identifiers, or is no entry: "don't record pallet 742, twelve
    units, dock B"; a recogniser writes other words for what its grammar lacks.
    """
    said = Reading(interpreter, form.name, tuple(words), {}, preface=meant.preface_words())
    if all(word.text == UNKNOWN for word in words):
        return replace(said, not_understood=NotUnderstoodReason.NO_WORDS)
    if (entry := _read_query_about_entry_or_place(said, form, catalogue, language)) is not None:
        return entry
    whole = form.required_fields <= fields.keys()
    astray = whole and preface
    if not fields or begins_with_cancellation(words, language) or (astray and not meant.begins_astray):
        return _read_fieldless(said, form, catalogue, meant, language)
    if astray:
        doubted = form.identifies or fields
        unconfirmed = {
            name: replace(one, confirmed=one.confirmed and name not in doubted) for name, one in fields.items()
        }
        return replace(said, fields=unconfirmed)
    begins = is_correction(words, language) and not whole
    correction = begins and not _cue_is_value(words, fields, form, catalogue, language)
    correction = correction or corrects_named_thing(words, language)
    if correction and not any(one.value is not None or one.runner_up is not None for one in fields.values()):
        # "No, not dock D" says nothing of what is right.
        return _read_fieldless(said, form, catalogue, meant, language)
    # A whole sentence stands for itself, however it begins.
    return replace(said, fields=fields, act=Act.AMEND if correction else Act.RECORD)


def _cue_is_value(
    words: Sequence[Word], fields: Mapping[str, FieldReading], form: Form, catalogue: Catalogue, language: Language
) -> bool:
    """Whether a word that may begin a correction is part of the first value: "wrong item"."""
    rest = without_cue(words, language)
    return not rest or not fields.keys() <= read_fields(rest, form, catalogue, language).keys()


def _read_query_about_entry_or_place(
    said: Reading, form: Form, catalogue: Catalogue, language: Language
) -> Reading | None:
    """The reading of a command about one entry, by its identifiers, "delete pallet 742"; None for other words.

    Or about a place: "how many on dock B", "how many on this dock", "what is left on trailer 5501".
    """
    whole = parse_command(said.words, language)
    if (
        whole is not None
        and whole.command
        and (whole.command is _TALLY or CommandTrait.OF_TRAILER in whole.command.traits)
    ):
        return replace(said, act=whole.act, command=whole.command)
    if whole is not None and whole.act is Act.CANCEL:
        return None  # "Delete the last one": the one has no number.
    if (asks := _parse_order(said.words, form, language)) is None:
        return None
    order, named = asks
    if order.act is Act.COMMAND and order.command is not Command.TRAILER_DONE:  # a question may end as one
        *first, last = named
        named = (*first, *([replace(last, text=end)] if (end := last.text.rstrip("?")) else []))
    names = [field.name for field in form.fields if _may_name(order, field, form)]
    if not names:
        return None
    form = form.for_last_characters
    # Which pallet, of one word; a place is named by what it is called, for there may be several.
    asked = names[0] if order.command not in _OF_PLACES else None
    fields = read_fields(named, form, catalogue, language, asked=asked)
    sure = all(name in names and one.value is not None and not one.rivals for name, one in fields.items())
    if fields and sure and not parse_meaning(named, form, catalogue, language).preface_words():
        return replace(said, fields=fields, act=order.act, command=order.command)
    # A question where a pallet goes is no entry, even if its words could be one.
    doubtful = bool(fields) and order.command is Command.WHERE_TO
    return replace(said, not_understood=NotUnderstoodReason.NOT_DICTATION) if doubtful else None


def _parse_order(
    words: Sequence[Word], form: Form, language: Language
) -> tuple[ParsedCommand, tuple[Word, ...]] | None:
    """A command with an object, and the words of the object; a cancellation also behind "no" or "yes"."""
    undone = form.undone.get(language.code, ())
    if (asks := parse_command_with_object(words, language, undone)) is not None:
        return asks
    rest = words_behind_yes(words, language) or without_cue(words, language)
    behind = parse_command_with_object(rest, language, undone) if len(rest) < len(words) else None
    return behind if behind is not None and behind[0].act is Act.CANCEL else None


def _may_name(order: ParsedCommand, field: FormField, form: Form) -> bool:
    """Whether a query may be about this field: of a place, or of an entry's identifiers."""
    stands = field.name in form.trailer_and_door_fields
    if order.command in _OF_PLACES:
        return stands
    return field.is_place or stands if order.command is _TALLY else field.name in form.identifies


def _read_fieldless(said: Reading, form: Form, catalogue: Catalogue, meant: Meaning, language: Language) -> Reading:
    """The reading of words without fields: an exception of the form, a command, talk, or not understood."""
    words = said.words
    if exceptional := parse_exception(words, form, language):
        return replace(said, fields=exceptional, act=Act.AMEND)
    ends = [word.text for word in words] == [form.terminator]  # ends a sentence, whatever it says elsewhere
    if (asks := parse_command(words, language)) is not None and not ends:
        return replace(said, act=asks.act, command=asks.command)
    nothing = is_murmur(words, language) and not says_next(words, language) and not ends
    talk = nothing or (is_chatter(words, form, catalogue, language) and not begins_with_cancellation(words, language))
    if talk:
        return replace(said, not_understood=NotUnderstoodReason.TALK)
    return _make_not_dictation(said, form, meant)


def _make_not_dictation(said: Reading, form: Form, meant: Meaning) -> Reading:
    """The reading of an utterance that is no entry, with its fields of one candidate value, be it doubtful.

    A denial keeps identifiers only.
    """
    named = {
        name: one
        for name in form.identifies
        if (one := meant.unrecorded.get(name)) is not None
        and not one.rivals
        and not (one.value is None and one.runner_up is None)
    }
    more = meant.unrecorded if meant.unrecorded.keys() - named.keys() else {}
    known = {_PAST: more, _DENIALS: named}.get(meant.no_record_reason or "", {}) if named else {}
    return replace(said, not_understood=NotUnderstoodReason.NOT_DICTATION, unrecorded=known)


def refuse_unknown_words(interpreter: str, form: Form, phrases: Iterable[str], knows: Callable[[str], bool]) -> None:
    """Raise Misconfigured for words of the form or of `phrases` that are not in the recogniser's vocabulary.

    A recogniser drops such words without an error, and what they name could not be said.
    """
    own = (phrase for field in form.fields for phrase in (*field.labels, *field.units))
    begun = form.openings.get(OWN_LANGUAGE, ())
    words = set(" ".join((*phrases, *own, *begun)).split())  # a few hundred, each of them in many sentences
    if unknown := sorted(word for word in words if not knows(word)):
        raise Misconfigured(
            f"form {form.name!r}: {interpreter} does not know the words {', '.join(unknown)}, and cannot hear them; "
            "in the form and its catalogues, use words of everyday English, write compounds apart (`tote bin`), or "
            "give a name of a list words that sound like it, beside it (`zwinger|swinger`: `dockvoice forms respell`)"
        )


_DRAWN = 0.25
"""Seconds from which it is the digit. On the dev set, of 26 "two" at the end of an id none was under 0.27, and of 52
prepositions none over 0.15. What lies between is left as it is: there the reader of forms has both asked about."""

_JOINED = 0.05  # Seconds of silence between a preposition and its noun; on dev2's wordings none was over 0.03.

_PAUSE = 0.02  # Seconds of silence from which two words count as said apart.

_TO = "to"
_COMMA = (0.1, 0.3)
"""Seconds of silence behind a "two" at the end of a number, before the next field's label. In the forms of the library
17 of 17 that were written "to" had 0.15 to 0.2, and 6 of 6 prepositions none. A longer stop may be one to think."""

_PREPOSITIONS: Mapping[str, str] = {"to": "two", "for": "four"}  # What the recogniser writes for a digit, to the digit.

_FOR = ("for", "four")
"""What the recogniser writes for a "for", which few of its sentences have: "pallet one six zero for dock B"."""

_HURRIED = 0.7
"""Below this length, in middle lengths of the sentence's other numbers, a "four" before a label is a "for". On the dev
sets nine of nine were within 0.43 and 0.64; the last digit of a number is drawn out, and eleven of eleven had 1.1 to
2.3. At any pace of speech the two keep their distance, which seconds would not: so it is given the length of one."""

_UNHURRIED = 1.0  # From here on it is the digit; in between it may be either, and the operator is asked.


def resolve_homophones(words: Sequence[Word], labels: Collection[str] = ()) -> tuple[tuple[Word, ...], ...]:
    """The variants of the words, mostly one, in which "to", "two", "for" and "four" are resolved by their length.

    `labels`: the first words of the form's labels.
    """
    resolved = [_preposition_to_digit(words, at, labels) for at in range(len(words))]
    lengths = [
        _relative_length(words, at) if _precedes_label(words, at, labels) else _UNHURRIED for at in range(len(words))
    ]
    return tuple(
        dict.fromkeys(
            tuple(
                _as_preposition(word, length) if length < below else word
                for word, length in zip(resolved, lengths, strict=True)
            )
            for below in (_UNHURRIED, _HURRIED)
        )
    )


def _precedes_label(words: Sequence[Word], at: int, labels: Collection[str]) -> bool:
    """Whether the word is "four" or "for" directly before a label. A count before its unit is not resolved."""
    if words[at].text not in _FOR or at + 1 == len(words):
        return False
    return words[at + 1].text in labels and words[at + 1].start - words[at].end < _JOINED


def _relative_length(words: Sequence[Word], at: int) -> float:
    """The word's length relative to the median of the other number words; _HURRIED where there are none."""
    others = [word.end - word.start for word in words if ENGLISH.numerals.is_part(word.text) and word is not words[at]]
    return (words[at].end - words[at].start) / median(others) if others else _HURRIED


def _as_preposition(word: Word, length: float) -> Word:
    return replace(word, text="for", end=min(word.end, word.start + BRIEF) if length < _HURRIED else word.end)


def _preposition_to_digit(words: Sequence[Word], at: int, labels: Collection[str]) -> Word:
    """Replace "to" or "for" behind a digit by 2 or 4 if it is drawn out or ends the clause."""
    word = words[at]
    if not at or word.text not in _PREPOSITIONS or word.start - words[at - 1].end >= _PAUSE:
        return word
    behind_digit = any(len(one.text) == 1 for one in ENGLISH.numerals.groups([words[at - 1].text], 0))
    said = word.end - word.start >= _DRAWN or _ends_clause(words, at, labels)
    return replace(word, text=_PREPOSITIONS[word.text]) if behind_digit and said else word


def _ends_clause(words: Sequence[Word], at: int, labels: Collection[str]) -> bool:
    """Whether the word is a "to" with a short pause before the next field's label, so that it is the digit 2."""
    if words[at].text != _TO or at + 1 == len(words) or words[at + 1].text not in labels:
        return False
    return _COMMA[0] <= words[at + 1].start - words[at].end <= _COMMA[1]


_FEWEST_WORDS = 4  # Fewer may be an answer: "dock is B" without its "dock".

_FEWEST_STRANGE = 2
"""So many words must be neither a figure nor a letter: dictation without a word of the form has fewer."""

_FIGURES_IN_A_ROW = 3
"""From here on it is dictation without labels: "three two two, five, yankee". Talk has two at most ("two eight")."""


def is_chatter(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language = ENGLISH) -> bool:
    """Whether words without a field are surely talk to others, not dictation."""
    said = tokenize(words, language)
    known = cached_lexicon(form, catalogue, language)
    roles = {match.role for at in range(len(said)) for match in known.matches(said, at)}
    if len(words) < _FEWEST_WORDS or roles & {Role.LABEL, Role.UNIT, Role.CUE, Role.BEGINNING}:
        return False
    strange = sum(not language.may_be_in_identifier(token.text) for token in said)
    figures = (token.text not in language.common and language.numerals.is_part(token.text) for token in said)
    in_a_row = max((len(list(run)) for is_figure, run in groupby(figures) if is_figure), default=0)
    return strange >= _FEWEST_STRANGE and in_a_row < _FIGURES_IN_A_ROW
