"""What one language contributes to reading: its small words, its numbers and its letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase

Words = Sequence[str]
Phrase = tuple[str, ...]

LETTERS = frozenset(ascii_lowercase)

REMEMBERED = 4096
"""Words whose folding is kept: more than the vocabulary of any form."""


@lru_cache(maxsize=REMEMBERED)
def fold(text: str) -> str:
    """Small letters without accents, one apostrophe: models write "Stück", "STÜCK" and "Stuck" for one word."""
    apart = unicodedata.normalize("NFKD", text.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return "".join(character for character in apart if not unicodedata.combining(character))


def phrase(text: str) -> Phrase:
    """Words as they are compared."""
    return tuple(fold(text).split())


def phrases(listed: str) -> tuple[Phrase, ...]:
    """Phrases with a comma between any two."""
    return tuple(phrase(one) for one in listed.split(","))


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a language says numbers."""

    cardinal: Callable[[Words], int | None]
    """The count that the words say as a whole, 0 to 99,999; None where they say none."""
    digits: Callable[[Words], str | None]
    """The string of digits that the words spell as a whole; None where they spell none."""
    group: Callable[[Words], tuple[str, int] | None]
    """The digits at the beginning of the words, and how many words say them."""
    times: Mapping[str, int]
    """What repeats the next digit or letter: "double"."""
    is_part: Callable[[str], bool]
    """Is a word part of a number, or one by itself?"""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """How a language spells."""

    code_words: Mapping[Phrase, str]
    """The words of its spelling alphabets, to small letters."""
    explained_by: tuple[Phrase, ...]
    """What joins a letter to the word that explains it: "as in"."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """A language in which forms can be filled. All words are folded (`fold`). Compared by identity."""

    code: str
    """ISO 639-1: `en`."""
    hesitations: frozenset[str]
    """Sounds that mean nothing wherever they stand, even inside a number."""
    links: frozenset[str]
    """Words around and between fields. Inside a number one of these is as strange as any other word."""
    link_phrases: tuple[Phrase, ...]
    particles: frozenset[str]
    """Links of one letter, which after the label of a spelt field are that letter: Spanish "a", Italian "e"."""
    cues: tuple[Phrase, ...]
    """What announces that the next mention of a field replaces the one before."""
    homophones: Mapping[str, str]
    """Links that sound like a digit. Dropped beside a number, one of these could cost an id a digit in silence."""
    numbers: Numbers
    alphabet: Alphabet
    common: frozenset[str]
    """Words of numbers and letters that are common words too, and say nothing by themselves: "a", "and"."""
    checks: frozenset[str]
    """What announces the check word or digits of a place: "dock B, check four seven"."""
    negations: tuple[Phrase, ...] = ()
    """Cues that, with the word behind them, say what is not: Spanish "no es". They explain no field."""
    elided: tuple[str, ...] = ()
    """What may stand, with an apostrophe, before a word and is no part of it: French "d'unités"."""
    thousands: str = "."
    """What sets off the thousands of a number in digits."""

    def tells(self, word: str) -> bool:
        """Is the word part of a number or a letter, and nothing else?"""
        if word in self.common:
            return False
        if any(character.isdigit() for character in word):
            return True
        spelling = word in LETTERS or any(word in code for code in self.alphabet.code_words)
        return spelling or self.numbers.is_part(word)
