from __future__ import annotations

from dockvoice_protocol.records import HallucinationKind
from edge.understand.stt.hallucinations import detect_hallucination
from tests.rows import each_of, rows_of

PROMPT = "pallet, pallet number, quantity, units, unit, cases, case, dock"


@each_of(("text", "why"), rows_of("hallucinations", "made_up"))
def test_what_is_made_up_is_known_for_what_it_is(text: str, why: str | None) -> None:
    assert detect_hallucination(text, PROMPT) is (HallucinationKind[why] if why else None)


@each_of("text", rows_of("hallucinations", "believed"))
def test_what_operators_say_is_believed(text: str) -> None:
    assert detect_hallucination(text, PROMPT) is None


def test_the_same_words_are_no_echo_where_no_prompt_was_given() -> None:
    assert detect_hallucination("quantity, units, unit, cases") is None


def test_spelling_as_a_model_chooses_makes_no_difference() -> None:
    assert detect_hallucination("Vielen Dank fu\N{COMBINING DIAERESIS}rs Zuschauen") is HallucinationKind.STOCK_PHRASE
