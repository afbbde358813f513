from __future__ import annotations

from dockvoice_protocol.records import FieldReading, FieldValue, Word
from edge.understand.unclear_zero import doubt_zero
from tests.rows import each_of


def spoken(text: str) -> tuple[list[Word], FieldReading]:
    """Words of 0.4 s times the number behind each, 0.5 s of silence at a comma; the field is all up to "twelve"."""
    words: list[Word] = []
    at = 0.0
    for told in text.split():
        word, _, length = told.rstrip(",").partition("*")
        words.append(Word(word, at, at + 0.4 * float(length or 1), 1.0))
        at = words[-1].end + 0.5 * told.endswith(",")
    said = tuple(word.text for word in words)
    said = said[: said.index("twelve")]
    figures = {"oh": "0", "zero": "0", "two": "2", "four": "4", "seven": "7"}
    return words, FieldReading("".join(figures.get(word, "") for word in said), said, 1.0)


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
    ],
)
def test_an_oh_of_another_length_is_in_doubt(text: str, rivals: tuple[FieldValue, ...]) -> None:
    words, field = spoken(text)
    assert doubt_zero(field, words, lambda _: True).rivals == rivals
    assert doubt_zero(field, words, lambda _: False) == field
