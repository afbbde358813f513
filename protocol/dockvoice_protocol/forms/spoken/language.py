"""A language: the words around dictation, its numbers and its letters, read from its folder in `languages/`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from string import ascii_lowercase
from typing import Any

from dockvoice_protocol.forms.spoken.folding import Phrase, fold, phrase
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.languages import LANGUAGES, table

_Words = Sequence[str]

LETTERS = frozenset(ascii_lowercase)

_CODE_WORDS = """
alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra
tango uniform victor whiskey x-ray yankee zulu
"""
NATO = {word[0]: word.replace("-", " ") for word in _CODE_WORDS.split()}
"""Letter to word, by ICAO Annex 10 and the ITU radio regulations; x has two, "x ray". Known to every language."""
CODE_WORDS: dict[Phrase, str] = {tuple(word.split()): letter for letter, word in NATO.items()} | {
    ("alfa",): "a",
    ("juliett",): "j",
    ("whisky",): "w",
    ("xray",): "x",
}
"""Its words with the spellings that transcripts carry besides."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """How a language spells."""

    code_words: Mapping[Phrase, str]
    """The words of its spelling alphabets, to small letters."""
    explained_by: tuple[Phrase, ...]
    """What joins a letter to the word that explains it: "as in"."""
    names: Mapping[str, str]
    """Words that letters may be written out as, to the letter: "bee"."""


@dataclass(frozen=True, eq=False)
class Language:
    """A language in which forms can be filled. All words are folded (`fold`). Compared by identity."""

    code: str
    """ISO 639-1: `en`."""
    thousands: str
    """What sets off the thousands of a number in digits."""
    decimal: str
    elided: tuple[str, ...]
    """What may stand, with an apostrophe, before a word and is no part of it: French "d'unités"."""
    hesitations: frozenset[str]
    """Sounds that mean nothing wherever they stand, even inside a number."""
    alphabet: Alphabet
    homophones: Mapping[str, str]
    """Words that sound like a number, to its word."""
    misheard: Mapping[str, str]
    """Words that are written for the usual labels, to the label's own."""
    months: frozenset[str]
    """Their names, as a date has them."""
    ordinals: frozenset[str]
    """The words for the day of a month that are no counts: "first"."""
    numerals: Numerals
    table: Mapping[str, Any]
    """The whole file: kinds of fields have a section of their own, and some of it is made out when it is asked for."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Language:
        """Build a language from its parsed TOML file."""
        letters = table["letters"]
        numerals = Numerals(table["numbers"], spaced=table["thousands"] == " ")
        listed = {word: word[0] for one in letters["alphabets"] for word in fold(one).split()}
        elided = tuple(table["elided"])
        homophones = {fold(said): fold(meant) for meant, ways in table["homophones"].items() for said in ways}
        return cls(
            code=table["code"],
            thousands=table["thousands"],
            decimal=table["decimal"],
            elided=elided,
            hesitations=frozenset(map(fold, table["words"]["hesitations"])),
            alphabet=Alphabet(
                CODE_WORDS | {(word,): letter for word, letter in listed.items()},
                tuple(map(phrase, letters["explained_by"])),
                {fold(name): letter for letter, ways in letters.get("names", {}).items() for name in ways},
            ),
            homophones=homophones,
            misheard={fold(said): fold(meant) for said, meant in table.get("labels", {}).items()},
            # A month's short name that is a number ("sept") is a number wherever no date is asked for.
            months=frozenset(
                name
                for name in (fold(name) for names in table["dates"]["months"] for name in names)
                if not numerals.groups([name], 0)
            ),
            ordinals=frozenset(fold(name) for names in table["dates"]["ordinals"] for name in names),
            numerals=numerals,
            table=table,
        )

    @cached_property
    def words(self) -> Mapping[str, tuple[Phrase, ...]]:
        """By role ("links", "cues"), the phrases that have it; the file says what each role is."""
        return {role: self._said_as(role) for role in self.table["words"]}

    def _said_as(self, role: str) -> tuple[Phrase, ...]:
        # A word that is a number says how many, wherever it stands.
        listed = _phrases(self.table["words"][role], self.elided)
        return tuple(one for one in listed if len(one) > 1 or not self._is_number(one))

    def _is_number(self, said: Phrase) -> bool:
        return bool(self.numerals.counts(said, 0) or self.numerals.groups(said, 0))

    @cached_property
    def moods(self) -> Mapping[str, tuple[Phrase, ...]]:
        """By mood ("denials", "questions"), the phrases that make an utterance no record."""
        return {mood: _phrases(said, self.elided) for mood, said in self.table["moods"].items()}

    @cached_property
    def commands(self) -> Mapping[str, tuple[Phrase, ...]]:
        """By name, the ways to say each command, the first of them as it is shown."""
        return {name: _phrases(said, self.elided) for name, said in self.table["commands"].items()}

    @property
    def units(self) -> Mapping[str, Sequence[str]]:
        """By code, the words of units that forms share: for several, for one, and others."""
        return dict(self.table["units"])

    @cached_property
    def breaks(self) -> Mapping[str, tuple[Phrase, ...]]:
        """By the code of a reason, the ways to say that one goes away for it."""
        return {reason: _phrases(said, self.elided) for reason, said in self.table["breaks"].items()}

    @cached_property
    def works(self) -> Mapping[str, tuple[tuple[Phrase, Phrase], ...]]:
        """By role ("switch", "bid"), what stands before the name of a work and what stands behind it."""
        return {
            role: tuple((phrase(before), phrase(behind)) for before, _, behind in (one.partition("*") for one in ways))
            for role, ways in self.table["works"].items()
            if role != "articles"
        }

    @cached_property
    def articles(self) -> frozenset[str]:
        """What may stand before the name of a work: "the"."""
        return frozenset(map(fold, self.table["works"]["articles"]))

    @cached_property
    def separators(self) -> frozenset[str]:
        """What people say between the parts of a printed number, and the number itself does not hold: "dash"."""
        return frozenset(fold(word) for word in self.table["letters"]["separators"])

    @cached_property
    def common(self) -> frozenset[str]:
        """Words of numbers and letters that are common words too, and say nothing by themselves: "a", "and"."""
        return frozenset(fold(word) for word in self.table["letters"]["common"])

    @cached_property
    def cues(self) -> frozenset[Phrase]:
        """What announces that the next mention of a field replaces the one before."""
        return frozenset((*self._said_as("cues"), *self._said_as("last_one")))

    def unelided(self, words: Phrase) -> Phrase:
        """As a transcript has them, without what is elided before a word: "est ça" for "c'est ça"."""
        if not self.elided:
            return words
        apart = (part for word in words for part in word.partition("'")[::2])
        return tuple(part for part in apart if part and part not in self.elided)

    def remarks(self) -> tuple[str, ...]:
        """Phrases around dictation, sorted: remarks and moods, and each of their words; no number or letter."""
        listed = {said for table in (self.words, self.moods) for ways in table.values() for said in ways}
        told = listed | {(word,) for said in listed for word in said}
        return tuple(sorted(" ".join(said) for said in told if not any(map(self.tells, said))))

    def tells(self, word: str) -> bool:
        """Is the word part of a number or a letter, and nothing else?"""
        if word in self.common:
            return False
        if any(character.isdigit() for character in word):
            return True
        return word in LETTERS or word in self._spelling or self.numerals.is_part(word)

    def spells(self, word: str) -> bool:
        """Does the word spell a letter, and is no letter, number or common word itself: "sugar", "delta"?"""
        return word in self._spelling and word not in (LETTERS | self.common) and not self.numerals.is_part(word)

    @cached_property
    def _spelling(self) -> frozenset[str]:
        """Each word of what letters are spelt with."""
        return frozenset(word for code in self.alphabet.code_words for word in code)


def apart(word: str, elided: Sequence[str]) -> str:
    """A word without what is elided before it, or in two: "d'unités" is "unités", "un'unità" is "un unità"."""
    before, apostrophe, after = word.partition("'")
    if not elided or not apostrophe:
        return word
    return after if before in elided else f"{before} {after}"


def _phrases(said: Sequence[str], elided: Sequence[str]) -> tuple[Phrase, ...]:
    """Each once; those with an elision as a recogniser writes it, and as a transcript is read."""
    return tuple(dict.fromkeys(way for one in said for way in _ways(one, elided)))


def _ways(said: str, elided: Sequence[str]) -> tuple[Phrase, ...]:
    if not elided or "'" not in said:
        return (phrase(said),)
    parted = " ".join(apart(word, elided) for word in said.split())
    return (phrase(said),) if parted == said or len(parted) == 1 else (phrase(said), phrase(parted))


@cache
def _loaded(code: str) -> Language:
    return Language.from_table(table(code, "grammar"))


def language_named(tag: str) -> Language:
    """The language of a code or of a longer tag: `de`, `de-AT`, `en_US`. Raises ValueError for any other."""
    code = re.split("[-_]", tag.lower())[0]
    if code not in LANGUAGES:
        raise ValueError(f"language {tag!r} is not read here; allowed: {', '.join(LANGUAGES)}, or a tag such as de-AT")
    return _loaded(code)


ENGLISH = language_named("en")
"""The language of a form's own words."""
