"""Letters as they are spoken: plain, by a spelling alphabet, or both ("b as in bravo", "m for mother").

The alphabet of every language is that of ICAO Annex 10 and ITU radio regulations, with the spellings that transcripts
carry besides; languages add their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.forms.spoken.language import LETTERS, Alphabet, Phrase

_CODE_WORDS = """
alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra
tango uniform victor whiskey x-ray yankee zulu
"""
NATO = {word[0]: word.replace("-", " ") for word in _CODE_WORDS.split()}
"""Letter to word; x has two, "x ray"."""

CODE_WORDS: dict[Phrase, str] = {tuple(word.split()): letter for letter, word in NATO.items()} | {
    ("alfa",): "a",
    ("juliett",): "j",
    ("whisky",): "w",
    ("xray",): "x",
}
AS_IN: tuple[Phrase, ...] = (("as", "in"), ("for",), ("like",))
"""What joins a letter to the word that explains it in English."""

ENGLISH_ALPHABET = Alphabet(CODE_WORDS, AS_IN)

SHORTEST_EXPLANATION = 3
"""Letters that a word must have to explain another: "b as in b" or "b for by" explains nothing."""

WORDS = frozenset({*LETTERS, *(word for phrase in CODE_WORDS for word in phrase), *AS_IN[0]})
"""Every word that can be part of a spoken letter in what a recogniser is told to expect."""


def letter_group(words: Sequence[str], alphabet: Alphabet = ENGLISH_ALPHABET) -> tuple[str, int] | None:
    """The capital letter at the beginning of `words` and how many words say it.

    None where there is no letter, or where the letter and the word that should explain it disagree ("b as in golf"):
    one of the two was misheard, and nothing tells which.
    """
    if (code := _code_word(words, alphabet)) is not None:
        return code
    if not words or words[0] not in LETTERS:
        return None
    plain = words[0].upper()
    for join in alphabet.explained_by:
        if tuple(words[1 : 1 + len(join)]) == join:
            explained = _explaining(words[1 + len(join) :], alphabet)
            return (plain, 1 + len(join) + explained[1]) if explained and explained[0] == plain else None
    return plain, 1


def _code_word(words: Sequence[str], alphabet: Alphabet) -> tuple[str, int] | None:
    for size in (2, 1):
        if (letter := alphabet.code_words.get(tuple(words[:size]))) is not None:
            return letter.upper(), size
    return None


def _explaining(words: Sequence[str], alphabet: Alphabet) -> tuple[str, int] | None:
    """The letter that an explaining word stands for: a code word's own, any other word's first."""
    if (code := _code_word(words, alphabet)) is not None:
        return code
    word = words[0] if words else ""
    return (word[0].upper(), 1) if word.isalpha() and len(word) >= SHORTEST_EXPLANATION else None


def letter(words: Sequence[str], alphabet: Alphabet = ENGLISH_ALPHABET) -> str | None:
    """The one letter that the words say as a whole, however often; None where they say none, or several."""
    said: set[str] = set()
    at = 0
    while at < len(words):
        group = letter_group(words[at:], alphabet)
        if group is None:
            return None
        said.add(group[0])
        at += group[1]
    return said.pop() if len(said) == 1 else None
