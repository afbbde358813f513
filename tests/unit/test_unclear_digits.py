from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.records import FieldReading, FieldValue, Word
from edge.understand.unclear_digits import doubt_digits
from tests.rows import each_of

FIGURES = {"oh": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "seven": "7"}


def spoken(text: str, pause_s: float) -> tuple[list[Word], FieldReading]:
    """Words of 0.4 s times the number behind each, silent at a comma; the identifier is all up to "twelve"."""
    words: list[Word] = []
    at = 0.0
    for told in text.split():
        word, _, length = told.rstrip(",").partition("*")
        words.append(Word(word, at, at + 0.4 * float(length or 1), 1.0))
        at = words[-1].end + pause_s * told.endswith(",")
    texts = tuple(word.text for word in words)
    said = texts[: texts.index("twelve")] if "twelve" in texts else texts
    return words, FieldReading("".join(FIGURES.get(word, "") for word in said), said, 1.0)


@each_of(
    ("text", "rivals"),
    [
        ("pallet two*0.8 oh*0.4 seven seven, twelve units", ("277",)),
        ("pallet two*0.8 oh*0.4 seven seven twelve units", ()),
        ("pallet two oh*0.6 seven seven, twelve units", ()),
        ("pallet two*0.8 oh*0.4, seven seven twelve units", ()),
        ("pallet seven*0.8 oh*0.4 seven, twelve units", ()),
        ("pallet oh two four seven twelve units", ("00247",)),
        ("pallet oh*0.6 two four seven twelve units", ()),
        ("pallet four, oh, seven, twelve units", ()),
        ("pallet zero two four seven twelve units", ()),
        ("oh two four seven", ()),
        ("pallet two oh", ()),
    ],
)
def test_an_oh_of_another_length_is_in_doubt(text: str, rivals: tuple[FieldValue, ...]) -> None:
    words, field = spoken(text, 0.5)
    assert doubt_digits(field, words, lambda _: True).rivals == rivals
    assert doubt_digits(field, words, lambda _: False) == field


@each_of(
    ("text", "rivals"),
    [
        ("pallet seven four two, three, twelve units", ("742",)),
        ("pallet seven four two, three", ("742",)),
        ("pallet seven four two three, twelve units", ()),
        ("pallet seven four two, three twelve units", ()),
        ("pallet seven, four, two, three, twelve units", ()),
        ("pallet seven four, two three, twelve units", ()),
        ("pallet seven four, two, twelve units", ()),
    ],
)
def test_a_digit_alone_between_pauses_is_in_doubt(text: str, rivals: tuple[FieldValue, ...]) -> None:
    words, field = spoken(text, 0.15)
    assert doubt_digits(field, words, lambda _: True).rivals == rivals
    assert doubt_digits(field, words, lambda _: False) == field


@each_of(
    ("text", "rivals"),
    [
        ("pallet seven four uh two, twelve units", ("7402",)),
        ("pallet seven uh four two", ("7042",)),
        ("pallet seven four, uh two, twelve units", ()),
        ("pallet seven four uh, two, twelve units", ()),
        ("pallet seven four two uh, twelve units", ()),
        ("pallet seven four two, uh, twelve units", ()),
    ],
)
def test_an_uh_in_one_breath_with_the_digits_around_it_may_be_a_zero(text: str, rivals: tuple[FieldValue, ...]) -> None:
    words, field = spoken(text, 0.15)
    field = replace(field, words=tuple(word for word in field.words if word != "uh"))
    assert doubt_digits(field, words, lambda _: True).rivals == rivals
    assert doubt_digits(field, words, lambda _: False) == field


@each_of(
    ("text", "rivals"),
    [
        ("pallet seven four two and, twelve units", ("7428",)),
        ("pallet seven four two and twelve units", ()),
        ("pallet seven four two, and twelve units", ()),
        ("pallet seven four two, and, twelve units", ()),
        ("pallet seven four two and", ()),
    ],
)
def test_an_and_that_goes_with_the_digits_may_be_an_eight(text: str, rivals: tuple[FieldValue, ...]) -> None:
    words, field = spoken(text, 0.15)
    field = replace(field, words=tuple(word for word in field.words if word != "and"))
    assert doubt_digits(field, words, lambda _: True).rivals == rivals
    assert doubt_digits(field, words, lambda _: False) == field


def test_what_has_doubts_or_no_digits_is_left_as_it_is() -> None:
    words, field = spoken("pallet seven four two, three, twelve units", 0.15)
    for other in (
        FieldReading("D", ("dock", "d"), 1.0),
        FieldReading("7423", ("some", "words"), 1.0),
        FieldReading("7", ("seven",), 1.0),
    ):
        assert doubt_digits(other, words, lambda _: True) == other
    assert doubt_digits(FieldReading("7423", field.words, 1.0, rivals=("7",)), words, lambda _: True).rivals == ("7",)
