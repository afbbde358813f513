"""Weighing: merges several readings of an utterance into one, and computes how likely an entry is wrong. Pure.

Identifiers count as confirmed only if two independent interpreters heard the same. Confidences are not averaged: a
model that invents is sure of it. A model never overrules a value that the device surely heard: the operator is asked.
The doubt treats readings as independent and confidences as probabilities, so it ranks entries, and is no error rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from enum import IntEnum

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading, ScanFault
from edge.config import UnderstandingMode
from edge.understand.log_odds import log_odds
from edge.understand.remote.served_models import model_family

_ENOUGH = 2  # Independent readings that must agree.

_CONSEQUENTIAL = frozenset({Act.CANCEL, Act.YES, Act.COMMAND})
"""What takes an entry back or lets one pass: one opinion is not enough for it where another one differs.

A command lets one pass too: "pause" closes what is held, and behind any other one it is committed in silence, although
the operator may have objected.
"""

_CASCADED = " + "  # Between the models of a cascade, in its name and in what it took.

_OBJECTED = frozenset({Act.AMEND, Act.CANCEL})  # What may begin with a "no" to the entry before.
_PANEL = "panel"  # How the name of a reading that several interpreters made begins.


class PanelRole(IntEnum):
    """The role of an interpreter in the panel, in the order in which its words and spelling are preferred."""

    FIRST = 1  # `understand.first`, or the fallback that stood in for it.
    SECOND = 2  # `understand.second`.
    ON_DEVICE = 3


def weigh(
    opinions: Mapping[PanelRole, Reading],
    mode: UnderstandingMode,
    form: Form,
    sure_from: float,
    *,
    out_of_reach: bool = False,
) -> Reading:
    """The one reading to decide about, made of the `opinions` there are.

    `sure_from` (0 to 1) is the confidence from which a dissenting opinion counts: in a panel against two that agree,
    elsewhere the device's own against the model's. `out_of_reach`: models beyond this device were asked, and none
    answered in time.
    """
    came = [opinions[seat] for seat in sorted(opinions)]
    if not came:
        return Reading("none", form.name, (), {}, deferrable=out_of_reach)
    if mode is UnderstandingMode.PANEL:
        reading = _merge_agreed(_first_reading_of_each_model(came), form, sure_from)
    else:
        reading = _check_against_device(came[0], opinions.get(PanelRole.ON_DEVICE), sure_from)
    others = tuple(came) if len(came) > 1 or mode is UnderstandingMode.PANEL else ()
    return replace(reading, opinions=others, usage=None if others else reading.usage, deferrable=out_of_reach)


def is_settled(opinions: Mapping[PanelRole, Reading], mode: UnderstandingMode, form: Form, sure_from: float) -> bool:
    """Whether further readings could not change the result, so that the panel need not wait.

    In `panel` mode: all values are confirmed; where a model decides: its reading and the device's own are there.
    """
    match mode:
        case UnderstandingMode.ON_DEVICE:
            return PanelRole.ON_DEVICE in opinions
        case UnderstandingMode.CLOUD_FIRST | UnderstandingMode.CASCADE:
            first = opinions.get(PanelRole.FIRST)
            return first is not None and (first.not_understood is not None or PanelRole.ON_DEVICE in opinions)
        case UnderstandingMode.PANEL:
            ears = _first_reading_of_each_model([opinions[seat] for seat in sorted(opinions)])
            return len(ears) >= _ENOUGH and _is_confirmed(weigh(opinions, mode, form, sure_from))


def _first_reading_of_each_model(came: Sequence[Reading]) -> list[Reading]:
    """The first reading of each model that heard the sound: two readings of one model are one opinion."""
    found: dict[str, Reading] = {}
    for reading in came:
        found.setdefault(_hearing_model(reading), reading)
    return list(found.values())


def _hearing_model(reading: Reading) -> str:
    """The model that heard the sound: for a cascade the transcriber's, not the text model."""
    model = reading.interpreter.rpartition("/")[2] if reading.usage is None else reading.usage.model
    return model_family(model.partition(_CASCADED)[0])


def contradicts(late: Reading, act: Act, fields: Mapping[str, FieldValue]) -> bool:
    """Whether a late reading has another act than the entry, or another value for one of its fields.

    A reading that is not understood contradicts nothing, nor does a field that it lacks.
    """
    if late.not_understood is not None:
        return False
    if late.act is not act and not (late.act is Act.NO and act in _OBJECTED):
        return True
    late_values = {name: one.value for name, one in late.fields.items() if one.value is not None}
    return any(name not in fields or not is_same_value(value, fields[name]) for name, value in late_values.items())


def is_same_value(one: FieldValue, other: FieldValue) -> bool:
    """Whether two values agree in all but formatting: "LT-0391" and "lt 0391" do, "0391" and "391" do not."""
    if isinstance(one, str) and isinstance(other, str):
        return _strip_formatting(one) == _strip_formatting(other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(is_same_value, one, other))
    # A decimal without places is the whole number; true is none.
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _strip_formatting(value: str) -> str:
    return "".join(character for character in value.casefold() if character.isalnum())


def _is_confirmed(reading: Reading) -> bool:
    if reading.not_understood is not None:
        return False
    return all(field.confirmed and not field.rivals and field.value is not None for field in reading.fields.values())


def _merge_agreed(came: Sequence[Reading], form: Form, sure_from: float) -> Reading:
    """Merge the readings: fields that two independent ones have alike are confirmed, all others are not."""
    name = came[0].interpreter if len(came) == 1 else f"{_PANEL}({' '.join(one.interpreter for one in came)})"
    words, preface = next(((one.words, one.preface) for one in came if one.words), ((), ()))
    understood = [one for one in came if one.not_understood is None]
    reason = _no_entry_reason(came, understood)
    if reason is not None:
        alike = all(_names_the_same(one, came[0]) for one in came)
        return Reading(name, form.name, words, {}, reason, unrecorded=came[0].unrecorded if alike else {})
    names = dict.fromkeys(name for one in understood for name in one.fields)
    return replace(
        understood[0],
        interpreter=name,
        words=words,
        preface=preface,
        fields={field: _weigh_field(field, came, form, sure_from) for field in names},
    )


def _check_against_device(first: Reading, own: Reading | None, sure_from: float) -> Reading:
    """The model's reading; values that the device surely heard otherwise are added as rivals."""
    if own is None or own is first or first.not_understood is not None:
        return first
    said = own.fields or own.unrecorded  # an utterance that is no entry may still name its thing
    if own.not_understood is not None and not said:
        return first
    # Of two that sound alike the model may say which.
    sure = {
        name: (one.value, *one.rivals)
        for name, one in said.items()
        if one.value is not None and one.confidence >= sure_from
    }
    another = (first.act, first.command) != (own.act, own.command)
    if another and (_is_sure(own, sure_from) or sure.keys() - first.fields):
        return Reading(first.interpreter, first.form, first.words, {}, NotUnderstoodReason.NOT_DICTATION)
    fields = dict(first.fields)
    for name, either in sure.items():
        if (read := fields.get(name)) is None:
            fields[name] = replace(said[name], confirmed=False)
        elif not any(_are_same(read.value, one) for one in either):
            fields[name] = replace(read, rivals=tuple(dict.fromkeys((*read.rivals, *either))))
    return replace(first, fields=fields)


def _is_sure(reading: Reading, sure_from: float) -> bool:
    """Whether every value, or without values every word, has at least the confidence `sure_from`."""
    confidences = [one.confidence for one in reading.fields.values()] or [word.confidence for word in reading.words]
    return bool(confidences) and min(confidences) >= sure_from


def _names_the_same(one: Reading, other: Reading) -> bool:
    """Whether two readings that are no entries name equal values."""
    named, besides = one.unrecorded, other.unrecorded
    return named.keys() == besides.keys() and all(said.value == besides[name].value for name, said in named.items())


def _no_entry_reason(came: Sequence[Reading], understood: Sequence[Reading]) -> NotUnderstoodReason | ScanFault | None:
    """Why the readings make no entry: all are not understood, or their acts differ; None where they make one."""
    if not understood:
        reasons = {one.not_understood for one in came}
        return came[0].not_understood if len(reasons) == 1 else NotUnderstoodReason.NOT_DICTATION
    acts = {(one.act, one.command) for one in understood}
    alone = len(understood) < min(_ENOUGH, len(came))
    if len(acts) > 1 or (alone and understood[0].act in _CONSEQUENTIAL):
        return NotUnderstoodReason.NOT_DICTATION
    return None


def _weigh_field(name: str, came: Sequence[Reading], form: Form, sure_from: float) -> FieldReading:
    """Merge one field of all readings; a reading with rivals does not count as a vote."""
    readings = [one.fields[name] for one in came if name in one.fields]
    votes = [field for field in readings if field.value is not None and not field.rivals]
    parties = _group_equal_votes(votes)
    if not parties:
        return replace(readings[0], confirmed=False)
    party = max(parties, key=len)
    against = [field for field in readings if field not in party]
    confirmed = len(party) >= _ENOUGH or (len(came) == 1 and not isinstance(party[0].value, str | tuple))
    counted = [field for field in against if len(party) < _ENOUGH or field.confidence >= sure_from]
    best = max(party, key=lambda field: field.confidence) if confirmed else party[0]
    value = next((field.value for field in party if _is_allowed(form, name, field.value)), party[0].value)
    return replace(best, value=value, rivals=_list_other_values(counted, value), confirmed=confirmed)


def _group_equal_votes(votes: Iterable[FieldReading]) -> list[list[FieldReading]]:
    """Group the readings of a field by equal value; in each group the first seat's comes first."""
    parties: list[list[FieldReading]] = []
    for vote in votes:
        for party in parties:
            if _are_same(vote.value, party[0].value):
                party.append(vote)
                break
        else:
            parties.append([vote])
    return parties


def _list_other_values(against: Iterable[FieldReading], value: FieldValue | None) -> tuple[FieldValue, ...]:
    """The other values that were heard, each once."""
    others = (other for field in against for other in (field.value, *field.rivals))
    return tuple(dict.fromkeys(other for other in others if other is not None and not _are_same(other, value)))


def _are_same(one: FieldValue | None, other: FieldValue | None) -> bool:
    return one is not None and other is not None and is_same_value(one, other)


def _is_allowed(form: Form, name: str, value: FieldValue | None) -> bool:
    kind = next((field for field in form.fields if field.name == name), None)
    return kind is not None and value is not None and kind.allows(value)


_MINUTE_S = 60.0

_FIRST_WAIT_S = 2.0  # Wait after the first failure; it doubles from one to the next.
_MOST_WAIT_S = 30.0  # Longest wait: how late, at worst, a returning network is noticed.


class RetryPacing:
    """Limits the rate of reading deferred utterances, with backoff after failures."""

    def __init__(self, per_minute: int) -> None:
        self._every_s = _MINUTE_S / per_minute
        self._not_before = 0.0
        self._failures = 0
        self._failed_until = 0.0

    def seconds_until_due(self, now: float) -> float:
        """Seconds until the next attempt is allowed; 0: now."""
        return max(0.0, self._not_before - now, self._failed_until - now)

    def record_attempt(self, now: float) -> None:
        """Record an attempt: the next is allowed after 60 s / `per_minute`."""
        self._not_before = now + self._every_s

    def record_failure(self, now: float) -> None:
        """Record that no model answered: double the backoff, up to _MOST_WAIT_S."""
        self._failed_until = now + min(_MOST_WAIT_S, _FIRST_WAIT_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)  # 2**16 is past every wait, and no float overflows in a year

    def record_success(self) -> None:
        """Record that a model answered: reset the backoff."""
        self._failures, self._failed_until = 0, 0.0


_LEAST_SURE = 0.5  # A lower confidence counts as this: no reading speaks against its own value.
_SUREST = 0.999  # No reading counts for more, whatever it thinks of itself: recognisers and models say 1.0 at times.


@dataclass(frozen=True, slots=True)
class EntryUtterance:
    """One utterance that an entry is made from, with its readings."""

    utterance_id: str
    reading: Reading | None = attribute(repr=False)  # That which is on record.
    others: tuple[Reading, ...] = attribute(default=(), repr=False)

    def with_reading(self, reading: Reading) -> EntryUtterance:
        """A copy with one more reading."""
        return replace(self, others=(*self.others, reading))


@dataclass(frozen=True, slots=True)
class _DoubtedField:
    """A field for which another reading has a different value."""

    field: str
    recorded: FieldValue | None = attribute(repr=False)  # None: the entry has no such field.
    other_value: FieldValue = attribute(repr=False)
    interpreter: str
    confidence: float  # How sure the other reading is.
    utterance_id: str  # In which it was said.


@dataclass(frozen=True, slots=True)
class Doubt:
    """The probability that an entry is wrong, and the differing values that other readings have."""

    measure: float
    otherwise: tuple[_DoubtedField, ...]


def measure_doubt(fields: Mapping[str, FieldValue], said: Sequence[EntryUtterance]) -> Doubt:
    """Compute the doubt about an entry with these fields; the utterance that began it is first in `said`."""
    unsure = min((one.confidence for one in _recorded_fields(said[0]).values()), default=1.0)
    names = dict.fromkeys((*fields, *(name for one in said for other in one.others for name in other.fields)))
    right, otherwise = 1.0, []
    for name in names:
        where = _find_last_utterance(name, fields.get(name), said)
        known = _recorded_fields(where).get(name)
        if known is not None and known.is_inherited:
            continue  # it was said once for many entries, and is doubted where that was said
        sure = unsure if name not in fields else 1.0 if known is None else known.confidence
        other_readings = [*_other_readings(name, where)]
        right *= 1.0 - _probability_wrong(sure, fields.get(name), other_readings)
        for reader, other in other_readings:
            if other.value is not None and not _are_same(other.value, fields.get(name)):
                otherwise.append(
                    _DoubtedField(
                        field=name,
                        recorded=fields.get(name),
                        other_value=other.value,
                        interpreter=reader,
                        confidence=other.confidence,
                        utterance_id=where.utterance_id,
                    )
                )
    return Doubt(1.0 - right, tuple(otherwise))


def _find_last_utterance(name: str, value: FieldValue | None, said: Sequence[EntryUtterance]) -> EntryUtterance:
    """The last utterance that gave the value on record, by correction or answer; else the first one."""
    for one in reversed(said[1:]):
        known = _recorded_fields(one).get(name)
        if known is not None and _are_same(known.value, value):
            return one
    return said[0]


def _recorded_fields(one: EntryUtterance) -> Mapping[str, FieldReading]:
    return {} if one.reading is None else one.reading.fields


def _other_readings(name: str, where: EntryUtterance) -> Iterator[tuple[str, FieldReading]]:
    """The other readings of an utterance that have a value for the field, with their interpreters."""
    for other in where.others:
        if other.not_understood is None and name in other.fields and other.fields[name].value is not None:
            yield other.interpreter, other.fields[name]


def _probability_wrong(
    sure: float, value: FieldValue | None, other_readings: Sequence[tuple[str, FieldReading]]
) -> float:
    """The probability that the value on record is wrong, by its own confidence and those of other readings."""
    odds = log_odds(sure, _LEAST_SURE, _SUREST)
    for _, other in other_readings:
        says = log_odds(other.confidence, _LEAST_SURE, _SUREST)
        odds += says if _are_same(other.value, value) else -says
    return 1.0 / (1.0 + math.exp(odds))
