from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.agree.decide import Rules, decide
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
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


@pytest.fixture(scope="module")
def rules(repository: Path) -> Rules:
    form = Form.load(repository / "schemas" / "forms" / "pallet-move.schema.json")
    return Rules(form, Catalogue.load(repository / "config" / "catalogue"), minimum_confidence=0.9)


def said(value: FieldValue | None, confidence: float = 1.0, rivals: tuple[FieldValue, ...] = ()) -> FieldReading:
    return FieldReading(value, ("some", "words"), confidence, rivals)


def reading(not_understood: NotUnderstood | None = None, /, **fields: FieldReading) -> Reading:
    return Reading("scripted", "pallet-move", (), fields, not_understood)


WHOLE = {"pallet_id": said("742"), "quantity": said(12), "dock": said("B")}


def asked(verdict: Verdict) -> tuple[str | None, list[str]]:
    assert verdict.outcome is Outcome.ASK
    return verdict.ask, [str(reason) for reason in verdict.reasons]


def test_no_words_are_ignored(rules: Rules) -> None:
    verdict = decide(reading(NotUnderstood.NO_WORDS), Closing.PAUSE, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.IGNORE, (Because(Reason.NO_SPEECH),))


def test_words_that_name_no_field_are_asked_again(rules: Rules) -> None:
    verdict = decide(reading(NotUnderstood.NOT_DICTATION), Closing.PAUSE, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.REPEAT, (Because(Reason.NOT_UNDERSTOOD),))


@pytest.mark.parametrize("closing", [Closing.TOO_LONG, Closing.BROKEN_OFF])
def test_an_utterance_whose_end_was_not_heard_is_never_accepted(rules: Rules, closing: Closing) -> None:
    verdict = decide(reading(**WHOLE), closing, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.REPEAT, (Because(Reason.CUT_SHORT),))


def test_a_missing_field_is_asked_for_and_the_others_stand(rules: Rules) -> None:
    verdict = decide(reading(pallet_id=said("742"), quantity=said(12)), Closing.PAUSE, rules)
    assert asked(verdict) == ("dock", ["field_missing:dock"])
    assert verdict.fields == {"pallet_id": "742", "quantity": 12}


@pytest.mark.parametrize(
    ("name", "doubtful", "reason"),
    [
        ("quantity", said(12, rivals=(20,)), "field_ambiguous:quantity"),
        ("dock", said(None), "field_ambiguous:dock"),
        ("pallet_id", said("742", confidence=0.89), "field_unsure:pallet_id"),
        ("pallet_id", said("7" * 40), "field_invalid:pallet_id"),
        ("pallet_id", said(742), "field_invalid:pallet_id"),
        ("quantity", said(0), "field_invalid:quantity"),
        ("quantity", said(10**9), "field_invalid:quantity"),
        ("dock", said("Z"), "not_in_catalogue:dock"),
        ("dock", said("b"), "field_invalid:dock"),
    ],
)
def test_a_doubtful_field_is_asked_for_and_does_not_stand(
    rules: Rules, name: str, doubtful: FieldReading, reason: str
) -> None:
    verdict = decide(reading(**{**WHOLE, name: doubtful}), Closing.PAUSE, rules)
    assert asked(verdict) == (name, [reason])
    assert name not in verdict.fields


def test_doubts_are_told_in_the_order_of_the_form_and_the_first_is_asked(rules: Rules) -> None:
    verdict = decide(reading(quantity=said(0)), Closing.PAUSE, rules)
    assert asked(verdict) == (
        "pallet_id",
        ["field_missing:pallet_id", "field_invalid:quantity", "field_missing:dock"],
    )


@pytest.mark.parametrize("closing", [Closing.PAUSE, Closing.SOURCE_ENDED])
def test_a_whole_sure_and_valid_reading_is_accepted(rules: Rules, closing: Closing) -> None:
    verdict = decide(reading(**WHOLE), closing, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.ACCEPT, (Because(Reason.COMPLETE),))
    assert verdict.fields == {"pallet_id": "742", "quantity": 12, "dock": "B"}


def test_the_site_chooses_how_sure_is_sure(rules: Rules) -> None:
    doubtful = reading(**{**WHOLE, "dock": said("B", confidence=0.6)})
    assert decide(doubtful, Closing.PAUSE, rules).outcome is Outcome.ASK
    assert decide(doubtful, Closing.PAUSE, replace(rules, minimum_confidence=0.6)).outcome is Outcome.ACCEPT


def test_leading_zeros_stand(rules: Rules) -> None:
    verdict = decide(reading(**{**WHOLE, "pallet_id": said("007")}), Closing.PAUSE, rules)
    assert verdict.fields["pallet_id"] == "007"


def test_a_field_that_must_be_confirmed_and_is_not_is_asked_for(rules: Rules) -> None:
    alone = replace(said("742"), confirmed=False)
    verdict = decide(reading(**{**WHOLE, "pallet_id": alone}), Closing.PAUSE, rules)
    assert asked(verdict) == ("pallet_id", ["field_unconfirmed:pallet_id"])
    assert "pallet_id" not in verdict.fields


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.RECORD])
def test_what_dictates_no_entry_makes_none(rules: Rules, act: Act) -> None:
    verdict = decide(replace(reading(**WHOLE), act=act), Closing.PAUSE, rules)
    assert (verdict.outcome, verdict.reasons) == (Outcome.REPEAT, (Because(Reason.NOT_UNDERSTOOD),))


DEFERRABLE = {
    "sure": (reading(**WHOLE), Outcome.ACCEPT),
    "sure but not confirmed": (reading(**{**WHOLE, "dock": replace(said("B"), confirmed=False)}), Outcome.ASK),
    "unsure": (reading(**{**WHOLE, "dock": said("B", 0.5)}), Outcome.DEFER),
    "a part": (reading(pallet_id=said("742")), Outcome.DEFER),
    "talk": (reading(NotUnderstood.NOT_DICTATION), Outcome.DEFER),
    "no words": (reading(NotUnderstood.NO_WORDS), Outcome.DEFER),
    "nothing at all": (reading(), Outcome.DEFER),
}


@pytest.mark.parametrize("name", DEFERRABLE)
def test_what_a_model_may_yet_read_is_deferred_unless_it_is_sure(rules: Rules, name: str) -> None:
    read, outcome = DEFERRABLE[name]
    verdict = decide(replace(read, deferrable=True), Closing.PAUSE, rules)
    assert verdict.outcome is outcome
    assert (verdict.reasons[0].reason is Reason.NO_MODEL) is (outcome is Outcome.DEFER)


def test_what_was_cut_short_is_said_again_and_not_deferred(rules: Rules) -> None:
    read = replace(reading(pallet_id=said("742")), deferrable=True)
    assert decide(read, Closing.TOO_LONG, rules).outcome is Outcome.REPEAT
