"""Letters as they are spoken in English: plain, by the NATO alphabet, or both ("b as in bravo").

The alphabet is that of ICAO Annex 10 and ITU radio regulations, with the spellings that transcripts carry besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

_CODE_WORDS = """
alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra
tango uniform victor whiskey x-ray yankee zulu
"""
NATO = {word[0]: word.replace("-", " ") for word in _CODE_WORDS.split()}
"""Letter to word; x has two, "x ray"."""

CODE_WORDS = {tuple(word.split()): letter for letter, word in NATO.items()} | {
    ("alfa",): "a",
    ("juliett",): "j",
    ("whisky",): "w",
    ("xray",): "x",
}
AS_IN = ("as", "in")
"""What joins a letter to the word that explains it."""
LETTERS = frozenset(ascii_lowercase)

WORDS = frozenset({*LETTERS, *(word for phrase in CODE_WORDS for word in phrase), *AS_IN})
"""Every word that can be part of a spoken letter."""


def letter_group(words: Sequence[str]) -> tuple[str, int] | None:
    """The capital letter at the beginning of `words` and how many words say it.

    None where there is no letter, or where the letter and the word that should explain it disagree ("b as in golf"):
    one of the two was misheard, and nothing tells which.
    """
    if (code := _code_word(words)) is not None:
        return code
    if not words or words[0] not in LETTERS:
        return None
    if tuple(words[1:3]) != AS_IN:
        return words[0].upper(), 1
    code = _code_word(words[3:])
    return (code[0], 3 + code[1]) if code and code[0] == words[0].upper() else None


def _code_word(words: Sequence[str]) -> tuple[str, int] | None:
    for size in (2, 1):
        if (letter := CODE_WORDS.get(tuple(words[:size]))) is not None:
            return letter.upper(), size
    return None


def letter(words: Sequence[str]) -> str | None:
    """The one letter that the words say as a whole, however often; None where they say none, or several."""
    said: set[str] = set()
    at = 0
    while at < len(words):
        group = letter_group(words[at:])
        if group is None:
            return None
        said.add(group[0])
        at += group[1]
    return said.pop() if len(said) == 1 else None
