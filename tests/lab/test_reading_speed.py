from __future__ import annotations

from random import Random

from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.forms.spoken.reader import make_timed_words
from lab.bench.reading import Said, format_quantile, make_alternatives
from tests.reading.scribe import rules


def test_forty_alternatives_of_a_sentence_differ_in_their_words() -> None:
    under = rules("pallet-move", "en")
    said = "okay pallet 742, I have got twelve full units here, and they are going to dock B"
    words = make_timed_words(said, under.form, under.catalogue, ENGLISH)
    found = make_alternatives(Said(words, under.form, ENGLISH), Random(0))
    assert len({tuple(word.text for word in one.words) for one in found}) == len(found) == 40


def test_a_quantile_stands_between_its_ranks() -> None:
    assert format_quantile([float(one) for one in range(1, 101)], 0.5) == "50.0 (41.0-60.0)"
