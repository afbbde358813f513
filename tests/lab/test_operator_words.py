from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.records import FieldValue
from edge.agree.dialogue.questions import Question, Topic
from lab.operator_speech import OperatorWords, UtteranceReason

TRUTH: dict[str, FieldValue] = {"pallet_id": "0126", "quantity": 15, "dock": "E"}


@pytest.fixture
def words(form: Form, repository: Path) -> OperatorWords:
    return OperatorWords(form, Catalogue.load(repository / "config/catalogue"), TRUTH, Random(1))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Question(Topic.FIELD_RIGHT, "dock", ("E",)), "yes"),
        (Question(Topic.FIELD_RIGHT, "quantity", (50,)), "no, fifteen units"),
        (Question(Topic.ENTRY_RIGHT, fields=TRUTH), "yes"),
        (Question(Topic.ENTRY_RIGHT, fields={**TRUTH, "quantity": 50}), "no, fifteen units"),
        (Question(Topic.ENTRY_RIGHT, fields={"pallet_id": "0126", "dock": "E"}), "no, fifteen units"),
        (Question(Topic.INSTEAD, fields={"quantity": 15}), "yes"),
        (Question(Topic.INSTEAD, fields={"quantity": 50}), "no, fifteen units"),
    ],
)
def test_yes_is_said_to_the_truth_alone(words: OperatorWords, asked: Question, said: str) -> None:
    answer = words.word_answer(asked)
    assert answer.text == said
    assert (answer.about is None) == (said == "yes")  # a recording of the field would be no yes


@pytest.mark.parametrize("asked", [Question(Topic.FIELD, "quantity"), Question(Topic.CHOICE, "quantity", (50, 15))])
def test_a_field_is_answered_with_its_value_bare_or_with_its_unit(words: OperatorWords, asked: Question) -> None:
    said = {words.word_answer(asked).text for _ in range(20)}
    assert said == {"fifteen", "fifteen units"}


def test_a_question_about_everything_is_answered_with_everything(
    words: OperatorWords, form: Form, repository: Path
) -> None:
    said = words.word_answer(Question(Topic.WRONG, fields={}))
    read = read_transcript(said.text, form, Catalogue.load(repository / "config/catalogue"))
    assert {name: one.value for name, one in read.items()} == TRUTH
    assert (said.why, said.about) == (UtteranceReason.AGAIN, None)
