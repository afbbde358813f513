"""What a pause means after these words, for the shipped pallet move: a pallet of 2 to 18 digits, units, a dock."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken import expect_more, read_fields
from dockvoice_protocol.records import TurnExpectation, Word
from tests import shipped
from tests.rows import each_of


def after(
    said: str, *, converses: bool = False, awaited: tuple[str, ...] | None = None, of: str = "pallet-move"
) -> TurnExpectation:
    form, catalogue = shipped.form(of), shipped.catalogue()
    words = [Word(text, number * 0.4, number * 0.4 + 0.4, 1.0) for number, text in enumerate(said.split())]
    fields = read_fields(words, form, catalogue)
    return expect_more(words, fields, form, catalogue, converses=converses, awaited=awaited)


@each_of(
    "said",
    [
        "",
        "where did you put the tape gun",
        # Complete, but a number said last may go on.
        "dock b twelve units pallet seven four two",
        # A field is heard and means no one value: whoever stops here may be done, and will be asked.
        "pallet seven four two twelve units dock z",
    ],
)
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


@each_of(
    "said",
    [
        "pallet",
        "pallet seven",
        "pallet seven four two quantity",
        "pallet seven four two one hundred and",
        "pallet seven four two twelve units dock",
        "pallet seven four two twelve units no",
        "pallet seven four two with",
        # Complete so far, and still somebody is about to correct himself.
        "pallet seven four two twelve units dock b no",
        "pallet seven four two twelve units dock b uh",
        # No field yet, and nobody is asked for one.
        "six hundred and",
        "six hundred",
        "forty",
    ],
)
def test_nobody_ends_in_the_middle_of_a_number_or_a_field(said: str) -> None:
    assert after(said) is TurnExpectation.MORE


@each_of(
    "said",
    [
        "pallet seven four two twelve units dock b",
        "pallet seven four two twelve units dock bravo",
        "dock b pallet seven four two twelve units",
        "pallet seven four two twelve units dock bravo please",
        "pallet seven four two twelve units no fifteen units dock b",
        "dock b twelve units pallet" + " one two three" * 6,
    ],
)
def test_a_complete_form_that_can_hold_no_more_is_finished(said: str) -> None:
    assert after(said) is TurnExpectation.FINISHED


@each_of(
    ("said", "expectation"),
    [
        ("yes", TurnExpectation.FINISHED),
        ("say again", TurnExpectation.FINISHED),
        ("uh how many waiting", TurnExpectation.FINISHED),
        ("no fifteen units", TurnExpectation.FINISHED),
        ("sorry dock charlie", TurnExpectation.FINISHED),
        # More may follow.
        ("no", TurnExpectation.EITHER),
        ("scratch that", TurnExpectation.EITHER),
        ("cancel", TurnExpectation.EITHER),
        ("sign on ana", TurnExpectation.EITHER),
        ("no quantity fifteen", TurnExpectation.EITHER),
        ("no fifteen units dock", TurnExpectation.MORE),
        # A number alone may be the answer to a question, but not half of one.
        ("twelve", TurnExpectation.EITHER),
        ("six hundred", TurnExpectation.EITHER),
        ("six hundred and", TurnExpectation.MORE),
    ],
)
def test_in_a_conversation_whole_commands_and_corrections_are_finished_too(
    said: str, expectation: TurnExpectation
) -> None:
    assert after(said, converses=True) is expectation
    if expectation is TurnExpectation.FINISHED:
        assert after(said) is not TurnExpectation.FINISHED
