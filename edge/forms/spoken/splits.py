"""Where an identifier ends and a quantity begins, when both are said in one breath: "seven four two twelve units"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.forms.spoken.figures import is_figures
from edge.forms.spoken.language import Words, fold
from edge.forms.spoken.lexicon import Token
from edge.records import FieldValue

Meaning = Callable[[Sequence[Token]], FieldValue | None]
"""Words to value; None where they make none."""
Group = Callable[[Words], tuple[str, int] | None]
"""The digits at the beginning of words, and how many words say them."""

SINGLY = 3
"""Digits said one by one, from which on the speaker is taken to say the whole id so: "one nine four eighty six cases"
is 194 and 86, since nobody who says "one nine four" goes on with "eighty" for the digits 8 and 0."""

TWO_DIGITS = 10
"""From here on a number may follow a digit to say hundreds: "two fifty", but not "two five"."""


@dataclass(frozen=True, slots=True)
class Split:
    """One way to read a run of words: those before `at` are one field's, the rest another's."""

    at: int
    head: FieldValue | None = field(repr=False)
    tail: FieldValue | None = field(repr=False)


def splits(
    run: Sequence[Token],
    head: Meaning,
    tail: Meaning,
    allowed: Callable[[FieldValue], bool],
    joined: bool,
    group: Group,
) -> tuple[Split, ...]:
    """Every way to read the run that must be reckoned with, the longest tail first; more than one: ask.

    Where several are grammatical, the speaker's own pause or hesitation decides if it falls on one of them alone.
    Where no head makes a value, a pause still saves the tail, and the head is None. The one grammatical way is none
    without a pause or a link ("with") where its head is not `allowed`, or where the unit is not `joined` to its number:
    the words may have been meant otherwise, and a quantity not heard would turn the end of the id into one.
    """
    if len(run) == 1 and is_figures(run[0].text):
        return ()  # "pallet 74212 units": written in one, it may be an id and a count
    ways = [Split(at, head(run[:at]), tail(run[at:])) for at, token in enumerate(run) if not token.link]
    ways = [way for way in ways if way.tail is not None]
    whole = [way for way in ways if way.head is not None or way.at == 0]
    whole = [way for way in whole if not _tears_a_number(run, way, group)] if len(whole) > 1 else whole
    if len(whole) == 1 and (_set_apart(run, whole[0]) or (joined and _stands(whole[0], allowed))):
        return _with_doubt(run, whole[0], head, allowed, group)
    said_apart = [way for way in whole or ways if way.at and run[way.at].apart]
    if len(said_apart) == 1:
        return tuple(said_apart)
    return tuple(whole) if len(whole) > 1 else ()


def _stands(way: Split, allowed: Callable[[FieldValue], bool]) -> bool:
    return way.head is None or allowed(way.head)


def _set_apart(run: Sequence[Token], way: Split) -> bool:
    return run[way.at].apart or (way.at > 0 and run[way.at - 1].link)


def _tears_a_number(run: Sequence[Token], way: Split, group: Group) -> bool:
    """Does it cut "eighty six" in two, after digits that were said one by one?"""
    before = run[: way.at - 1]
    if way.at < 1 or run[way.at].apart or len(before) < SINGLY:
        return False
    pair = group([fold(token.text) for token in run[way.at - 1 : way.at + 1]])
    return pair is not None and pair[1] > 1 and all(_single_digit(token, group) for token in before)


def _with_doubt(
    run: Sequence[Token], way: Split, head: Meaning, allowed: Callable[[FieldValue], bool], group: Group
) -> tuple[Split, ...]:
    """The way, and a second one where a pause goes one digit before it: "742 | two fifty units" may be 250 units."""
    if (paused := _paused_before(run, way, head, allowed, group)) is not None:
        return (Split(paused, head(run[:paused]), None), way)
    at = way.at - 1
    hundreds = _single_digit(run[at], group) and head(run[at : way.at]) != "0" and way.tail not in range(TWO_DIGITS)
    if at < 1 or not run[at].apart or _set_apart(run, way) or not hundreds:
        return (way,)
    shorter = head(run[:at])
    return (way,) if shorter is None or not allowed(shorter) else (Split(at, shorter, None), way)


def _paused_before(
    run: Sequence[Token], way: Split, head: Meaning, allowed: Callable[[FieldValue], bool], group: Group
) -> int | None:
    """Where a pause makes a whole id of what is before it, and two numbers of the rest: "742 | twelve fifteen units".

    The second may have been meant for the first, or both digit by digit for one count: "742 | one two units". Not where
    the speaker paused between the two as well, and not after a pause within an id: "77 | 98 twenty-seven units".
    """
    if run[way.at].apart:
        return None
    for at in range(1, way.at):
        ahead = head(run[:at])
        if run[at].apart and ahead is not None and allowed(ahead) and _two_numbers(run[at:], group):
            return at
    return None


def _two_numbers(run: Sequence[Token], group: Group) -> bool:
    said = [fold(token.text) for token in run if not token.link]
    first = group(said)
    second = None if first is None else group(said[first[1] :])
    if first is None or second is None or first[0].startswith("0"):  # no count begins with a zero
        return False
    alike = (len(first[0]) > 1) == (len(second[0]) > 1)  # a digit before a number is the last one of an id
    return alike and first[1] + second[1] == len(said)


def _single_digit(token: Token, group: Group) -> bool:
    found = group([fold(token.text)])
    return found is not None and len(found[0]) == 1
