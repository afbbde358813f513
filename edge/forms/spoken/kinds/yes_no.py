"""Yes and no: "sealed", "not sealed", "sealed: yes"; behind the label, or as an answer, "yes" and "no" alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.forms.spoken.folding import phrase
from edge.forms.spoken.kinds.phrases import behind, cheapest, ends

Read = tuple[int, bool, float]

ANSWERED = 5.0
"""What says yes by itself, directly before "yes" or "no": there it is the label, "sealed no"."""


@dataclass(frozen=True, slots=True)
class Words:
    """What says yes and no about one field, in one language."""

    true: tuple[str, ...]
    false: tuple[str, ...]
    labels: tuple[str, ...] = ()


def readings(
    words: Sequence[str], at: int, language: Mapping[str, Any], field: Words, *, labelled: bool = False
) -> list[Read]:
    """Every yes or no that begins at a word: where it ends, which it is, its cost in nats.

    `labelled`: the label stands before it, or the field was asked for; then "yes" and "no" alone say it.
    """
    return cheapest(_readings(words, at, language["yes_no"], field, labelled))


def _readings(words: Sequence[str], at: int, said: Mapping[str, Any], field: Words, labelled: bool) -> Iterator[Read]:
    answers = [(True, said["yes"]), (False, said["no"])]
    for value, own in ((True, field.true), (False, field.false)):
        for end in ends(words, at, own):
            if not _is_part_of_longer(words, at, end, field):
                answered = any(True for _, ways in answers for _ in ends(words, end, ways))
                yield end, value, ANSWERED if answered else 0.0
    starts = [at] if labelled else [start for end in ends(words, at, field.labels) for start in _is(words, end, said)]
    for start in starts:
        for value, ways in answers:
            yield from ((end, value, 0.0) for end in ends(words, start, ways))


def _is(words: Sequence[str], at: int, said: Mapping[str, Any]) -> Iterator[int]:
    """Behind the label, and what may stand between it and the answer."""
    yield from behind(words, at, said["within"])


def _is_part_of_longer(words: Sequence[str], at: int, end: int, field: Words) -> bool:
    """Is "sealed" here the end, or the middle, of "not sealed"? Then it says nothing by itself."""
    for one in (*field.true, *field.false):
        length = len(phrase(one))
        for start in range(max(0, at - length + 1), at):
            if start + length >= end and any(ends(words, start, [one])):
                return True
    return False
