"""Where an identifier ends and a quantity begins, when both are said in one breath: "seven four two twelve units"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.forms.spoken.lexicon import Token
from edge.records import FieldValue

Meaning = Callable[[Sequence[Token]], FieldValue | None]
"""Words to value; None where they make none."""


@dataclass(frozen=True, slots=True)
class Split:
    """One way to read a run of words: those before `at` are one field's, the rest another's."""

    at: int
    head: FieldValue | None
    tail: FieldValue | None


def splits(
    run: Sequence[Token], head: Meaning, tail: Meaning, allowed: Callable[[FieldValue], bool], joined: bool
) -> tuple[Split, ...]:
    """Every way to read the run that must be reckoned with, the longest tail first; more than one: ask.

    Where several are grammatical, the speaker's own pause or hesitation decides if it falls on one of them alone.
    Where no head makes a value, a pause still saves the tail, and the head is None. The one grammatical way is none
    without a pause where its head is not `allowed`, or where the unit is not `joined` to its number: the words may
    have been meant otherwise, and a quantity not heard would turn the end of the id into one.
    """
    ways = [Split(at, head(run[:at]), tail(run[at:])) for at, token in enumerate(run) if not token.link]
    ways = [way for way in ways if way.tail is not None]
    whole = [way for way in ways if way.head is not None or way.at == 0]
    if len(whole) == 1 and (run[whole[0].at].apart or (joined and _stands(whole[0], allowed))):
        return tuple(whole)
    said_apart = [way for way in whole or ways if way.at and run[way.at].apart]
    if len(said_apart) == 1:
        return tuple(said_apart)
    return tuple(whole) if len(whole) > 1 else ()


def _stands(way: Split, allowed: Callable[[FieldValue], bool]) -> bool:
    return way.head is None or allowed(way.head)
