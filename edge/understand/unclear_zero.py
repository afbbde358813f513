"""An "oh" of an identifier may be none, or two: it is a mere vowel. Pure.

Behind a "two" without a pause it may be the end of that word: a slow "two seven seven" came as 2077 at full confidence.
One as long as the other digits may be two: "oh oh two four seven" came as 0247.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, FieldValue, Word

_OH, _TWO = "oh", "two"

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

_FEWEST = 3  # Number words whose middle length says how fast is spoken.


def doubt_zero(field: FieldReading, words: Sequence[Word], allows: Callable[[FieldValue], bool]) -> FieldReading:
    """The field, with its value without an "oh", or with another one, as a rival where its length fits that, too.

    `words`: of the whole utterance; `allows`: whether the field may have a value.
    """
    value = field.value
    if not isinstance(value, str) or not value.isdecimal() or field.rivals or _OH not in field.words:
        return field
    texts, of = [word.text for word in words], len(field.words)
    at = next((at for at in range(len(texts) - of + 1) if tuple(texts[at : at + of]) == field.words), None)
    digits = [] if at is None else [n for n in range(at, at + of) if ENGLISH.numerals.is_part(texts[n])]
    lengths = [word.end - word.start for word in words if ENGLISH.numerals.is_part(word.text)]
    if len(digits) != len(value) or len(lengths) < _FEWEST:
        return field
    usual = median(lengths)
    slow = any(later.start - earlier.end >= _SLOW_S for earlier, later in pairwise(words))
    for place, n in enumerate(digits):
        if texts[n] != _OH or n + 1 == len(words) or not _is_joined(words, n + 1):
            continue
        length = (words[n].end - words[n].start) / usual
        if length >= _TWO_ZEROS and _is_joined(words, n):
            other = value[:place] + "0" + value[place:]
        elif slow and _may_be_one_two(words, n, usual):
            other = value[:place] + value[place + 1 :]
        else:
            continue
        if allows(other):
            return replace(field, rivals=(other,))
    return field


def _may_be_one_two(words: Sequence[Word], at: int, usual: float) -> bool:
    """Whether the word and the one before it are "two oh", no longer than a "two" may be."""
    lasts = words[at].end - words[at - 1].start
    return words[at - 1].text == _TWO and _is_joined(words, at) and lasts < _ONE_WORD * usual


def _is_joined(words: Sequence[Word], at: int) -> bool:
    """Whether a word follows the one before without a pause."""
    return at > 0 and words[at].start - words[at - 1].end < _JOINED_S
