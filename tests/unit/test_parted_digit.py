from __future__ import annotations

from dockvoice_protocol.records import FieldReading, FieldValue, Word
from edge.understand.parted_digit import doubt_parted_digit
from tests.rows import each_of

LENGTH = 0.4


def spoken(text: str) -> tuple[list[Word], FieldReading]:
    """Words without pauses but for 0.15 s at each comma; the identifier is all up to "twelve"."""
    words: list[Word] = []
    at = 0.0
    for word in text.split():
        words.append(Word(word.rstrip(","), at, at + LENGTH, 1.0))
        at += LENGTH + 0.15 * word.endswith(",")
    texts = tuple(word.text for word in words)
    said = texts[: texts.index("twelve")] if "twelve" in texts else texts
    figures = {"one": "1", "two": "2", "three": "3", "four": "4", "seven": "7"}
    return words, FieldReading("".join(figures.get(word, "") for word in said), said, 1.0)


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
    words, field = spoken(text)
    assert doubt_parted_digit(field, words, lambda _: True).rivals == rivals
    assert doubt_parted_digit(field, words, lambda _: False) == field
