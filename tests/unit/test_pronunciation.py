from __future__ import annotations

import string

from dockvoice_protocol.forms.spoken.language import ENGLISH
from edge.understand.local.pronunciation import PHONEMES, pronounce
from tests.rows import each_of


@each_of(
    ("word", "said"),
    [
        ("seven", "S EH V AH N"),
        ("pallet", "P AE L AH T"),
        ("crates", "K R EY T S"),  # by rules from here on
        ("shelf", "SH EH L F"),
        ("Bosch", "B AA S K"),
    ],
)
def test_words_have_phonemes(word: str, said: str) -> None:
    assert tuple(said.split()) in pronounce(word)


def test_one_and_zero_are_also_as_the_model_writes_them() -> None:
    assert len(pronounce("one")) == 2
    assert len(pronounce("zero")) == 4


def test_what_has_no_letter_has_no_phonemes() -> None:
    assert pronounce("[]") == pronounce("42") == ()


def test_every_letter_and_remark_has_phonemes_of_the_list() -> None:
    words = {word for phrase in ENGLISH.remarks() for word in phrase.split()} | set(string.ascii_lowercase)
    assert all(pronounce(word) for word in words)
    assert {one for word in words for way in pronounce(word) for one in way} <= set(PHONEMES)
