"""The decision: a reading becomes a verdict. One pure function over the policy table (`policy.py`).

Models propose, this decides. An entry is accepted only when every required field has one value that obeys the form, is
in the catalogue, and is as sure as the policy demands. Anything else is asked about, by the shortest question that
settles it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading, Word, as_text
from edge.agree.expectations import NOTHING_EXPECTED, Expectations, find_contradicted_fields
from edge.agree.policy import BALANCED, Demand, Policy, find_highest_demand
from edge.records import Acoustics, Cause, ClosedBy, ConfirmationKind, Outcome, Reason, Verdict

_WITHOUT_CANDIDATES = frozenset(
    {Reason.FIELD_MISSING, Reason.FIELD_INVALID, Reason.NOT_IN_CATALOGUE, Reason.COUNT_DIFFERS}
)
"""Doubts about a field without a value to offer; a recount must not be offered the first count."""

ANNOUNCED_OTHERWISE = frozenset({Reason.NOT_EXPECTED, Reason.EXPECTED_ELSEWHERE, Reason.ALREADY_RECEIVED})
"""Objections of the expected receipts to an identifier; a yes settles them."""

AS_MEANT = ANNOUNCED_OTHERWISE | {Reason.UNUSUAL, Reason.DOUBLE_COUNT}
"""Doubts about a value that was heard clearly but is implausible."""

_VALUE_NOT_IN_DOUBT = AS_MEANT | {Reason.FIELD_UNCONFIRMED}
"""Doubts whether the value is meant, not which one was said."""

_CHOICE_SIZE = 2  # The most candidates that a listener follows.


@dataclass(frozen=True)
class Rules:
    """A form with the policy, catalogue and language that its readings are judged by."""

    form: Form
    catalogue: Catalogue
    minimum_confidence: float | None = None
    """The least confidence of a field, 0 to 1, overriding the policy; None: the policy's."""
    policy: Policy = BALANCED
    language: Language = ENGLISH  # The operator's language.

    @cached_property
    def site_policy(self) -> Policy:
        """The policy with the site's own minimum."""
        return self.policy.with_minimum(self.minimum_confidence)

    @property
    def identifying_fields(self) -> tuple[str, ...]:
        """The fields that together identify an entry's thing."""
        return self.form.identifies

    @property
    def for_context(self) -> Rules:
        """The rules by which a standing context is judged."""
        return dataclasses.replace(self, form=self.form.standing_form)

    def trusts(self, words: Iterable[Word]) -> bool:
        """Whether each of these words was heard well enough to act on it."""
        return all(word.confidence >= self.site_policy.uncalibrated for word in words)

    def allows_value(self, field: FormField, value: FieldValue) -> bool:
        """Whether the form and the catalogue allow the value."""
        return field.allows(value) and self.catalogue.has_values(field.catalogue, value)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts about an utterance besides its reading."""

    acoustics: Acoustics | None = None  # None: not measured, or the reading rests on more than this sound.
    recent: tuple[Mapping[str, FieldValue], ...] = dataclasses.field(default=(), repr=False)
    """The fields of the entries recorded within `Policy.double_count_minutes`."""
    expected: Expectations = NOTHING_EXPECTED
    """The expected receipts; empty where no operator could answer a question about them."""
    recounted: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)
    """The fields that were counted again, and are compared with no list any more."""


NO_CIRCUMSTANCES = Circumstances()


def decide(
    reading: Reading, closing: ClosedBy, rules: Rules, circumstances: Circumstances = NO_CIRCUMSTANCES
) -> Verdict:
    """The verdict on `reading` of an utterance that closed for the reason `closing`.

    ACCEPT has all values; ASK the undoubted ones and the first field to ask about; REPEAT: the words give no field, the
    end was not heard, or the sound is too faint or too short for what was read; IGNORE: no words, or plainly none for
    the device. DEFER replaces any of these but ACCEPT where a model that answers later may read more; a field that only
    lacks a second reading is asked about all the same, since the operator can confirm it now.
    """
    verdict = _judge_reading(reading, closing, rules, circumstances)
    if _may_be_deferred(reading, closing) and not _only_operator_can_improve(verdict):
        return Verdict(Outcome.DEFER, (Cause(Reason.NO_MODEL), *verdict.reasons), verdict.fields)
    return verdict


def is_unusable(reading: Reading, closing: ClosedBy, rules: Rules, acoustics: Acoustics | None) -> bool:
    """Whether the verdict is REPEAT or IGNORE whatever the fields, so that they are not checked."""
    if _may_be_deferred(reading, closing):
        return False
    nothing = reading.not_understood in {NotUnderstoodReason.NO_WORDS, NotUnderstoodReason.TALK}
    return nothing or _find_unusable_reason(reading, closing, rules.site_policy, rules, acoustics) is not None


def _may_be_deferred(reading: Reading, closing: ClosedBy) -> bool:
    return reading.deferrable and not _was_cut_short(closing)


def _only_operator_can_improve(verdict: Verdict) -> bool:
    """Whether only the operator, and no later reading, could improve the verdict."""
    if verdict.outcome is Outcome.ACCEPT:
        return bool(verdict.fields)
    return all(because.reason in _VALUE_NOT_IN_DOUBT for because in verdict.reasons)


def _was_cut_short(closing: ClosedBy) -> bool:
    return closing in {ClosedBy.TOO_LONG, ClosedBy.BROKEN_OFF}


def _judge_reading(reading: Reading, closing: ClosedBy, rules: Rules, known: Circumstances) -> Verdict:
    if reading.not_understood is NotUnderstoodReason.NO_WORDS:
        return Verdict(Outcome.IGNORE, (Cause(Reason.NO_SPEECH),), {})
    if reading.not_understood is NotUnderstoodReason.TALK:
        return Verdict(Outcome.IGNORE, (Cause(Reason.NOT_FOR_DEVICE),), {})
    policy = rules.site_policy
    if (whole := _find_unusable_reason(reading, closing, policy, rules, known.acoustics)) is not None:
        return Verdict(Outcome.REPEAT, (Cause(whole),), {}, confirm=ConfirmationKind.SAY_AGAIN)
    demands = {
        field.name: find_highest_demand(field, said, known.acoustics, policy)
        for field in rules.form.fields
        if (said := reading.fields.get(field.name)) is not None and said.value is not None and not said.is_inherited
    }
    doubts = tuple(_find_doubts(reading.fields, demands, policy, rules, known))
    doubted = {doubt.field for doubt in doubts}
    stands = {
        name: said.value for name, said in reading.fields.items() if name not in doubted and said.value is not None
    }
    if doubts:
        return _ask_first_doubt(doubts, stands, reading.fields, rules)
    safe = all(
        demand.reason is Reason.FIELD_UNSURE and reading.fields[name].confidence >= policy.earcon
        for name, demand in demands.items()
    )
    confirm = ConfirmationKind.EARCON if safe else ConfirmationKind.READBACK
    return Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), stands, confirm=confirm)


def _find_unusable_reason(
    reading: Reading, closing: ClosedBy, policy: Policy, rules: Rules, acoustics: Acoustics | None
) -> Reason | None:
    """Why the whole reading is unusable; None: it is not."""
    if reading.not_understood is not None or reading.act is not Act.RECORD:
        return Reason.NOT_UNDERSTOOD
    if _was_cut_short(closing):
        return Reason.CUT_SHORT
    if acoustics is None:
        return None
    if acoustics.level_db < policy.faint_db:
        return Reason.TOO_FAINT
    return Reason.TOO_FAST if _has_too_many_digits(reading.fields, acoustics, policy, rules) else None


def _has_too_many_digits(
    readings: Mapping[str, FieldReading], acoustics: Acoustics, policy: Policy, rules: Rules
) -> bool:
    """Whether more digits were read than can have been spoken: a model that invents an identifier makes it long."""
    said = (readings.get(field.name) for field in rules.form.fields if field.identifier)
    values = (one.value for one in said if one is not None and not one.by_end)
    digits = sum(character.isalnum() for value in values if value is not None for character in as_text(value))
    return digits * policy.seconds_per_digit > acoustics.speech_seconds


def _ask_first_doubt(
    doubts: tuple[Cause, ...], stands: Mapping[str, FieldValue], readings: Mapping[str, FieldReading], rules: Rules
) -> Verdict:
    """The ASK verdict for the first doubtful field, with the values to offer."""
    name = str(doubts[0].field)
    candidates = _list_candidates(rules.form[name], readings.get(name), doubts[0].reason, rules)
    match len(candidates):
        case 1:
            confirm = ConfirmationKind.SPOKEN_YES
        case 2:
            confirm = ConfirmationKind.CHOICE
        case _:
            confirm, candidates = ConfirmationKind.FIELD, ()
    return Verdict(Outcome.ASK, doubts, stands, ask=name, confirm=confirm, candidates=candidates)


def _list_candidates(
    field: FormField, reading: FieldReading | None, reason: Reason, rules: Rules
) -> tuple[FieldValue, ...]:
    """The values to offer, likeliest first; a value that was only unsure is not offered.

    A field without a value has its likely one as candidate.
    """
    if reading is None or reason in _WITHOUT_CANDIDATES:
        return ()
    if reading.value is None:
        return (
            ()
            if reading.runner_up is None or not rules.allows_value(field, reading.runner_up)
            else (reading.runner_up,)
        )
    if reason in _VALUE_NOT_IN_DOUBT and not reading.rivals:
        return (reading.value,)
    others = reading.rivals or ((reading.runner_up,) if reading.runner_up is not None else ())
    known = tuple(dict.fromkeys(value for value in (reading.value, *others) if rules.allows_value(field, value)))
    return known if others and len(known) <= _CHOICE_SIZE else ()


def _find_doubts(
    readings: Mapping[str, FieldReading],
    demands: Mapping[str, Demand],
    policy: Policy,
    rules: Rules,
    known: Circumstances,
) -> Iterator[Cause]:
    """One reason for each doubtful field, in the order of the form, which is the order of the questions."""
    values = {name: one.value for name, one in readings.items() if one.value is not None}
    faults = rules.form.faults(values)
    again = _find_recently_recorded_identifier(values, rules, known)
    announced = find_contradicted_fields(values, rules.form, rules.catalogue, known.expected)
    otherwise = {name: why for name, why in announced.items() if name not in known.recounted}
    for field in rules.form.fields:
        one = readings.get(field.name)
        reason = _find_doubt(field, one, demands.get(field.name), field.name in faults, rules)
        if one is not None and field.name == again and reason in {None, Reason.FIELD_UNCONFIRMED}:
            reason = Reason.DOUBLE_COUNT
        elif reason in {None, Reason.FIELD_UNCONFIRMED} and field.name in otherwise:
            reason = otherwise[field.name]
        elif one is not None and reason is None:
            reason = _find_unusual_value(field, one, policy)
        if reason is not None:
            yield Cause(reason, field.name)


def _find_doubt(
    field: FormField, reading: FieldReading | None, demand: Demand | None, faulty: bool, rules: Rules
) -> Reason | None:
    if reading is None:
        return Reason.FIELD_MISSING if field.required else None
    if reading.value is None or reading.rivals:
        return Reason.FIELD_AMBIGUOUS
    if faulty:
        return Reason.FIELD_INVALID
    if not rules.catalogue.has_values(field.catalogue, reading.value):
        return Reason.NOT_IN_CATALOGUE
    # An inherited field has no demand: it was checked when the context was set.
    return None if demand is None else _find_confidence_doubt(reading, demand)


def _find_confidence_doubt(reading: FieldReading, demand: Demand) -> Reason | None:
    """The doubt from its confidence; None where it meets the demand and is confirmed."""
    if reading.confidence < demand.confidence:
        return demand.reason
    return None if reading.confirmed else Reason.FIELD_UNCONFIRMED


def _find_unusual_value(field: FormField, reading: FieldReading, policy: Policy) -> Reason | None:
    if not policy.asks_unusual or reading.value is None or reading.is_inherited:
        return None
    return None if field.is_usual(reading.value) else Reason.UNUSUAL


def _find_recently_recorded_identifier(
    values: Mapping[str, FieldValue], rules: Rules, known: Circumstances
) -> str | None:
    """The first field that identifies the thing, if a recent entry is of the same one; else None.

    What stands for many entries, as a trailer that is measured, is no double by itself: the same position is, or a
    whole entry that says none.
    """
    form, names = rules.form, [name for name in rules.identifying_fields if name in values]
    own = [field for field in form.fields if field.name in rules.identifying_fields]
    things = [field.name for field in own if field.name not in form.standing_fields]
    needed = form.fields if values.keys().isdisjoint(things) else own
    if form.closes or any(field.required and field.name not in values for field in needed):
        return None
    alike = any(
        any(name in entry for name in things) and all(entry.get(name, values[name]) == values[name] for name in names)
        for entry in known.recent
    )
    return next((name for name in (*things, *names) if name in values), None) if alike else None
