"""Generates rough training sentences for a form in languages without a sampler, from the form's words.

A value is a random chain of words of its kind, valid or not: only the reader decides which are. So a recogniser learns
the words, and roughly their order. Words keep their accents, as in the recogniser's vocabulary; the reader folds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken.commands import NAMED, PHRASES_IN_GRAMMAR, speak_name
from dockvoice_protocol.forms.spoken.folding import fold, phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import value_words
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.kinds.kind import section_phrases
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, LETTERS, Language
from dockvoice_protocol.forms.spoken.sentences import BEGUN
from dockvoice_protocol.records import Command

_SENTENCES = 2000
"""Number of sentences. With the English weights, of 32 clean clips of a third of the dev set 81 % came out whole with
these (and 3 % wrong), 100 % with sampled ones; at 10 dB 70 and 9 % of 44, for 93 and 5: `lab.bench.recogniser
--phrases 0`."""
_TIMES = 3  # Repetitions of each sentence; phrases around dictation occur once.
_ANSWERS = 30  # Number of answers and corrections for each field alone.
_COMMANDS = 4  # Repetitions of each command, "yes" and "no" included, relative to the sentences.
_SINGLE = 0.75  # Probability of a code said digit by digit.
_SEED = 2026  # Any fixed number: the same form gives the same sentences at every start.

_IN_ORDER = 0.6  # Probability of a sentence with the fields in the form's order.
_CODE = (2, 8)  # Minimum and maximum number of words of a code.
_COUNT = (1, 4)  # Likewise of a count.
_TEN = 10
_DIGITS = tuple(map(str, range(10)))

_Knows = Callable[[str], bool]  # Whether the recogniser's vocabulary has every word of a phrase.


def rough_sentences(
    form: Form,
    catalogue: Catalogue,
    language: Language,
    knows: _Knows,
    names: Sequence[str] = (),
    works: Sequence[str] = (),
) -> tuple[str, ...]:
    """Sentences, answers, commands and talk, of words that `knows` accepts; deterministic.

    `names` are the operators' sign-on names, `works` the phrases for the available forms.
    """
    random = Random(_SEED)  # noqa: S311 - a sample, nothing secret
    fields = [one for one in form.fields if not one.spoken.by_unit]
    said = {one.name: _Ways(one, catalogue, language, knows, random) for one in fields}
    openings = list(filter(knows, form.openings.get(language.code, ())))
    sentences = []
    for _ in range(_SENTENCES):
        order = fields if random.random() < _IN_ORDER else random.sample(fields, len(fields))
        begun = [random.choice(openings)] if openings and random.random() < BEGUN else []
        sentences.append(" ".join([*begun, *(said[one.name].sample_mention() for one in order)]))
    cues = [cue for cue in language.table["words"]["correction_cues"] if knows(cue)] or [""]
    for ways in said.values():
        for _ in range(_ANSWERS):
            sentences += [ways.sample_value(), ways.sample_mention(), f"{random.choice(cues)} {ways.sample_mention()}"]
    sentences += [one for one in (*_command_phrases(language, names), *works) if knows(one.lower())] * _COMMANDS
    return (*(one.lower() for one in sentences * _TIMES), *filter(knows, map(str.lower, surrounding_phrases(language))))


def form_words(form: Form, catalogue: Catalogue, language: Language) -> Iterator[tuple[str, str]]:
    """The words of a form in a language, in each spelling that the reader knows, each with its meaning."""
    for field in form.fields:
        named = field.wording(language.code)
        yield from ((one, f"the field {field.name!r}") for one in named.labels)
        yield from ((one, f"the unit of {field.name!r}") for one in named.units)
        if field.catalogue or field.choices:
            yield from (
                (way, f"{value!r} of {field.name!r}") for way, value in value_words(field, catalogue, language).items()
            )
    yield from ((said, "what an entry begins with") for said in form.openings.get(language.code, ()))
    if any(field.spoken.of_numbers for field in form.fields):
        yield from ((said, f"the number {value}") for value, said in _number_words(language))


def commands_by_name(language: Language) -> dict[str, tuple[str, ...]]:
    """The first phrases of each command and the first of each reason for a break, unfolded."""
    table = language.table["commands"]
    return {name: tuple(table[name][:PHRASES_IN_GRAMMAR]) for name in NAMED} | {
        reason: tuple(ways[:1]) for reason, ways in language.table["breaks"].items()
    }


def _command_phrases(language: Language, names: Sequence[str]) -> Iterator[str]:
    """The phrases of `commands_by_name`, and sign-ons with each name."""
    ways = commands_by_name(language)
    yield from (way for said in ways.values() for way in said)
    yield from (f"{way} {speak_name(name, language)}" for way in ways[Command.SIGN_ON] for name in names)


@cache
def surrounding_phrases(language: Language) -> tuple[str, ...]:
    """Phrases around dictation and their single words, unfolded; none with a number or letter."""
    listed = [
        one for lists in (language.words, language.not_a_record) for said in lists.values() for one in said.samples()
    ]
    candidates = dict.fromkeys([*listed, *(word for one in listed for word in one.split())])
    return tuple(one for one in candidates if not any(map(language.may_be_in_identifier, phrase(one))))


class _Ways:
    """Generates wordings of one field."""

    def __init__(
        self, field: FormField, catalogue: Catalogue, language: Language, knows: _Knows, random: Random
    ) -> None:
        self._random = random
        named = field.wording(language.code)
        self._labels, self._units = tuple(filter(knows, named.labels)), tuple(filter(knows, named.units))
        self._whole = tuple(filter(knows, value_words(field, catalogue, language)))
        self._chain = tuple(filter(knows, _value_words(field, catalogue, language)))
        self._single = tuple(said for value, said in _number_words(language) if value in _DIGITS and knows(said))
        self._is_code = field.spoken.spelt
        self._length = _CODE if self._is_code else (1, 1) if field.spoken.is_single_letter else _COUNT

    def sample_value(self) -> str:
        """A value, or a random chain of its words."""
        if self._whole and (not self._chain or self._random.random() < 1 / 2):
            return self._random.choice(self._whole)
        chain = self._single if self._is_code and self._random.random() < _SINGLE else self._chain
        return " ".join(self._random.choices(chain, k=self._random.randint(*self._length))) if chain else ""

    def sample_mention(self) -> str:
        """A value with its unit, or behind its label."""
        value = self.sample_value()
        if self._units and (not self._labels or self._random.random() < 1 / 2):
            return f"{value} {self._random.choice(self._units)}"
        return f"{self._random.choice(self._labels)} {value}" if self._labels else value


def _value_words(field: FormField, catalogue: Catalogue, language: Language) -> Iterator[str]:
    """The words of a field's values in the language."""
    if field.spoken.of_numbers:
        yield from (said for _, said in _number_words(language))
    if field.spoken.may_have_letters:
        known = catalogue.values(field.catalogue) if field.catalogue else field.choices
        wanted = {value.lower() for value in known if len(value) == 1} or LETTERS
        yield from _letter_wordings(language, lambda letter: letter in wanted)
    if (section := kind_of(field).section) is not None:
        yield from section_phrases(language.table[section])
    named = field.wording(language.code)
    yield from (*named.true, *named.false)


def _letter_wordings(language: Language, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Letters in all wordings: plain, by name, and by the words of spelling alphabets."""
    letters: Any = language.table["letters"]
    yield from filter(wanted, sorted(LETTERS))
    yield from (name for letter, names in letters.get("names", {}).items() if wanted(letter) for name in names)
    joint = letters["explained_by"][0]
    for said, letter in CODE_WORDS.items():
        if wanted(letter):
            yield from (" ".join(said), f"{letter} {joint} {' '.join(said)}")
    listed = dict.fromkeys(word for alphabet in letters["alphabets"] for word in alphabet.split())
    yield from (word for word in listed if wanted(fold(word)[0]))


def _number_words(language: Language) -> tuple[tuple[str, str], ...]:
    """Pairs of a value and a number word, with compounds in languages that write numbers as one word."""
    numbers: Any = language.table["numbers"]
    rows = [row.split() for row in (*numbers["words"], *numbers.get("digits", ()))]
    single = [("0", said) for said in numbers["zeros"]]
    single += [
        (value, way) for value, *said in rows for one in said for way in dict.fromkeys((one, one.replace("-", " ")))
    ]
    first = {value: said[0] for value, *said in rows}
    joined = [
        (str(tens + ones), by.join((first[str(one)], first[str(other)])))
        for rule in numbers.get("tens", ())
        if not rule.get("cost")
        for one in _parse_range(rule["first"])
        for other in _parse_range(rule["second"])
        if str(one) in first and str(other) in first
        for tens, ones in (sorted((one, other), reverse=True),)
        for by in _joiner_variants(rule.get("by", ""))
    ]
    between = [
        ("100", word) for section in ("hundred", "thousand") for ways in numbers[section].values() for word in ways
    ]
    joins = [("and", rule["by"]) for rule in numbers.get("tens", ()) if "by" in rule]
    joins += [("and", word) for word in numbers["hundreds"] if word]
    times = [("double", word) for word in numbers["times"]]
    return tuple(dict.fromkeys((*single, *joined, *between, *joins, *times)))


def _joiner_variants(by: str) -> tuple[str, str]:
    return by, f" {by} ".replace("  ", " ")


def _parse_range(listed: str) -> Iterator[int]:
    for one in listed.split():
        if (bounds := re.fullmatch(r"(\d+)(?:-(\d+))?", one)) is not None:
            least, most = int(bounds[1]), int(bounds[2] or bounds[1])
            yield from range(least, most + 1, _TEN if least % _TEN == most % _TEN == 0 else 1)
