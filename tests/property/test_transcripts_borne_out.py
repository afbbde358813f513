"""Nothing enters by way of a transcript that is not in it: a mended label changes no value, and a text model's value
stands only on words that the transcriber wrote.
"""

from __future__ import annotations

import re
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.spoken import vocabulary
from dockvoice_protocol.records import FieldReading, Reading
from edge.config import Settings
from edge.understand.stt.hallucinations import detect_hallucination
from edge.understand.stt.transcript_reader import bare_words, correct_labels, drop_values_not_in_transcript
from tests.shipped import form

SAID = (
    "pallet hallet ballad palette dock doc dog take units unites cases no sorry seven four two twelve fifty fifteen "
    "bravo b d uh ah um please 742 7 12 15 0391 thank you the"
)
WORDS = st.sampled_from(SAID.split())
TEXTS = st.lists(WORDS, max_size=14).map(" ".join)
PROMPT = "pallet, pallet number, quantity, units, dock"


@cache
def known() -> frozenset[str]:
    return vocabulary(form(), Catalogue.load(load_settings(Settings, None).catalogue_directory))


def telling(text: str) -> list[str]:
    """What can say a value: known words and figures, in order, but for labels, units and hesitations."""
    own = {word for field in form().fields for word in (*field.labels, *field.units.keys(), *field.units.values())}
    return [
        word for word in bare_words(text) if (word in known() or word.isdecimal()) and word not in own | {"uh", "um"}
    ]


@given(TEXTS)
def test_mending_labels_changes_no_word_that_can_say_a_value(text: str) -> None:
    assert telling(correct_labels(text, form(), known())) == telling(text)


@given(st.text(max_size=60))
def test_mending_labels_keeps_every_figure_of_any_text(text: str) -> None:
    assert re.findall(r"\d", correct_labels(text, form(), known())) == re.findall(r"\d", text)


@given(TEXTS)
def test_mending_twice_is_mending_once(text: str) -> None:
    once = correct_labels(text, form(), known())
    assert correct_labels(once, form(), known()) == once


@given(TEXTS, TEXTS, st.sampled_from(["742", "0391", 12, None]))
def test_a_value_stands_only_on_words_that_were_written(transcript: str, words: str, value: str | int | None) -> None:
    read = Reading("model", "pallet-move", (), {"pallet_id": FieldReading(value, tuple(words.split()), 0.9)})
    kept = drop_values_not_in_transcript(read, (transcript,), {}).fields["pallet_id"]
    written = words != "" and f" {words} " in f" {transcript} "
    assert kept.value == (value if written else None)


@given(st.text(max_size=200), st.sampled_from(["", PROMPT]))
def test_any_text_at_all_can_be_judged(text: str, prompt: str) -> None:
    assert detect_hallucination(text, prompt) == detect_hallucination(f"  {text} \n", prompt)


@given(st.lists(st.sampled_from(["zero", "one", "two", "three", "oh", "double"]), min_size=2, max_size=18))
def test_an_identifier_is_no_loop_however_its_digits_repeat(digits: list[str]) -> None:
    assert detect_hallucination(f"pallet {' '.join(digits)}, twelve units, dock B", PROMPT) is None
