"""Numbers that a pause may have cut in two: what words begin and end with, and whether the two are one number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from edge.forms.spoken.grammar.tokens import tokens
from edge.forms.spoken.language import ENGLISH, Language, Phrase
from edge.records import Word


def begins(words: Sequence[Word], language: Language = ENGLISH) -> Phrase:
    """The number that the words begin with, but for hesitations and links; empty where they begin with none."""
    said = _said(words, language)
    return _number(said[len(_links(said, language)) :], language)


def ends(words: Sequence[Word], language: Language = ENGLISH) -> Phrase:
    """The number that the words end with, or what they end with of one; empty where they end with none."""
    return _number(reversed(_said(words, language)), language)[::-1]


def are_one_number(before: Sequence[Word], after: Sequence[Word], language: Language = ENGLISH) -> bool:
    """Could one number be made of what the words before end with, and those after begin with: "sixty" | "two units"?

    Where an "and" goes on with it, "one hundred" | "and twenty two hundred units", so may a part of those after.
    """
    head, tail = ends(before, language), begins(after, language)
    between = _links(_said(after, language), language)
    return bool(tail) and (
        _reaches(head, tail, len(tail), language)
        or (bool(between) and _reaches(head, between + tail, len(between) + 1, language))
    )


def _reaches(head: Phrase, tail: Phrase, least: int, language: Language) -> bool:
    """Is there a number that begins in the words of `head` and has so many of those behind them at least?"""
    found = (count for at in range(len(head)) for count in language.numerals.counts(head + tail, at))
    return any(count.end >= len(head) + least and count.cost < UNLIKELY for count in found)


UNLIKELY = 1.0
"""Nats: a count that is said digit for digit, "one two" for 12, is no number cut in two."""


def _links(said: Phrase, language: Language) -> Phrase:
    """The links at the beginning, but for those that are numbers."""
    links = {*language.words["links"], *language.words["openings"]}
    return tuple(takewhile(lambda word: (word,) in links and not _is_number(word, language), said))


def _said(words: Sequence[Word], language: Language) -> Phrase:
    return tuple(token.text for token in tokens(words, language))


def _number(said: Iterable[str], language: Language) -> Phrase:
    """The words at the beginning that a number is made of, "a" and "and" among them, if there is a number in them."""
    run = tuple(takewhile(lambda word: _is_number(word, language) or word in language.common, said))
    return run if any(map(language.tells, run)) else ()


def _is_number(word: str, language: Language) -> bool:
    return word.isdecimal() or language.numerals.is_part(word)
