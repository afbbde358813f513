"""A digit that stands alone between pauses, behind digits spoken without one, may be no part of the identifier. Pure.

A recogniser that knows the form's words alone writes one for any other: "pallet seven four two, streets, twelve units"
came as 7423, at full confidence. Whoever speaks digit by digit pauses between all of them, or between groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, FieldValue, Word

_FEWEST = 4  # Digits: three make a usual identifier without the last one.

_JOINED_S, _PARTED_S = 0.05, 0.08
"""The longest pause between digits that belong together, and the shortest that parts. Of 980 sentences with an
unforeseen word five were recorded wrong, four of them with one more digit: it stood 0.09 to 0.18 s behind the digits
before it, which had no pause. Of 900 right records of other sets one, by a slow speaker, has such a digit. A word that
came as two digits ("creative" as "three eight") is still recorded."""


def doubt_parted_digit(
    field: FieldReading, words: Sequence[Word], allows: Callable[[FieldValue], bool]
) -> FieldReading:
    """The field, with its value without the last digit as a rival where pauses part that digit from all others.

    `words`: of the whole utterance; `allows`: whether the field may have a value.
    """
    value = field.value
    if not isinstance(value, str) or not value.isdecimal() or len(value) < _FEWEST or field.rivals:
        return field
    texts, of = [word.text for word in words], len(field.words)
    at = next((at for at in range(len(texts) - of + 1) if tuple(texts[at : at + of]) == field.words), None)
    digits = [] if at is None else [n for n in range(at, at + of) if ENGLISH.numerals.is_part(texts[n])]
    if len(digits) != len(value) or not allows(value[:-1]):
        return field
    pauses = [*(later.start - earlier.end for earlier, later in pairwise(words)), math.inf]
    *joined, before, behind = [pauses[n] for n in digits]
    parted = min(before, behind) >= _PARTED_S and max(joined) <= _JOINED_S
    return replace(field, rivals=(value[:-1],)) if parted else field
