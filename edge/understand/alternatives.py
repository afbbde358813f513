"""What was most likely meant, where an utterance was heard more than once and each hearing has alternatives.

A recogniser's first choice says little by itself: asked how sure it is of a word, a grammar recogniser is sure of
anything. What tells is how far the alternatives are behind that *mean* something else. So each alternative is read to
the fields of the form, those that mean the same are one, and a field is as sure as the share of all that is likely in
which it has that value.

The recogniser knows which word follows which, and not what a whole sentence must hold. So two things are left to what
the words mean: a label behind which nothing makes a value ("dock eight") is hardly ever what was said; and words that
may mean either of two values ("oh" for a zero or for "uh") say nothing as to which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge.records import FieldReading, FieldValue, Word
from edge.understand.proposal import UNKNOWN

Fields = Mapping[str, FieldReading]
Meaning = tuple[tuple[str, FieldValue | None], ...]

TEMPERATURE = 0.7
"""By how much scores count: alternatives that differ by so much are apart by a factor of e. On the dev set, shares made
so tell right from wrong best (0.7, 1, 1.5 and 2 were tried)."""

SENSELESS = 3.0
"""By how much an alternative is set back for each field whose words make no value, in units of scores: with the
temperature, to one part in 70. On the dev set 2, 3 and 4 did alike. Words beyond the grammar set nothing back, since
then something else was said; nor does a field that is not there, since people do leave one out."""

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
    meaning: Meaning = field(repr=False)


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
    near = _near(hearing)
    meant = [read(alternative.words) for alternative in near]
    scores = [alternative.score - _set_back(fields) for alternative, fields in zip(near, meant, strict=True)]
    for alternative, fields, share in zip(near, meant, _softmax(scores), strict=True):
        yield _Candidate(share / of, alternative.words, fields, _meaning(fields))


def _near(hearing: Sequence[Alternative]) -> list[Alternative]:
    return [alternative for alternative in hearing if hearing[0].score - alternative.score <= REACH]


def _set_back(fields: Fields) -> float:
    return SENSELESS * sum(field.value is None and UNKNOWN not in field.words for field in fields.values())


def _softmax(scores: Sequence[float]) -> list[float]:
    most = max(scores)
    weights = [math.exp((score - most) / TEMPERATURE) for score in scores]
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
    shares = _shares_of(name, candidates)
    confidence = min(1.0, shares.pop(field.value, 0.0))
    others = {value: share for value, share in shares.items() if value is not None}
    return replace(field, confidence=confidence, runner_up=max(others, key=others.__getitem__, default=None))


def _shares_of(name: str, candidates: Sequence[_Candidate]) -> dict[FieldValue | None, float]:
    """The share of each value of a field. What may mean several is theirs in proportion to what else they have."""
    shares: dict[FieldValue | None, float] = {}
    either: list[tuple[float, tuple[FieldValue | None, ...]]] = []
    for candidate in candidates:
        said = candidate.fields.get(name)
        if said is not None and said.rivals:
            either.append((candidate.share, (said.value, *said.rivals)))
        else:
            value = None if said is None else said.value
            shares[value] = shares.get(value, 0.0) + candidate.share
    clear = dict(shares)
    for share, values in either:
        known = [value for value in values if value in clear] or values
        of = sum(clear.get(value, 1.0) for value in known)
        for value in known:
            shares[value] = shares.get(value, 0.0) + share * clear.get(value, 1.0) / of
    return shares


def _sure(word: Word, hearing: Sequence[Alternative]) -> Word:
    """The word with the share of a hearing's alternatives that have it at its place, as its confidence."""
    near = _near(hearing)
    middle = (word.start + word.end) / 2
    share = sum(
        share
        for alternative, share in zip(near, _softmax([one.score for one in near]), strict=True)
        if any(other.text == word.text and other.start <= middle <= other.end for other in alternative.words)
    )
    return replace(word, confidence=min(1.0, share))
