"""Classifies pairs of values that are easily misheard for each other, and in which direction.

Noise removes sounds and hardly ever adds one. So a value with fewer sounds than its likeliest rival is doubtful: sixty
for sixteen, "nine nine" for "nine nine nine", 990 ("nine ninety") for 992. A value with more sounds is not: the
distinguishing sound was heard. On the dev set and on the repository's own recordings in synthetic noise, 19 of 101
values with fewer sounds were wrong, and none of 192 with more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from string import ascii_uppercase

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import FieldValue

TEENS_OF_TENS = {str(10 * digit): str(10 + digit) for digit in range(3, 10)}
"""Thirty sounds like thirteen without its "n", and so on to ninety. Twenty and twelve do not sound alike."""

_SPELLINGS = {"ph": "f", "ck": "k", "c": "k", "q": "k", "x": "ks", "z": "s", "v": "f", "b": "p", "d": "t", "g": "k"}
"""Letters that sound alike in noise: a "b" differs from a "p" by some milliseconds of voicing."""

_TENS = frozenset("23456789")  # The first digits of twenty to ninety.

_LETTERS: frozenset[FieldValue | None] = frozenset(ascii_uppercase)

E_SET = frozenset("BCDEGPTVZ")
"""The letters that end in "ee" and differ by one short consonant: the hardest to distinguish, for people too."""

_NEVER_CONFUSED = {
    "A": _LETTERS - frozenset("AE"),
    "F": frozenset("AE"),
    "H": frozenset("A"),
    **dict.fromkeys("CZ", _LETTERS - frozenset("CSXZ")),
}
"""By letter as it was heard, those that were not said for it, whatever is listed: a hiss is loud and long. Of 1,700
docks said as a letter by ten synthetic voices (`python -m lab.bench.letters`) six were heard as another one beside
which a third was listed: U for E beside G, K for I, L for O beside R. Of 2,800, by those of `lab.bench.letter_sounds`
too, 44 were heard as an A, and all of these were E."""

_UNLISTED = {"A": "E"}
"""By letter as it was heard, one that was said for it and is not among the recogniser's alternatives: of one of the ten
voices, a British one, 21 of 24 E were heard as A, at 0.67 to 0.9999."""

_MISHEARD_BY_BOTH = {"B": frozenset("PV"), "D": frozenset("T"), "G": frozenset("BV"), "V": frozenset("B")}
"""By letter as both recognisers heard it, those that were said for it: 9 of 136 among the same docks."""


class RivalKind(StrEnum):
    """The relation of the likeliest other value of a field to the one that was read."""

    NONE = "none"  # There is no rival.
    LESS = "less"  # The rival is the value without some sound, which was heard.
    MORE = "more"  # The value is the rival without some sound, which noise may have removed.
    ZERO = "zero"  # The rival has one zero more: "oh" is a mere vowel, which a recogniser hears between any two digits.
    ALIKE = "alike"  # Both are letters of the E-set.
    LETTER = "letter"  # Both are letters, at least one of them not of the E-set.
    OTHER = "other"  # Any other pair: a digit for a digit.


def classify_rival(value: FieldValue | None, other: FieldValue | None) -> RivalKind:
    """Classify how `other` may be misheard for `value`."""
    if value is None or other is None:
        return RivalKind.NONE
    return next((rival for rival, applies in _RIVALS if applies(value, other)), RivalKind.OTHER)


def differs_by_missing_sound(value: FieldValue, rival: FieldValue) -> bool:
    """Whether `value` is `rival` without some sound."""
    less, more = str(value), str(rival)
    if len(more) == len(less) + 1:
        return any(more[:at] + more[at + 1 :] == less for at in range(len(more)))
    if len(more) != len(less):
        return False
    differing = [at for at in range(len(less)) if less[at] != more[at]]
    return _may_have_lost_digit(less, differing) or _may_be_teen_heard_as_ten(less, more, differing)


def _has_one_more_zero(value: FieldValue, rival: FieldValue) -> bool:
    """Whether `rival` is the code `value` with one zero inserted."""
    if not isinstance(value, str) or not isinstance(rival, str) or len(rival) != len(value) + 1:
        return False
    return any(rival[at] == "0" and rival[:at] + rival[at + 1 :] == value for at in range(len(rival)))


def is_weak_letter(value: FieldValue | None, rival: FieldValue | None) -> bool:
    """Whether both are letters, and `rival`, or a third one, may have been said for `value`."""
    return {value, rival} <= _LETTERS and value != rival and rival not in _NEVER_CONFUSED.get(str(value), ())


def find_unlisted_rival(value: FieldValue | None) -> str | None:
    """The letter that may have been said for `value` and that no recogniser lists beside it; None: there is none."""
    return _UNLISTED.get(str(value))


def misheard_by_both(value: FieldValue | None) -> frozenset[str]:
    """The letters that may have been said for `value` where a second recogniser heard it, too."""
    return _MISHEARD_BY_BOTH.get(str(value), frozenset())


def _are_e_set_letters(value: FieldValue, rival: FieldValue) -> bool:
    """Whether both are letters of the E-set."""
    return {value, rival} <= E_SET


def confusable_pairs(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of names, labels or values that people or recognisers confuse."""
    listed = sorted(dict.fromkeys(names))
    return tuple(
        (one, other)
        for at, one in enumerate(listed)
        for other in listed[at + 1 :]
        if _phonetic_key(one) == _phonetic_key(other) or _are_e_set_letters(one, other) or _is_teen_of_ten(one, other)
    )


def _phonetic_key(name: str) -> str:
    """A phonetic key of a name: its consonants, and "a" for a leading vowel: "Ana" and "Anna" are equal."""
    said = fold(name)
    for written, spoken in _SPELLINGS.items():
        said = said.replace(written, spoken)
    bare = re.sub(r"(?<=.)[aeiouyhw' -]+", "", re.sub("^[aeiouy]", "a", said))
    return re.sub(r"(.)\1+", r"\1", bare) if len(bare) > 1 else said


def _is_teen_of_ten(one: str, other: str) -> bool:
    return TEENS_OF_TENS.get(one) == other or TEENS_OF_TENS.get(other) == one


_RIVALS: tuple[tuple[RivalKind, Callable[[FieldValue, FieldValue], bool]], ...] = (
    (RivalKind.ZERO, _has_one_more_zero),
    (RivalKind.OTHER, lambda value, other: _has_one_more_zero(other, value)),  # the zero may not have been said
    (RivalKind.MORE, differs_by_missing_sound),
    (RivalKind.LESS, lambda value, other: differs_by_missing_sound(other, value)),
    (RivalKind.ALIKE, _are_e_set_letters),
    (RivalKind.LETTER, lambda value, other: _is_letter(value) and _is_letter(other)),
)
"""The relations with their predicates; the first that applies counts."""


def _is_letter(value: FieldValue) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isalpha()


def _may_have_lost_digit(less: str, differing: list[int]) -> bool:
    """Whether a digit behind a ten may be lost: 990 for 992."""
    return len(differing) == 1 and less[differing[0]] == "0" and less[: differing[0]][-1:] in _TENS


def _may_be_teen_heard_as_ten(less: str, more: str, differing: list[int]) -> bool:
    """Whether a teen may have been heard as a ten: 60 for 16, 250 for 215."""
    first = differing[0] if differing else 0
    return differing == [first, first + 1] and TEENS_OF_TENS.get(less[first : first + 2]) == more[first : first + 2]
