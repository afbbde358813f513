from __future__ import annotations

from dockvoice_protocol.forms.spoken.kinds.yes_no import yes_no_readings
from dockvoice_protocol.forms.spoken.language import language_named
from tests.rows import each_of

SEALED = {True: ("sealed",), False: ("not sealed", "unsealed", "seal broken")}


def said(text: str, at: int = 0, *, labelled: bool = False) -> list[tuple[int, bool]]:
    found = yes_no_readings(text.split(), at, language_named("en").table["yes_no"], SEALED, labelled=labelled)
    return [(end, value) for end, value, cost in sorted(found, key=lambda one: one[2]) if cost <= 3.0]


@each_of("text", ["", "yes", "no", "not", "damaged", "seal", "broken seal", "not yes"])
def test_what_says_neither_is_none(text: str) -> None:
    assert said(text) == []


def test_yes_within_no_is_none() -> None:
    assert said("not sealed", at=1) == []
    assert said("dock b not sealed", at=3) == []


def test_yes_alone_says_so_only_behind_its_label() -> None:
    assert said("yes", labelled=True) == [(1, True)]
    assert said("sealed", at=1) == []


def test_a_label_with_its_answer_is_not_the_word_for_yes() -> None:
    assert said("sealed no") == []
    assert said("no", labelled=True) == [(1, False)]


@each_of(("text", "value"), [("sealed", True), ("not sealed", False), ("unsealed", False)])
def test_yes_and_no_are_read(text: str, value: bool) -> None:
    assert (len(text.split()), value) in said(text)
    assert {found for end, found in said(text) if end == len(text.split())} == {value}
