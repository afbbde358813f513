"""Readings: what each interpreter made of what was said, side by side, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from inventory.console.filling import shown
from inventory.records import data_of
from inventory.reviews.reviews import Review


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was heard, and whether others heard something else there."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Read:
    """What one interpreter read."""

    interpreter: str
    heard: tuple[Word, ...]
    fields: Mapping[str, tuple[str, ...]]  # Of each field every value, the likeliest first.


@dataclass(frozen=True, slots=True)
class Compared:
    """One field over all readings."""

    name: str
    known: str  # What stands for it; empty where nothing does.
    why: str | None  # Why it is in doubt, as a code.
    heard: str  # The words for it.
    others: tuple[str, ...]  # Other values that a reading gives it.


def readings(review: Review) -> list[Read]:
    """Every reading that its device tells of: none, where nothing was read of it."""
    told = data_of(review.body).get("readings", [])
    words = [str(one["heard"]).split() for one in told]
    return [
        Read(
            str(one["interpreter"]),
            _marked(words[number], words[:number] + words[number + 1 :]),
            {name: tuple(map(shown, values)) for name, values in one["fields"].items()},
        )
        for number, one in enumerate(told)
    ]


def _marked(mine: Sequence[str], others: Sequence[Sequence[str]]) -> tuple[Word, ...]:
    """My words; those that some other reading has not in their place differ."""
    differ: set[int] = set()
    for other in others:
        same = SequenceMatcher(None, mine, other, autojunk=False).get_matching_blocks()
        shared = {at for block in same for at in range(block.a, block.a + block.size)}
        differ |= set(range(len(mine))) - shared
    return tuple(Word(word, at in differ) for at, word in enumerate(mine))


def compared(review: Review, said: Sequence[Read]) -> list[Compared]:
    """Each field that is known, doubtful, heard or read, with what speaks against what stands."""
    heard: Mapping[str, Any] = data_of(review.body).get("heard", {})
    names = dict.fromkeys((*review.fields, *review.doubtful, *heard, *(name for one in said for name in one.fields)))
    return [
        Compared(
            name,
            shown(review.fields.get(name)),
            review.doubtful.get(name),
            str(heard.get(name, "")),
            _others(shown(review.fields.get(name)), [one.fields.get(name, ()) for one in said]),
        )
        for name in names
    ]


def _others(known: str, given: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for values in given for value in values if value != known))
