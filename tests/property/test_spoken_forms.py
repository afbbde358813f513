"""Invariants: what is said completely is read back as it was meant, or asked about, never as something else;
and no word that nobody can explain ever adds or changes a value."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.forms.catalogue import Catalogue
from edge.forms.form import Form, forms_in
from edge.forms.spoken import read
from edge.forms.spoken.numbers import LARGEST, cardinal, digits
from edge.forms.spoken.saying import cardinal as said_count
from edge.forms.spoken.saying import spelt
from edge.forms.spoken.sentences import Sentence, sentences
from edge.records import FieldReading, Word

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = Catalogue.load(ROOT / "config" / "catalogue")
FORMS = forms_in(ROOT / "schemas" / "forms")

SEEDS = st.integers(min_value=0, max_value=2**32)
SPACES = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.03, 0.2]), min_size=60, max_size=60)


def heard(text: str, spaces: list[float]) -> list[Word]:
    words, now = [], 0.0
    for word, space in zip(text.split(), spaces, strict=False):
        now += space
        words.append(Word(word, now, now + 0.25, 1.0))
        now += 0.25
    return words


def meant(reading: FieldReading) -> set[str | int | None]:
    """All that a reading leaves possible; None stands for a question without a proposal."""
    return {reading.value, *reading.rivals}


def sentence(form: Form, seed: int) -> Sentence:
    return next(sentences(form, CATALOGUE, Random(seed)))


@pytest.mark.parametrize("name", FORMS)
@given(seed=SEEDS)
def test_a_sentence_is_read_back_as_it_was_meant_or_asked_about(name: str, seed: int) -> None:
    said = sentence(FORMS[name], seed)
    readings = read(heard(said.text, [0.0] * 60), FORMS[name], CATALOGUE)
    assert set(readings) == set(said.fields), said.text
    for field, value in said.fields.items():
        assert {value, None} & meant(readings[field]), (said.text, field, readings[field])


@pytest.mark.parametrize("name", FORMS)
@given(seed=SEEDS, spaces=SPACES)
def test_wherever_the_speaker_pauses_the_fields_named_are_those_that_were_said(
    name: str, seed: int, spaces: list[float]
) -> None:
    said = sentence(FORMS[name], seed)
    assert set(read(heard(said.text, spaces), FORMS[name], CATALOGUE)) == set(said.fields)


@pytest.mark.parametrize("name", FORMS)
@given(seed=SEEDS, data=st.data())
def test_a_word_nobody_can_explain_never_makes_another_value(name: str, seed: int, data: st.DataObject) -> None:
    said = sentence(FORMS[name], seed)
    words = said.text.split()
    words.insert(data.draw(st.integers(0, len(words))), "[unk]")
    for field, reading in read(heard(" ".join(words), [0.0] * 60), FORMS[name], CATALOGUE).items():
        assert {said.fields[field], None} & meant(reading), (words, field, reading)


FORM_WORDS = ["pallet", "dock", "quantity", "units"]
VALUE_WORDS = ["seven", "twenty", "hundred", "oh", "double", "a", "b", "golf", "as", "in"]
HEAP = [*FORM_WORDS, *VALUE_WORDS, "and", "to", "no", "um", "[unk]"]


@given(words=st.lists(st.sampled_from(HEAP)))
def test_any_heap_of_words_is_read_and_its_evidence_is_words_that_were_heard(words: list[str]) -> None:
    readings = read(heard(" ".join(words), [0.0] * len(words)), FORMS["pallet-move"], CATALOGUE)
    for reading in readings.values():
        assert set(reading.words) <= set(words)
        assert reading.value not in reading.rivals
        assert reading.value is not None or not reading.rivals


@given(value=st.integers(0, LARGEST), seed=SEEDS)
def test_every_count_is_read_back(value: int, seed: int) -> None:
    assert cardinal(said_count(value, Random(seed)).split()) == value


@given(value=st.text("0123456789", min_size=1, max_size=18), seed=SEEDS)
def test_every_string_of_digits_is_read_back_zeros_and_all(value: str, seed: int) -> None:
    assert digits(spelt(value, Random(seed)).split()) == value


@given(seed=SEEDS, data=st.data())
def test_the_evidence_alone_reads_as_the_value(seed: int, data: st.DataObject) -> None:
    form = FORMS["pallet-move"]
    readings = read(heard(sentence(form, seed).text, data.draw(SPACES)), form, CATALOGUE)
    for field, reading in readings.items():
        if reading.value is not None and not reading.rivals:
            again = read(heard(" ".join(reading.words), [0.0] * 60), form, CATALOGUE)
            assert again[field].value == reading.value, (reading, again)
