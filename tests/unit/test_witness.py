from __future__ import annotations

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldValue, Word
from edge.understand.witness import find_contradictions
from tests.rows import each_of

Otherwise = dict[str, tuple[FieldValue, FieldValue]]


def spoken(text: str) -> tuple[Word, ...]:
    """Words said one after the other; a comma is a pause."""
    words, now = [], 0.0
    for part in text.split():
        words.append(Word(part.strip(","), now, now + 0.3, 1.0))
        now += 0.7 if part.endswith(",") else 0.3
    return tuple(words)


@each_of(
    ("first", "heard", "otherwise"),
    [
        # What a recogniser of the form's words alone makes of other words, as vosk and moonshine heard them (dev2).
        (
            "pallet four three two four, dock e, eighteen cartons",
            "Palette 432 for doc e 18 cartons.",
            {"pallet_id": ("4324", "432")},
        ),
        (
            "pallet ninety nine seventy three four, dock e as in echo, fifty units",
            "Howlet 9973 for dock e as an echo, 50 units.",
            {"pallet_id": ("99734", "9973")},
        ),
        (
            "pallet one oh six four, dock delta, eighty units",
            "Pallet 106 for Dark Delta 80 units.",
            {"pallet_id": ("1064", "106")},
        ),
        (
            "sixteen units, pallet four zero eight eleven, at dock hotel",
            "16 units of pallet 408 left at dark hotel.",
            {"pallet_id": ("40811", "408")},
        ),
        ("pallet seven four two, fifteen units, dock b", "Pallet 742, 50 units, dock B.", {"quantity": (15, 50)}),
        ("pallet seven four two, twelve units, dock b", "Pallet 742, 12 units, dock D.", {"dock": ("B", "D")}),
        (
            "pallet number four seven two, quantity thirteen, dock g",
            "Ballot number 472, quantity 13, docky.",
            {"dock": ("G", "E")},
        ),
        # A word that the first reader knows nothing of, right behind a label.
        (
            "pallet three seven four two, twelve cases, dock b",
            "Palette group seven, four, two, twelve cases, dot me.",
            {"pallet_id": ("3742", "742")},
        ),
        (
            "pallet thirty seven four two, twelve cases, dock b",
            "Palette, third, seven, four, two, twelve cases, knock me.",
            {"pallet_id": ("3742", "742")},
        ),
        # What it hears alike, however it is written.
        ("pallet seven five three one, fourteen boxes, dock a", "Pallet 753114 box is dock A.", {}),
        ("one hundred and fifty units, pallet double oh nine, dock alpha", "150 units, pallet 009, dock A.", {}),
        # What it does not hear, or hears as something that makes no value, says nothing.
        ("pallet seven four two, twelve units, dock b", "", {}),
        ("pallet seven four two, twelve units, dock b", "Thank you for watching.", {}),
        ("pallet four four two, twelve units, dock g", "Ballad 442, 12 units, duckling.", {}),
        ("pallet four nine nine, twelve units, dock e", "Palette for 99, 12 units, dock E.", {}),
        ("pallet two four three, twelve units, dock e", "Palatou 43, 12 units, dock E.", {}),
        ("um pallet six seventy nine uh, six pieces, dock b", "Um, pallet six seventy nine? Ah, 6 pieces, dock B.", {}),
        ("pallet five nine two, twenty units, dock e", "Pallet five, nine, two, two. Twenty units, dock E.", {}),
        ("pallet two eight four nine, three units, dock d", "Palatou 8 for 9, 3 units, dark D.", {}),
        ("pallet three eight eight, twelve units, dock e", "Pallet 38, 12 units, dock E.", {}),
        ("pallet four four two, twelve units, dock f", "Pallet 442, 12 units, dock foxtra.", {}),
        ("pallet eight one two zero five, nineteen boxes, dock h", "Aladate 1205, 19 boxes, dock each year.", {}),
        ("pallet eight two zero, twelve units, dock e", "Ballad A20, 12 units, dock E.", {}),  # "a" sounds like 8
        ("pallet seven four two, twelve units, dock b", "Palette seven hundred bananas and a half, duck.", {}),
        ("pallet seven four two", "742, 7, 4, 2, 742, 12, 15, 18, 19, 1, 2, 3", {}),
        ("", "Pallet 742, 12 units, dock B.", {}),
    ],
)
def test_a_witness_is_heard_on_the_words_in_question_alone(
    form: Form, catalogue: Catalogue, first: str, heard: str, otherwise: Otherwise
) -> None:
    assert find_contradictions(spoken(first), heard, form, catalogue) == otherwise
