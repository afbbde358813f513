"""Numbers that a pause may have cut in two: what words begin and end with, and whether the two are one number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import dropwhile, takewhile

from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language, Phrase, fold
from edge.forms.spoken.lexicon import tokens
from edge.records import Word


def begins(words: Sequence[Word], language: Language = ENGLISH) -> Phrase:
    """The number that the words begin with, but for hesitations and links; empty where they begin with none."""
    said = dropwhile(lambda word: word in language.links and not _is_number(word, language), _said(words, language))
    return _number(said, language)


def ends(words: Sequence[Word], language: Language = ENGLISH) -> Phrase:
    """The number that the words end with, or what they end with of one; empty where they end with none."""
    return _number(reversed(_said(words, language)), language)[::-1]


def are_one_number(before: Sequence[Word], after: Sequence[Word], language: Language = ENGLISH) -> bool:
    """Could one number be made of what the words before end with, and those after begin with: "sixty" | "two units"?"""
    head, tail = ends(before, language), begins(after, language)
    whole = (language.numbers.cardinal(head[at:] + tail) for at in range(len(head)))
    return bool(tail) and any(value is not None for value in whole)


def _said(words: Sequence[Word], language: Language) -> Phrase:
    said = (fold(token.text) for token in tokens(words, language))
    return tuple(word for word in said if word not in language.hesitations)


def _number(said: Iterable[str], language: Language) -> Phrase:
    """The words at the beginning that a number is made of, "a" and "and" among them, if there is a number in them."""
    run = tuple(takewhile(lambda word: _is_number(word, language) or word in language.common, said))
    return run if any(map(language.tells, run)) else ()


def _is_number(word: str, language: Language) -> bool:
    return word.isdecimal() or language.numbers.is_part(word)
