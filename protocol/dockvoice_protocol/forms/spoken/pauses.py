"""Decides at a pause whether an entry is complete, and whether the pause splits a number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken import numerals
from dockvoice_protocol.forms.spoken.commands import is_complete_command, is_correction
from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.tokens import Token, token_texts, tokenize
from dockvoice_protocol.forms.spoken.kinds.numbers import decimal_readings
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.forms.spoken.reader import cached_lexicon
from dockvoice_protocol.records import FieldReading, TurnExpectation, Word

_UNLIKELY = 1.0  # Nats: a count said digit by digit, "one two" for 12, is no split number.
_LEADING_ON = frozenset(
    {Role.LABEL, Role.AFTER_LABEL, Role.CUE, Role.CONTRAST, Role.HEDGE_BEFORE, Role.CHOICE, Role.LINK}
)
"""Roles of phrases that end only an unfinished sentence: "dock", "no", "and". A finished one may end with "please"."""
_LONGEST = 5  # Words of the longest phrase that is searched at the end.


def number_head(words: Sequence[Word], language: Language) -> Phrase:
    """The number words at the beginning, after hesitations and links; empty where there are none."""
    return _links_and_number(words, language)[1]


def number_tail(words: Sequence[Word], language: Language) -> Phrase:
    """The number words at the end, whether or not they are a complete number; empty where there are none."""
    return _leading_number(reversed(token_texts(words, language)), language)[::-1]


def are_one_number(
    before: Sequence[Word], after: Sequence[Word], language: Language = ENGLISH, *, measures: bool = False
) -> bool:
    """Whether a number may begin at the end of `before` and go on in `after`: "sixty" | "two units".

    `measures`: it may have a sign and a point: "minus" | "eighteen". Neither part need be a number by itself, "half" |
    "a dozen units", and only the beginning of the later one may belong to it: "pallet seven forty" | "two twenty four
    units", "vierund" | "zwanzig". A first part that is repeated is begun anew: "six hundred" | "six hundred and seventy
    two".
    """
    head, said = token_texts(before, language)[-numerals.LONGEST :], token_texts(after, language)[: numerals.LONGEST]
    for rest in (said, said[len(_links_and_number(after, language)[0]) :]):
        joined = head + rest
        if any(rest[: len(head) - at] == head[at:] for at in range(len(head) - 1)):
            return False
        for at in range(len(head)):
            found = _numbers_at(joined, at, language, measures=measures)
            if any(end > len(head) and cost < _UNLIKELY for end, cost in found):
                return rest[: len(head) - at] != head[at:]
        if head and rest and not (_is_number(head[-1], language) and _is_number(rest[0], language)):
            compound = head[-1] + rest[0]  # one word cut in two, not two numbers: "vierund" | "zwanzig"
            if _is_number(compound, language):
                return True
    return False


def _numbers_at(said: Phrase, at: int, language: Language, *, measures: bool) -> list[tuple[int, float]]:
    """The numbers that begin at a word: end, cost."""
    if measures:
        return [(end, cost) for end, _, cost in decimal_readings(said, at, language.numerals, language.table)]
    return [(count.end, count.cost) for count in language.numerals.counts(said, at)]


def _links_and_number(words: Sequence[Word], language: Language) -> tuple[Phrase, Phrase]:
    """The leading links, without those that are numbers, and the number words behind them."""
    said, listed = token_texts(words, language), (language.words["links"], language.words["openings"])
    small = takewhile(lambda word: any((word,) in one for one in listed) and not _is_number(word, language), said)
    between = tuple(small)
    return between, _leading_number(said[len(between) :], language)


def _leading_number(said: Iterable[str], language: Language) -> Phrase:
    """The leading number words, with "a" and "and"; empty where none of them is certainly of a number."""
    run = tuple(takewhile(lambda word: _is_number(word, language) or word in language.common, said))
    return run if any(map(language.may_be_in_identifier, run)) else ()


def _is_number(word: str, language: Language) -> bool:
    return word.isdecimal() or language.numerals.is_part(word)


def expect_more(
    words: Sequence[Word],
    fields: Mapping[str, FieldReading],
    form: Form,
    catalogue: Catalogue,
    language: Language = ENGLISH,
    *,
    converses: bool = False,
    awaited: Collection[str] | None = None,
) -> TurnExpectation:
    """Whether more may follow `words`, from which `fields` was parsed.

    `converses`: commands and corrections are complete utterances too. `awaited`: the missing fields of the open entry,
    or the requested one; None: all required fields of the form.
    """
    if converses and is_complete_command(words, language):
        return TurnExpectation.FINISHED
    said = tokenize(words, language)
    roles = _roles_at_end(said, form, catalogue, language)
    if not said or not (fields or Role.LABEL in roles):
        return TurnExpectation.MORE if _is_begun_number(words, language, answers=converses) else TurnExpectation.EITHER
    complete = _has_all_values(fields, form, catalogue)
    if not tokenize(words[-1:], language):  # a hesitation at the end
        return TurnExpectation.MORE
    last = _last_field(said, fields, form)
    if last is not None and Role.LABEL in roles and fields[last.name].value is None:
        last = None  # a label without a value
    if last is None and roles & _LEADING_ON and not (complete and not roles & {Role.LABEL, Role.CUE}):
        return TurnExpectation.MORE
    if complete or (converses and is_correction(words, language)):
        closed = Role.UNIT in roles or last is None or _is_full(last, fields[last.name])
        return (
            TurnExpectation.FINISHED if closed and not (complete and _may_add(fields, form)) else TurnExpectation.EITHER
        )
    begun = last is not None and _is_begun(last, fields[last.name])
    return TurnExpectation.MORE if begun or _lacks_field(fields, form, awaited) else TurnExpectation.EITHER


def _lacks_field(fields: Mapping[str, FieldReading], form: Form, awaited: Collection[str] | None) -> bool:
    """Whether a begun entry lacks a field."""
    wanted = form.required_fields if awaited is None else awaited
    return bool(fields) and any(name not in fields for name in wanted)


def _may_add(fields: Mapping[str, FieldReading], form: Form) -> bool:
    """Whether a complete entry may get another field ("two damaged") that is not of the context, which is said once."""
    return any(field.name not in fields and field.name not in form.context for field in form.fields)


def _roles_at_end(said: Sequence[Token], form: Form, catalogue: Catalogue, language: Language) -> frozenset[Role]:
    known = cached_lexicon(form, catalogue, language)
    starts = range(max(0, len(said) - _LONGEST), len(said))
    return frozenset(match.role for at in starts for match in known.matches(said, at) if match.end == len(said))


def _is_begun_number(words: Sequence[Word], language: Language, *, answers: bool) -> bool:
    """Whether a number of no field ends the words: "six hundred and"; with `answers`, only an unfinished one."""
    number = number_tail(words, language)
    return bool(number) and not (answers and language.may_be_in_identifier(number[-1]))


def _last_field(said: Sequence[Token], fields: Mapping[str, FieldReading], form: Form) -> FormField | None:
    last_word = (said[-1].surface,)
    ending = (field for field in form.fields if field.name in fields and fields[field.name].words[-1:] == last_word)
    return next(ending, None)


def _has_all_values(fields: Mapping[str, FieldReading], form: Form, catalogue: Catalogue) -> bool:
    sure = {name: said.value for name, said in fields.items() if said.value is not None and not said.rivals}
    known = (catalogue.has_values(field.catalogue, sure[field.name]) for field in form.fields if field.name in sure)
    return len(sure) == len(fields) and not form.faults(sure) and all(known)


def _is_full(field: FormField, said: FieldReading) -> bool:
    """Whether the value cannot grow: a letter or name, or digits to which the form allows no more."""
    if field.spoken.is_said_by_name:
        return True
    return isinstance(said.value, str) and not field.allows(said.value + "0")


def _is_begun(field: FormField, said: FieldReading) -> bool:
    """Whether the value is an unfinished number: without a value, or invalid so far."""
    if field.spoken.is_said_by_name:
        return False
    return said.value is None or not field.allows(said.value)
