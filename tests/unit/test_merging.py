from __future__ import annotations

from dataclasses import replace

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.records import FieldReading, FieldValue, NotUnderstoodReason, Reading, Word
from edge.agree.decide import Rules, decide
from edge.agree.merging import with_answer
from edge.agree.off_talk import is_off_talk
from edge.agree.one_breath import split_things_sharing_values
from edge.records import ClosedBy, Outcome, Verdict
from tests.reading.languages import said_in, that_say
from tests.rows import each_of


@pytest.fixture(scope="module")
def rules(form: Form, catalogue: Catalogue) -> Rules:
    return Rules(form, catalogue, minimum_confidence=0.9)


def said(value: FieldValue | None, confidence: float = 1.0) -> FieldReading:
    return FieldReading(value, ("some", "words"), confidence)


def reading(not_understood: NotUnderstoodReason | None = None, /, **fields: FieldReading) -> Reading:
    return Reading("scripted", "pallet-move", (), fields, not_understood)


WITHOUT_DOCK = reading(pallet_id=said("742"), quantity=said(12))
UNSURE_DOCK = reading(pallet_id=said("742"), quantity=said(12), dock=said("B", 0.8))


def answered(
    before: Reading, answer: Reading, rules: Rules, closing: ClosedBy = ClosedBy.PAUSE, *, correcting: bool = False
) -> tuple[Reading, Verdict]:
    merged = with_answer(before, "dock", answer, closing, rules, correcting=correcting)
    return merged, decide(merged, ClosedBy.PAUSE, rules)


@each_of(
    ("answer", "closing"),
    [
        (reading(NotUnderstoodReason.NO_WORDS), ClosedBy.PAUSE),
        (reading(NotUnderstoodReason.NOT_DICTATION), ClosedBy.PAUSE),
        (reading(), ClosedBy.PAUSE),
        (reading(dock=said("D")), ClosedBy.BROKEN_OFF),
    ],
)
def test_an_answer_that_cannot_be_read_changes_nothing_and_the_field_is_asked_again(
    rules: Rules, answer: Reading, closing: ClosedBy
) -> None:
    merged, verdict = answered(WITHOUT_DOCK, answer, rules, closing)
    assert merged == WITHOUT_DOCK
    assert (verdict.outcome, verdict.ask) == (Outcome.ASK, "dock")
    assert verdict.fields == {"pallet_id": "742", "quantity": 12}


def test_said_twice_and_read_alike_is_surer_than_once(rules: Rules) -> None:
    merged, verdict = answered(UNSURE_DOCK, reading(dock=said("B", 0.8)), rules)
    assert merged.fields["dock"].confidence == pytest.approx(0.96)
    assert verdict.outcome is Outcome.ACCEPT


@each_of("correcting", [False, True])
def test_an_answer_that_differs_is_no_surer_than_it_was_heard(rules: Rules, correcting: bool) -> None:
    merged, verdict = answered(UNSURE_DOCK, reading(dock=said("D", 0.8)), rules, correcting=correcting)
    assert merged.fields["dock"].confidence == 0.8
    assert (verdict.outcome, verdict.ask) == (Outcome.ASK, "dock")


def heard(line: str) -> Reading:
    return Reading(
        "scripted", "pallet-move", tuple(Word(word, at, at + 0.5, 1.0) for at, word in enumerate(line.split())), {}
    )


@each_of(("tag", "line"), [(tag, line) for tag in that_say("objections") for line in said_in(tag)["objections"]])
def test_what_objects_to_the_entry_in_any_words_is_never_taken_for_talk_beside_it(
    rules: Rules, tag: str, line: str
) -> None:
    assert not is_off_talk(heard(line), replace(rules, language=language_named(tag)))


@each_of(("tag", "line"), [(tag, said_in(tag)["talk"]) for tag in that_say("talk")])
def test_talk_to_others_is_beside_the_entry(rules: Rules, tag: str, line: str) -> None:
    assert is_off_talk(heard(line), replace(rules, language=language_named(tag)))


def test_two_that_are_named_together_are_looked_for_in_one_breath_and_not_in_a_recital_of_numbers(rules: Rules) -> None:
    def breath(text: str) -> Reading:
        words = tuple(Word(word, at * 0.3, at * 0.3 + 0.3, 1.0) for at, word in enumerate(text.split()))
        return replace(reading(), words=words)

    sentence = "pallets seven four two and seven four three twelve units each dock b"
    assert split_things_sharing_values(breath(sentence), rules)
    assert not split_things_sharing_values(breath(f"{sentence} {'okay ' * 60}"), rules)
