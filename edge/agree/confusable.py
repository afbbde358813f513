"""Values that sound alike. Where both are in the running, a reading must be surer of one than it need be otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from edge.records import FieldValue

TEENS_AND_TENS = {str(10 + digit): str(10 * digit) for digit in range(3, 10)}
"""Thirteen and thirty, and so on to nineteen and ninety: they differ in a stress and an "n"."""

SOUND_ALIKE = (frozenset("BCDEGPTVZ"), frozenset("AJK"), frozenset("AH8"), frozenset("FSX"), frozenset("MN"))
"""Letters that share their vowel, or all but their first sound: B, C, D are "ee"; A and H differ in a "ch"."""

EE = SOUND_ALIKE[0]
"""The E-set: hardest to tell apart of all, for people too."""


def confusable(one: FieldValue, other: FieldValue) -> bool:
    """Whether what two values of a field differ in is easily misheard."""
    if isinstance(one, int) or isinstance(other, int):
        return _teen_and_ten(str(one), str(other))
    if len(one) == len(other) == 1:
        return any({one, other} <= alike for alike in SOUND_ALIKE)
    return _teen_and_ten(one, other) or _tens_run_on(one, other) or _run_together(one, other) or _letter(one, other)


def _teen_and_ten(one: str, other: str) -> bool:
    """16 and 60, 215 and 250, "1690" and "6090"."""
    return len(one) == len(other) and any(
        one[:at] == other[:at] and one[at + 2 :] == other[at + 2 :] and _are_teen_and_ten(one[at : at + 2], other[at:][:2])
        for at in range(len(one) - 1)
    )


def _are_teen_and_ten(one: str, other: str) -> bool:
    return TEENS_AND_TENS.get(one) == other or TEENS_AND_TENS.get(other) == one


def _tens_run_on(one: str, other: str) -> bool:
    """992 and 990: "nine nine two" against "nine ninety", the last digit of a pair heard as its ending or not."""
    return any(mine == "0" or theirs == "0" for mine, theirs in _only_difference(one, other))


def _letter(one: str, other: str) -> bool:
    return any(any({mine, theirs} <= alike for alike in SOUND_ALIKE) for mine, theirs in _only_difference(one, other))


def _only_difference(one: str, other: str) -> Iterator[tuple[str, str]]:
    """The one place in which two strings of the same length differ; nothing where they differ in more."""
    if len(one) == len(other):
        differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
        yield from differing if len(differing) == 1 else ()


def _run_together(one: str, other: str) -> bool:
    """99 and 999: the same digit once more or less, where sayings of one digit run together."""
    shorter, longer = sorted((one, other), key=len)
    return len(longer) == len(shorter) + 1 and any(
        longer[:at] + longer[at + 1 :] == shorter and longer[at] in {longer[at - 1 : at], longer[at + 1 : at + 2]}
        for at in range(len(longer))
    )
