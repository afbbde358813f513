"""A count said without its unit sounds like the end of the id before it: "pallet seven four two | twelve, dock B"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edge.forms.spoken.figures import is_figures
from edge.forms.spoken.lexicon import Token
from edge.forms.spoken.mentions import Mention, Mentions
from edge.records import FieldValue

SHORTEST_ID = 3
"""Digits before the pause from which on they may be a whole id; "forty-eight | twenty-seven" is one id."""
SMALLEST_COUNT = 10
"""A single digit after the pause is part of the id, as operators pause anywhere in one."""


def in_doubt(mentions: Sequence[Mention], counted: frozenset[str], reader: Mentions) -> Iterator[Mention]:
    """The mentions again, ids given a second value where a count may be part of them.

    `counted` are the fields with units. Where one was said, nothing was swallowed.
    """
    said = {mention.field for mention in mentions}
    for mention in mentions:
        looks = bool(counted) and said.isdisjoint(counted) and any(isinstance(value, str) for value in mention.values)
        yield replace(mention, values=_with_heads(mention, counted, reader)) if looks else mention


def _with_heads(mention: Mention, counted: frozenset[str], reader: Mentions) -> tuple[FieldValue | None, ...]:
    name, said = str(mention.field), mention.basis
    heads = (
        head
        for at in range(1, len(said))
        if said[at].apart and _may_be_count(said, at, counted, reader)
        for head in reader.meanings(name, said[:at])
        if isinstance(head, str) and len(head) >= SHORTEST_ID and reader.allowed(name, head)
    )
    return tuple(dict.fromkeys([*mention.values, *heads]))


def _may_be_count(said: Sequence[Token], at: int, counted: frozenset[str], reader: Mentions) -> bool:
    written_apart = is_figures(said[at - 1].text) and len(said[at - 1].text) > 1
    least = 1 if written_apart else SMALLEST_COUNT
    meant = (value for name in counted for value in reader.meanings(name, said[at:]))
    return any(isinstance(value, int) and value >= least for value in meant)
