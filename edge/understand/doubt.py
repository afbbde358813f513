"""Doubt: how likely an entry on record is wrong, as several readings of what was said for it have it. Pure.

For each field two things can be: the value on record is right, or it is not. Each reading speaks for one of them, as
strongly as it is sure of its value: a reading that is never wrong would decide alone, one that is right half the time
says nothing. The readings are taken for independent, and a reader that gives no probability for what it thinks of
itself; so the figure puts entries in an order, and is no share of wrong ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute

from dockvoice_protocol.records import FieldReading, FieldValue, Reading
from edge.understand.weighing import same

SUREST = 0.999  # No reading counts for more, whatever it thinks of itself: recognisers and models say 1.0 at times.


@dataclass(frozen=True, slots=True)
class SaidFor:
    """One utterance that an entry rests on, and what was read of it."""

    utterance_id: str
    reading: Reading | None = attribute(repr=False)  # That which is on record.
    others: tuple[Reading, ...] = attribute(default=(), repr=False)

    def read_by(self, reading: Reading) -> SaidFor:
        """The same, with one reading more."""
        return replace(self, others=(*self.others, reading))


@dataclass(frozen=True, slots=True)
class DoubtedField:
    """A field of which another reading heard something else."""

    field: str
    recorded: FieldValue | None = attribute(repr=False)  # None: the entry has no such field.
    heard: FieldValue = attribute(repr=False)
    interpreter: str
    confidence: float  # How sure the other reading is.
    utterance_id: str  # In which it was said.


@dataclass(frozen=True, slots=True)
class Doubt:
    """How likely an entry is wrong, from 0 to 1, and what was heard otherwise."""

    measure: float
    otherwise: tuple[DoubtedField, ...]


def doubt(fields: Mapping[str, FieldValue], said: Sequence[SaidFor]) -> Doubt:
    """The doubt about an entry with these fields; what began it comes first in `said`."""
    unsure = min((one.confidence for one in _recorded(said[0]).values()), default=1.0)
    names = dict.fromkeys((*fields, *(name for one in said for other in one.others for name in other.fields)))
    right, otherwise = 1.0, []
    for name in names:
        where = _said_in(name, fields.get(name), said)
        known = _recorded(where).get(name)
        if known is not None and known.is_taken:
            continue  # it was said once for many entries, and is doubted where that was said
        sure = unsure if name not in fields else 1.0 if known is None else known.confidence
        heard = [*_other_readings(name, where)]
        right *= 1.0 - _wrong(sure, fields.get(name), heard)
        for reader, other in heard:
            if other.value is not None and not _is(other.value, fields.get(name)):
                known_as = DoubtedField(
                    *(name, fields.get(name), other.value, reader, other.confidence, where.utterance_id)
                )
                otherwise.append(known_as)
    return Doubt(1.0 - right, tuple(otherwise))


def _said_in(name: str, value: FieldValue | None, said: Sequence[SaidFor]) -> SaidFor:
    """The utterance in which the value on record was said last: a correction, an answer, else what began the entry."""
    for one in reversed(said[1:]):
        known = _recorded(one).get(name)
        if known is not None and known.value is not None and _is(known.value, value):
            return one
    return said[0]


def _recorded(one: SaidFor) -> Mapping[str, FieldReading]:
    return {} if one.reading is None else one.reading.fields


def _other_readings(name: str, where: SaidFor) -> Iterator[tuple[str, FieldReading]]:
    """The other readings of an utterance that have a value for the field, with their interpreters."""
    for other in where.others:
        if other.not_understood is None and name in other.fields and other.fields[name].value is not None:
            yield other.interpreter, other.fields[name]


def _wrong(sure: float, value: FieldValue | None, heard: Sequence[tuple[str, FieldReading]]) -> float:
    """How likely the value on record is wrong, when it was heard so surely, and these readings were made besides."""
    odds = _log_odds(sure)
    for _, other in heard:
        says = _log_odds(other.confidence)
        odds += says if other.value is not None and _is(other.value, value) else -says
    return 1.0 / (1.0 + math.exp(odds))


def _log_odds(sure: float) -> float:
    """For and against. Who is right less than half the time is not taken at his word, nor at the contrary."""
    bounded = min(max(sure, 0.5), SUREST)
    return math.log(bounded / (1.0 - bounded))


def _is(heard: FieldValue, recorded: FieldValue | None) -> bool:
    return recorded is not None and same(heard, recorded)
