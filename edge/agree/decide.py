"""The decision: a reading becomes a verdict. One pure function over rules that are applied in a fixed order.

Models propose, this decides. An entry is accepted only when every field that the form requires was heard, means one
value, obeys the form, is known to the catalogue and rests on no word the recogniser doubted. Anything else is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge.forms.catalogue import Catalogue
from edge.forms.form import Form, FormField
from edge.records import (
    Act,
    Because,
    Closing,
    FieldReading,
    FieldValue,
    NotUnderstood,
    Outcome,
    Reading,
    Reason,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site demands before it takes a reading for an entry."""

    form: Form
    catalogue: Catalogue
    minimum_confidence: float
    """From 0 to 1: a field that rests on a word below it is asked for."""


def decide(reading: Reading, closing: Closing, rules: Rules) -> Verdict:
    """What to do with `reading` of an utterance that closed for the reason `closing`.

    Returns ACCEPT with all values; ASK with the values that stand and the first field that does not; REPEAT when the
    words name no field or the end was not heard; IGNORE when no words were heard at all. DEFER takes the place of any
    of these but ACCEPT where a model that answers later may read more of it; a field that lacks nothing but a second
    reading is asked for all the same, since the operator can confirm it now.
    """
    verdict = _verdict(reading, closing, rules)
    if reading.deferrable and not (_cut_short(closing) or _settled(verdict)):
        return Verdict(Outcome.DEFER, (Because(Reason.NO_MODEL), *verdict.reasons), verdict.fields)
    return verdict


def _settled(verdict: Verdict) -> bool:
    """Whether nothing about the verdict could be better known, but for what the operator alone knows."""
    if verdict.outcome is Outcome.ACCEPT:
        return bool(verdict.fields)
    return all(because.reason is Reason.FIELD_UNCONFIRMED for because in verdict.reasons)


def _cut_short(closing: Closing) -> bool:
    return closing in {Closing.TOO_LONG, Closing.BROKEN_OFF}


def _verdict(reading: Reading, closing: Closing, rules: Rules) -> Verdict:
    if reading.not_understood is NotUnderstood.NO_WORDS:
        return Verdict(Outcome.IGNORE, (Because(Reason.NO_SPEECH),), {})
    if reading.not_understood is NotUnderstood.NOT_DICTATION or reading.act is not Act.RECORD:
        return Verdict(Outcome.REPEAT, (Because(Reason.NOT_UNDERSTOOD),), {})
    if _cut_short(closing):
        return Verdict(Outcome.REPEAT, (Because(Reason.CUT_SHORT),), {})
    doubts = tuple(_doubts(reading.fields, rules))
    doubted = {doubt.field for doubt in doubts}
    stands = {
        name: said.value for name, said in reading.fields.items() if name not in doubted and said.value is not None
    }
    if doubts:
        return Verdict(Outcome.ASK, doubts, stands, ask=doubts[0].field)
    return Verdict(Outcome.ACCEPT, (Because(Reason.COMPLETE),), stands)


def _doubts(said: Mapping[str, FieldReading], rules: Rules) -> Iterator[Because]:
    """One reason for each field that does not stand, in the order of the form: the order in which to ask."""
    values = {name: one.value for name, one in said.items() if one.value is not None}
    faults = rules.form.faults(values)
    for field in rules.form.fields:
        reason = _doubt(field, said.get(field.name), field.name in faults, rules)
        if reason is not None:
            yield Because(reason, field.name)


def _doubt(field: FormField, said: FieldReading | None, faulty: bool, rules: Rules) -> Reason | None:
    if said is None:
        return Reason.FIELD_MISSING if field.required else None
    if said.value is None or said.rivals:
        return Reason.FIELD_AMBIGUOUS
    if faulty:
        return Reason.FIELD_INVALID
    if not _known(field, said.value, rules.catalogue):
        return Reason.NOT_IN_CATALOGUE
    if said.confidence < rules.minimum_confidence:
        return Reason.FIELD_UNSURE
    return None if said.confirmed else Reason.FIELD_UNCONFIRMED


def _known(field: FormField, value: FieldValue, catalogue: Catalogue) -> bool:
    return field.catalogue is None or str(value) in catalogue.values(field.catalogue)
