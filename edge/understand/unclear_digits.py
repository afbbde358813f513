"""Finds digits of an identifier that, by their times, may not have been said, were dropped or said twice. Pure.

A recogniser that knows the form's words alone writes a digit for any other word: "pallet seven four two, streets,
twelve units" came as 7423, at full confidence. An "oh" is a mere vowel: behind a "two" without a pause it may be the
end of that word (a slow "two seven seven" came as 2077), and one as long as the other digits may be two ("oh oh two
four seven" came as 0247). In noise it comes as "uh", too ("seventy eight oh one" came as 781), and an "eight" as "and"
("two six eight, twenty six units" came as 26 and 26).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from statistics import median

from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, FieldValue, Word

_OH, _TWO, _UH, _AND, _EIGHT = "oh", "two", "uh", "and", "8"

_FEWEST = 4  # Digits of which the last may be none: three make a usual identifier without it.

_TOGETHER_S, _PARTED_S = 0.05, 0.08
"""The longest pause between digits that belong together, and the shortest that parts. Of 980 sentences with an
unforeseen word five were recorded wrong, four of them with one more digit: it stood 0.09 to 0.18 s behind the digits
before it, which had no pause. Of 900 right records of other sets one, by a slow speaker, has such a digit. A word that
came as two digits ("creative" as "three eight") is still recorded."""

_JOINED_S = 0.1
"""The longest silence between words that are said in one go: an "oh" between pauses is as long as any other digit."""

_SLOW_S = 0.5
"""A silence between two words from which on the speaker is slow: only with such was a "two" heard as "two oh"."""

_ONE_WORD = 1.45
"""Below this length, in middle lengths of the sentence's numbers, "two oh" may be a "two" alone. One that was had 0.9;
true ones had 0.9 to 2.0, most of them below: a slow speaker is asked about a "two oh" in vain."""

_TWO_ZEROS = 0.75
"""From this length on an "oh" between other digits may be two: true ones had 0.27 to 0.65, two that came as one 0.8 to
1.2 of 5 voices, and 0.4 to 0.6 of others, which are not noticed."""

_LENGTHS = 3  # The fewest number words whose middle length says how fast is spoken.


def doubt_digits(field: FieldReading, words: Sequence[Word], allows: Callable[[FieldValue], bool]) -> FieldReading:
    """The field, with its value without a digit, or with another zero, as a rival where the times fit that, too.

    `words`: of the whole utterance; `allows`: whether the field may have a value.
    """
    value = field.value
    if not isinstance(value, str) or not value.isdecimal() or field.rivals:
        return field
    digits = _find_digits(field, words)
    if len(digits) != len(value):
        return field
    times = _Times(words, digits)
    zeros = chain(times.find_unclear_zeros(), times.find_dropped_zeros())
    changes = chain(times.find_parted_digit(), zeros, times.find_dropped_eight())
    others = (value[:begin] + put + value[end:] for begin, end, put in changes)
    rival = next(filter(allows, others), None)
    return field if rival is None else replace(field, rivals=(rival,))


def _find_digits(field: FieldReading, words: Sequence[Word]) -> list[int]:
    """The indexes of the field's number words in the utterance."""
    kept, word_count = [at for at, word in enumerate(words) if word.text != _UH], len(field.words)
    runs = (kept[at : at + word_count] for at in range(len(kept) - word_count + 1))
    found = next((run for run in runs if tuple(words[n].text for n in run) == field.words), [])
    return [n for n in found if ENGLISH.numerals.is_part(words[n].text)]


@dataclass(frozen=True, slots=True)
class _Times:
    """The times of an identifier's digits. Each change is a span of places and the digits to put there instead."""

    words: Sequence[Word]
    digits: Sequence[int]  # Indexes of words.

    def _pause(self, at: int) -> float:
        """The silence before a word, in seconds; infinite at both ends of the utterance."""
        inside = 0 < at < len(self.words)
        return self.words[at].start - self.words[at - 1].end if inside else math.inf

    def find_parted_digit(self) -> Iterator[tuple[int, int, str]]:
        """The last digit, if pauses part it from all others, which have none between them."""
        if len(self.digits) < _FEWEST:
            return
        *together, before, behind = [self._pause(n + 1) for n in self.digits]
        if min(before, behind) >= _PARTED_S and max(together) <= _TOGETHER_S:
            yield len(self.digits) - 1, len(self.digits), ""

    def find_unclear_zeros(self) -> Iterator[tuple[int, int, str]]:
        """Each "oh" that may be two, or the end of a "two"."""
        lengths = [word.end - word.start for word in self.words if ENGLISH.numerals.is_part(word.text)]
        if len(lengths) < _LENGTHS:
            return
        usual = median(lengths)
        slow = any(later.start - earlier.end >= _SLOW_S for earlier, later in pairwise(self.words))
        for place, n in enumerate(self.digits):
            oh, before = self.words[n], self.words[n - 1]
            if oh.text != _OH or max(self._pause(n), self._pause(n + 1)) >= _JOINED_S:
                continue
            if oh.end - oh.start >= _TWO_ZEROS * usual:
                yield place, place + 1, "00"
            elif slow and before.text == _TWO and oh.end - before.start < _ONE_WORD * usual:
                yield place, place + 1, ""

    def find_dropped_zeros(self) -> Iterator[tuple[int, int, str]]:
        """Each "uh" between two digits without a pause, which may be an "oh": who hesitates, pauses."""
        for place, (before, behind) in enumerate(pairwise(self.digits), 1):
            if behind == before + 2 and max(self._pause(before + 1), self._pause(behind)) < _JOINED_S:
                yield place, place, "0"

    def find_dropped_eight(self) -> Iterator[tuple[int, int, str]]:
        """An "and" that goes with the digits before it, and not with what follows: it may be an "eight"."""
        behind = self.digits[-1] + 1
        is_last = behind + 1 >= len(self.words)
        if is_last or self.words[behind].text != _AND:
            return
        if self._pause(behind) <= _TOGETHER_S and self._pause(behind + 1) >= _PARTED_S:
            yield len(self.digits), len(self.digits), _EIGHT
