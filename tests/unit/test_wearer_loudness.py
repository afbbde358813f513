from __future__ import annotations

from pathlib import Path

import numpy as np

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import Word
from edge.records import SAMPLE_RATE
from edge.understand.wearer_loudness import Loudness, WearerLoudness
from tests import shipped
from tests.rows import each_of, rows_of

WORD_S = 0.3
NEEDED = shipped.form().required_fields


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


@each_of(("heard", "own"), rows_of("wearer_loudness", "loudness"))
def test_words_are_the_wearers_by_how_loud_they_are(heard: str, own: str) -> None:
    words, loudness = said(heard)
    assert " ".join(word.text for word in WearerLoudness(words, loudness).drop_or_mask_other_voices(words)) == own


WHOLE = "pallet seven four two twelve units dock-2 b-4"


@each_of(("heard", "left"), rows_of("wearer_loudness", "beside"))
def test_a_whole_entry_is_told_from_what_others_say_before_and_behind_it(heard: str, left: str | None) -> None:
    words, loudness = said(heard)
    wearer = WearerLoudness(words, loudness)
    stretch = wearer.find_entry_between_other_voices(
        words, lambda some: read_fields(some, shipped.form(), shipped.catalogue()), NEEDED
    )
    assert (stretch and " ".join(word.text for word in wearer.cut_and_mask_faint_numbers(words, stretch))) == left


@each_of(("heard", "cut"), [("large mocha-2 with-12 milk-12", False), ("large mocha-2 with-12 coffee-12", True)])
def test_what_completes_an_entry_is_not_cut_off(heard: str, cut: bool, repository: Path) -> None:
    choices = load_form(repository / "tests" / "data" / "forms" / "barista.schema.json")
    words, loudness = said(heard)
    stretch = WearerLoudness(words, loudness).find_entry_between_other_voices(
        words, lambda some: read_fields(some, choices, Catalogue.from_rows({})), {"coffee_drink"}
    )
    assert (stretch is not None) is cut
