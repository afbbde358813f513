"""Corrections within a sentence: "twelve, no, fifteen units", "dock B, sorry, D", "forty-two, no, five".

The later value counts. Where it is not clear which field is meant, or how much of the value, there is no one value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.forms.spoken.last_digits import Meanings
from edge.forms.spoken.lexicon import Token
from edge.forms.spoken.mentions import Mention, Mentions
from edge.records import FieldValue

TENS = 20
"""From here on English says tens and ones apart: "forty-two, no, five" may be 45, "twelve, no, five" is 5."""
PLACES = (10, 100, 1000)
"""What a correction may leave standing: the tens, the hundreds, the thousands."""


def with_fields(mentions: Sequence[Mention], reader: Mentions) -> tuple[Mention, ...]:
    """The mentions again, those of no named field given the field that a correction beside them tells."""
    found = list(mentions)
    for at in range(len(found) - 2, -1, -1):
        found[at] = _put_right_after(found[at], found[at + 1], reader)
    told: list[Mention] = []
    for mention in found:
        told += _put_right_before(mention, told, reader)
    return tuple(told)


def _put_right_after(slip: Mention, later: Mention, reader: Mentions) -> Mention:
    """The number in "twelve, no, fifteen units": the correction tells its field."""
    if slip.field is not None or later.field is None or not later.cue or not slip.tokens:
        return slip
    values = _possible(later.field, slip.tokens, reader)
    return replace(slip, field=later.field, values=values) if values else slip


def _put_right_before(mention: Mention, earlier: Sequence[Mention], reader: Mentions) -> tuple[Mention, ...]:
    """The letter in "dock B, sorry, D": what was said just before tells its field.

    Where another field that was said could be meant, each of them has two values.
    """
    last = earlier[-1].field if earlier else None
    if mention.field is not None or not mention.cue or not mention.tokens or last is None:
        return (mention,)
    fields = dict.fromkeys(one.field for one in earlier if one.field is not None)
    meant = {field: values for field in fields if (values := _fitting(field, mention, earlier, reader))}
    if set(meant) == {last}:
        return (replace(mention, field=last, values=meant[last]),)
    doubts = tuple(
        replace(mention, field=field, values=(*_last_said(field, earlier).values, *values), cue=())
        for field, values in meant.items()
    )
    return doubts if last in meant else (mention, *doubts)


def _last_said(field: str, mentions: Sequence[Mention]) -> Mention:
    return next(one for one in reversed(mentions) if one.field == field)


def _fitting(field: str, mention: Mention, earlier: Sequence[Mention], reader: Mentions) -> Meanings:
    """What the words mean for the field, if they may replace what it was said to be last."""
    values = _possible(field, mention.tokens, reader)
    left = put_right(_last_said(field, earlier), replace(mention, values=values))
    return values if all(value is not None for value in left) else ()


def _possible(field: str, said: Sequence[Token], reader: Mentions) -> Meanings:
    values = reader.meanings(field, said)
    return values if all(value is not None and reader.allowed(field, value) for value in values) else ()


def put_right(earlier: Mention, later: Mention) -> Meanings:
    """What a correction leaves: the later value, in doubt where its words may be but the end of the value.

    An id of another length than the one it replaces is none, where neither label nor unit says that it is whole.
    """
    if not (earlier.bare or later.bare):
        return later.values
    before = [value for value in earlier.values if value is not None]
    counts = (
        completed
        for value in later.values
        for old in before
        if isinstance(value, int) and isinstance(old, int)
        for completed in _completed(old, value)
    )
    of_a_length = all(
        len(value) == len(old)
        for value in later.values
        for old in before
        if isinstance(value, str) and isinstance(old, str)
    )
    return tuple(dict.fromkeys([*later.values, *counts])) if of_a_length else (None,)


def _completed(old: int, value: int) -> tuple[FieldValue, ...]:
    """What "two hundred and sixty, no, fifty" may mean besides 50: 250."""
    places = (place for place in PLACES if value and value < place < old)
    return tuple(old - old % place + value for place in places if place != PLACES[0] or old % PLACES[1] >= TENS)
