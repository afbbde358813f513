"""What a pause means after these words, for the shipped pallet move: a pallet of 2 to 18 digits, units, a dock."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken import expect_more, read_fields
from dockvoice_protocol.records import TurnExpectation, Word
from tests import shipped
from tests.rows import each_of, rows_of


def after(
    said: str, *, converses: bool = False, awaited: tuple[str, ...] | None = None, of: str = "pallet-move"
) -> TurnExpectation:
    form, catalogue = shipped.form(of), shipped.catalogue()
    words = [Word(text, number * 0.4, number * 0.4 + 0.4, 1.0) for number, text in enumerate(said.split())]
    fields = read_fields(words, form, catalogue)
    return expect_more(words, fields, form, catalogue, converses=converses, awaited=awaited)


@each_of("said", rows_of("turn", "where_nothing_tells_the_usual_pause"))
def test_where_nothing_tells_the_usual_pause_decides(said: str) -> None:
    assert after(said) is TurnExpectation.EITHER


PARTS = [
    "pallet seven four two",
    "pallet seven four two twelve",
    "pallet seven four two twelve units",
    "quantity twelve",
    "dock b",
]


@each_of("said", PARTS)
def test_who_has_said_a_part_of_the_entry_goes_on(said: str) -> None:
    assert after(said) is TurnExpectation.MORE
    assert after(said, converses=True, awaited=("pallet_id", "quantity", "dock")) is TurnExpectation.MORE


@each_of("said", PARTS)
def test_who_has_said_what_was_left_is_waited_for_as_usual(said: str) -> None:
    assert after(said, converses=True, awaited=()) is TurnExpectation.EITHER


@each_of("said", rows_of("turn", "nobody_ends_in_the_middle_of"))
def test_nobody_ends_in_the_middle_of_a_number_or_a_field(said: str) -> None:
    assert after(said) is TurnExpectation.MORE


@each_of("said", rows_of("turn", "finished"))
def test_a_complete_form_that_can_hold_no_more_is_finished(said: str) -> None:
    assert after(said) is TurnExpectation.FINISHED


@each_of(("said", "expectation"), rows_of("turn", "conversing"))
def test_in_a_conversation_whole_commands_and_corrections_are_finished_too(said: str, expectation: str) -> None:
    assert after(said, converses=True) is TurnExpectation[expectation]
    if expectation == "FINISHED":
        assert after(said) is not TurnExpectation.FINISHED
