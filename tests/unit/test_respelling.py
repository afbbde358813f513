"""Known words that sound like one that the recogniser does not know."""

from __future__ import annotations

import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.understand.local.respelling import find_respellings, known_pronunciations, parse_phonemes
from tests.rows import each_of


@each_of(
    ("sounds", "best", "cost"),
    [
        ("S W IH1 NG ER0", "swinger", 0.0),  # stress is passed over
        ("Z W IH NG ER", "swinger", 0.5),
        ("D AA K S ER", "doc sir", 0.3),
        ("K Y UW N AH", "kuna", 0.0),
        ("Y UH R OW P AE L AH T", "euro palate", 0.3),
    ],
)
def test_the_closest_words_come_first(sounds: str, best: str, cost: float) -> None:
    first = find_respellings(parse_phonemes("name", sounds), lambda _: True)[0]
    assert (first.words, first.cost) == (best, cost)


def test_only_words_that_may_be_used_are_proposed() -> None:
    found = find_respellings(parse_phonemes("dachser", "D AA K S ER"), lambda word: word not in {"doc", "dock"})
    assert found[0].words == "tock sir"
    assert not any({"doc", "dock"} & set(one.words.split()) for one in found)


def test_the_dictionary_has_the_sounds_of_several_words_and_none_of_a_name() -> None:
    assert ("K", "OW", "L", "D", "G", "EY", "T") in known_pronunciations("cold gate")
    assert known_pronunciations("cold zwinger") == ()


@each_of(
    ("sounds", "told"), [("Z W Q", "found 'Q' in 'Z W Q'; allowed"), ("", "found 0 phonemes"), ("Z " * 19, "1 to 18")]
)
def test_what_is_no_pronunciation_is_refused_with_the_word(sounds: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=f"'zwinger': .*{told}"):
        parse_phonemes("zwinger", sounds)
