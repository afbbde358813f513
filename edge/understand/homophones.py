"""Words that are one sound to a recogniser, told apart by their length.

"To" and "two" are pronounced alike. Which of them a recogniser writes follows from its language model alone, and
before a label that is "to", also where an id ended in 2. But a preposition is brief and belongs to what follows; the
last digit of an id, said in one breath with the digits before, is drawn out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.stretches import PAUSE
from edge.records import Word

DRAWN = 0.25
"""Seconds from which it is the digit. On the dev set, of 26 "two" at the end of an id none was under 0.27, and of 52
prepositions none over 0.15. What lies between is left as it is: there the reader of forms has both asked about."""


def told_apart(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words, those that must have been a digit written as one."""
    return tuple(
        replace(word, text=ENGLISH.homophones[word.text]) if at and _is_digit(words[at - 1], word) else word
        for at, word in enumerate(words)
    )


def _is_digit(before: Word, word: Word) -> bool:
    joined, drawn = word.start - before.end < PAUSE, word.end - word.start >= DRAWN
    return word.text in ENGLISH.homophones and drawn and joined and _says_a_digit(before.text)


def _says_a_digit(word: str) -> bool:
    found = ENGLISH.numbers.group([word])
    return found is not None and len(found[0]) == 1
