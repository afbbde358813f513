"""What was most likely meant, where an utterance was heard more than once and each hearing has alternatives.

A recogniser's first choice says little by itself: asked how sure it is of a word, a grammar recogniser is sure of
anything. What tells is how far the alternatives are behind that *mean* something else. So each alternative is read to
the fields of the form, those that mean the same are one, and a field is as sure as the share of all that is likely in
which it has that value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge.records import FieldReading, FieldValue, Word

Fields = Mapping[str, FieldReading]
Meaning = tuple[tuple[str, FieldValue | None], ...]

TEMPERATURE = 0.7
"""By how much scores count: alternatives that differ by so much are apart by a factor of e. On the dev set, shares made
so tell right from wrong best (0.7, 1, 1.5 and 2 were tried)."""

REACH = 6.0
"""Alternatives further behind the first than this hold less than one part in 5,000 and are not read."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to hear an utterance."""

    score: float
    """A log-likelihood: only differences within one hearing mean something."""
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    share: float
    words: tuple[Word, ...]
    fields: Fields
    meaning: Meaning


def most_likely(
    hearings: Sequence[Sequence[Alternative]], read: Callable[[Sequence[Word]], Fields]
) -> tuple[tuple[Word, ...], Fields]:
    """The words and fields of the likeliest meaning, each field with its share as confidence.

    Each hearing counts alike, and lists at least one alternative, the likeliest first.
    """
    candidates = [candidate for hearing in hearings for candidate in _read(hearing, len(hearings), read)]
    chosen = max(_shares(candidates).items(), key=lambda found: found[1])[0]
    best = next(candidate for candidate in candidates if candidate.meaning == chosen)
    fields = {name: _weighed(name, field, candidates) for name, field in best.fields.items()}
    return tuple(_sure(word, hearings[0]) for word in best.words), fields


def _read(hearing: Sequence[Alternative], of: int, read: Callable[[Sequence[Word]], Fields]) -> Iterator[_Candidate]:
    near = [alternative for alternative in hearing if hearing[0].score - alternative.score <= REACH]
    for alternative, share in zip(near, _softmax(near), strict=True):
        fields = read(alternative.words)
        yield _Candidate(share / of, alternative.words, fields, _meaning(fields))


def _softmax(alternatives: Sequence[Alternative]) -> list[float]:
    weights = [math.exp((one.score - alternatives[0].score) / TEMPERATURE) for one in alternatives]
    return [weight / sum(weights) for weight in weights]


def _meaning(fields: Fields) -> Meaning:
    return tuple((name, _value(field)) for name, field in sorted(fields.items()))


def _value(field: FieldReading) -> FieldValue | None:
    return None if field.rivals else field.value


def _shares(candidates: Sequence[_Candidate]) -> Mapping[Meaning, float]:
    shares: dict[Meaning, float] = {}
    for candidate in candidates:
        shares[candidate.meaning] = shares.get(candidate.meaning, 0.0) + candidate.share
    return shares


def _weighed(name: str, field: FieldReading, candidates: Sequence[_Candidate]) -> FieldReading:
    """The field with its share as confidence, and the likeliest other value, if there is one."""
    shares: dict[FieldValue | None, float] = {}
    for candidate in candidates:
        other = candidate.fields.get(name)
        value = None if other is None else _value(other)
        shares[value] = shares.get(value, 0.0) + candidate.share
    confidence = min(1.0, shares.pop(_value(field)))
    others = {value: share for value, share in shares.items() if value is not None}
    return replace(field, confidence=confidence, runner_up=max(others, key=others.__getitem__, default=None))


def _sure(word: Word, hearing: Sequence[Alternative]) -> Word:
    """The word with the share of a hearing's alternatives that have it at its place, as its confidence."""
    near = [alternative for alternative in hearing if hearing[0].score - alternative.score <= REACH]
    middle = (word.start + word.end) / 2
    share = sum(
        share
        for alternative, share in zip(near, _softmax(near), strict=True)
        if any(other.text == word.text and other.start <= middle <= other.end for other in alternative.words)
    )
    return replace(word, confidence=min(1.0, share))
