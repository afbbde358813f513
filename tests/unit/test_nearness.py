from __future__ import annotations

from pathlib import Path

import numpy as np

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import Word
from edge.records import SAMPLE_RATE
from edge.understand.nearness import Loudness, Wearer
from tests import shipped
from tests.rows import each_of

WORD_S = 0.3
NEEDED = frozenset(field.name for field in shipped.form().fields if field.required)


def said(text: str) -> tuple[tuple[Word, ...], Loudness]:
    """Each is `word-12`, so many dB below full scale, or `word` at full scale; a third is silent; `|`: a pause."""
    loudness, words = Loudness(), []
    for at, one in enumerate(text.split()):
        if one == "|":
            loudness.accept(bytes(2 * int(WORD_S * SAMPLE_RATE)))
            continue
        word, _, fainter = one.partition("-")
        sound = 32_767 * 10 ** (-float(fainter or 0) / 20) * np.sin(np.arange(int(WORD_S * SAMPLE_RATE)) / 5)
        sound[: len(sound) // 3] = 0
        loudness.accept(sound.astype("<i2").tobytes())
        words.append(Word(word, at * WORD_S, (at + 1) * WORD_S, 1.0))
    return tuple(words), loudness


@each_of(
    ("heard", "own"),
    [
        ("pallet seven four two", "pallet seven four two"),
        ("pallet-20 seven-22 four-21 two-23", "pallet seven four two"),
        ("pallet seven-3 four-2 dock-2 b-8 units-18 dock-19 e-17", "pallet seven four dock b"),
        ("dock-18 g-20 pallet seven-3 four-2 dock-2 b-8", "pallet seven four dock b"),
        ("pallet seven-3 four-2 nine-19 dock-2 b-8", "pallet seven four dock b"),
        ("pallet seven-3 nine-19 four-2 dock-2 b-8", "pallet seven [unk] four dock b"),
        ("pallet seven-3 four-2 dock-2 b-4 no-19 dock-20 c-19", "pallet seven four dock b [unk] [unk] [unk]"),
        ("pallet seven-3 four-2 one-16 eight-16.5 dock-2 b-8", "pallet seven four [unk] [unk] dock b"),
        ("pallet seven-3 four-2 eight-15.5 | dock-2 b-8", "pallet seven four eight dock b"),
        ("pallet seven-3 four-2 | eight-15.5 | dock-2 b-8", "pallet seven four [unk] dock b"),
        ("moving-5 to-14.5 pallet seven-3 four-2", "moving to pallet seven four"),
        ("pallet seven-3 four-2 dock-2 b-8 ninety-13.5 units-19 dock-13", "pallet seven four dock b ninety units dock"),
        ("pallet seven-3 four-2 dock-2 b-4 ninety-13.5 units-19 dock-13", "pallet seven four dock b"),
        ("pallet seven-3 four-2 dock-2 b-4 ninety-12 units-13", "pallet seven four dock b ninety units"),
        ("pallet seven-3 four-5 pieces-13 dock-10 b-16", "pallet seven four pieces dock b"),
        ("pallet seven-3 four-5 dock-2 echo-21", "pallet seven four dock echo"),
        ("pallet-20 seven-22 four-21 dock-22 b-20 pallet seven-3 two-2", "pallet seven two"),
        ("pallet seven-3 eight-17 four-2 dock-2 b-4 cases-16 ninety-18", "pallet seven four dock b"),
        ("one-18 pallet seven-3 eight-14 four-2 dock-2 b-4", "pallet seven four dock b"),
        ("one-24 pallet seven-3 eight-16 four-2 dock-2 b-4", "pallet seven [unk] four dock b"),
        ("one-18 pallet seven-3 eight-9 four-2 dock-2 b-4", "pallet seven eight four dock b"),
        ("one-18 pallet seven-3 eight-13.5 four-6 dock-2 b-4", "pallet seven eight four dock b"),
        ("one-18 pallet seven-3 sorry-19 nine-19 four-2 dock-2 b-4", "pallet seven [unk] [unk] four dock b"),
        ("pallet seven-3 six-17 four-2 dock-2 b-17", "pallet seven [unk] four dock b"),
        ("pallet seven-3 four-2 nine at-17 dock-6 charlie-8", "pallet seven four nine dock charlie"),
        ("", ""),
    ],
    ids=[
        "all alike",
        "all faint: nobody is nearer",
        "behind",
        "before",
        "within",
        "between figures, which would make another number without it",
        "a correction may be the wearer's own, muttered",
        "within, and not so far: a figure is doubted",
        "who pauses has faded before",
        "into a pause: a figure is doubted",
        "a small word is faint in any voice",
        "faded into the other voice: it is not told where it sets in",
        "another voice sets in faintly, and is told by how it goes on",
        "faint, and never far",
        "a voice that fades",
        "a voice that trails off in the last word",
        "a colleague who says more than the wearer",
        "into a pause by a voice that goes on behind",
        "into a pause by a voice that was there before",
        "louder than that voice: it is doubted",
        "not so faint",
        "as faint as a neighbour, nearly",
        "into a pause, a correction may be the wearer's own",
        "the last word alone may be the wearer's, who trails off: no other voice is known",
        "a voice that fades is no other voice",
        "nothing",
    ],
)
def test_words_are_the_wearers_by_how_loud_they_are(heard: str, own: str) -> None:
    words, loudness = said(heard)
    assert " ".join(word.text for word in Wearer(words, loudness).drop_or_mask_other_voices(words)) == own


WHOLE = "pallet seven four two twelve units dock-2 b-4"


@each_of(
    ("heard", "left"),
    [
        (f"{WHOLE} ninety-12 units-13 dock-9", "pallet seven four two twelve units dock b"),
        (f"one-13 {WHOLE}", "pallet seven four two twelve units dock b"),
        (f"dock-12 c-10 {WHOLE} five-11 three-14", "pallet seven four two twelve units dock b"),
        (f"{WHOLE} ninety-8 units-9", None),
        ("pallet seven four two twelve-2 units-4 dock-7 b-11", None),
        ("pallet seven four two twelve units ninety-12 units-13", None),
        ("dock b twelve units pallet seven four two-2 one-13", None),
        ("dock b pallet seven four two two hundred and-11 fifty-12 units-13", None),
        (f"{WHOLE} no-12 dock-13 c-12", None),
        (f"{WHOLE} dock-12 c-12 sorry-13", None),
        ("pallet seven four two twelve units dock e as-11 in-12 golf-12", None),
        (
            "pallet-6 seven four two oh-6 twelve units dock b boxes-13",
            "pallet seven four two [unk] twelve units dock b",
        ),
        ("pallet seven four-4 two-1 twelve units dock b-7 boxes-13", "pallet seven four two twelve units dock b"),
        (WHOLE, None),
        ("", None),
    ],
    ids=[
        "behind",
        "before",
        "on both sides",
        "not so faint",
        "a voice that fades",
        "what is left is no entry",
        "a last digit, muttered",
        "the rest of a number, muttered",
        "a correction",
        "a correction by its last word",
        "which letter was meant",
        "a figure inside that may be the other's is doubted",
        "one that is as loud as its neighbours, or the last, is not",
        "nobody else",
        "nothing",
    ],
)
def test_a_whole_entry_is_told_from_what_others_say_before_and_behind_it(heard: str, left: str | None) -> None:
    words, loudness = said(heard)
    wearer = Wearer(words, loudness)
    stretch = wearer.find_entry_between_other_voices(
        words, lambda some: read_fields(some, shipped.form(), shipped.catalogue()), NEEDED
    )
    assert (stretch and " ".join(word.text for word in wearer.cut_and_mask_faint_numbers(words, stretch))) == left


@each_of(
    ("heard", "cut"),
    [
        ("large mocha-2 with-12 milk-12", False),
        ("large mocha-2 with-12 coffee-12", True),
    ],
)
def test_what_completes_an_entry_is_not_cut_off(heard: str, cut: bool, repository: Path) -> None:
    choices = load_form(repository / "tests" / "data" / "forms" / "barista.schema.json")
    words, loudness = said(heard)
    stretch = Wearer(words, loudness).find_entry_between_other_voices(
        words, lambda some: read_fields(some, choices, Catalogue.from_rows({})), {"coffee_drink"}
    )
    assert (stretch is not None) is cut
