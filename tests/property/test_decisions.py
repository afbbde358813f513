"""Invariant: no field is accepted that is less sure than the policy demands of it, and more doubt never makes an
ACCEPT of what was asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import FieldReading, Reading
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.policy import POLICIES, Policy, find_highest_demand
from edge.records import Acoustics, ClosedBy, Outcome

ROOT = Path(__file__).parent.parent.parent
FORM = load_form(ROOT / "schemas" / "forms" / "pallet-move.schema.json")
CATALOGUE = Catalogue.load(ROOT / "config" / "catalogue")

sureness = some.floats(0.0, 1.0)
policies = some.builds(
    Policy.with_minimum, some.sampled_from(list(POLICIES.values())), some.one_of(some.none(), sureness)
)
digits = some.text("0123456789", min_size=2, max_size=4)
letters = some.sampled_from("ABDEGHZ")
numbers = some.sampled_from([1, 9, 13, 16, 19, 30, 60, 90, 215, 250, 90_000])


def said(values: some.SearchStrategy[str] | some.SearchStrategy[int]) -> some.SearchStrategy[FieldReading]:
    return some.builds(
        FieldReading,
        some.one_of(some.none(), values),
        some.just(("some", "words")),
        sureness,
        some.one_of(some.just(()), some.tuples(values)),
        some.booleans(),
        some.one_of(some.none(), values),
        some.booleans(),
    )


readings = some.fixed_dictionaries(
    {}, optional={"pallet_id": said(digits), "quantity": said(numbers), "dock": said(letters)}
).map(lambda fields: Reading("made", FORM.name, (), fields))
acoustics = some.builds(Acoustics, some.floats(-10, 50), some.floats(-90, 0), sureness, some.floats(0.01, 10), sureness)
circumstances = some.builds(
    Circumstances,
    some.one_of(some.none(), acoustics),
    some.lists(some.fixed_dictionaries({"pallet_id": digits, "dock": letters}), max_size=2).map(tuple),
)


@given(readings, policies, circumstances)
def test_nothing_is_accepted_below_the_demand(reading: Reading, policy: Policy, known: Circumstances) -> None:
    verdict = decide(reading, ClosedBy.PAUSE, Rules(FORM, CATALOGUE, policy=policy), known)
    if verdict.outcome is Outcome.ACCEPT:
        for name, value in verdict.fields.items():
            one = reading.fields[name]
            assert (
                one.confidence
                >= find_highest_demand(FORM[name], one, known.acoustics, policy).confidence
                >= policy.minimum
            )
            assert (one.value, one.rivals, one.confirmed) == (value, (), True)
        assert not FORM.faults(verdict.fields)


@given(readings, policies, circumstances, some.data())
def test_more_doubt_never_makes_an_accept(
    reading: Reading, policy: Policy, known: Circumstances, data: some.DataObject
) -> None:
    rules = Rules(FORM, CATALOGUE, policy=policy)
    doubted = {
        name: replace(one, confidence=data.draw(some.floats(0.0, one.confidence)))
        for name, one in reading.fields.items()
    }
    before = decide(reading, ClosedBy.PAUSE, rules, known)
    after = decide(replace(reading, fields=doubted), ClosedBy.PAUSE, rules, known)
    assert after.outcome is not Outcome.ACCEPT or before.outcome is Outcome.ACCEPT


@given(readings, policies, circumstances)
def test_a_question_offers_only_what_may_be_recorded(reading: Reading, policy: Policy, known: Circumstances) -> None:
    verdict = decide(reading, ClosedBy.PAUSE, Rules(FORM, CATALOGUE, policy=policy), known)
    if verdict.outcome is Outcome.ASK:
        assert verdict.ask is not None
        assert verdict.ask not in verdict.fields
        assert len(set(verdict.candidates)) == len(verdict.candidates) <= 2
        assert all(FORM[verdict.ask].allows(value) for value in verdict.candidates)
