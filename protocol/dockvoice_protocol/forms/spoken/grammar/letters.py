"""Letters as they are spoken: plain, by a spelling alphabet, or both ("b as in bravo", "m for mother")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dockvoice_protocol.forms.spoken.grammar.weights import HOMOPHONE
from dockvoice_protocol.forms.spoken.language import LETTERS, Alphabet

SHORTEST_EXPLANATION = 3
"""Letters that a word must have to explain another: "b as in b" or "b for by" explains nothing."""
AMBIGUOUS = "o"
"""A letter that is a zero as well: alone it is neither."""
LONGEST_CODE_WORD = 2


def letters(
    words: Sequence[str], at: int, alphabet: Alphabet, *, names: bool, times: Mapping[str, int] | None = None
) -> Iterator[tuple[int, str, float]]:
    """Every capital letter that the words at `at` may say: where it ends, the letter, and the cost.

    A word that should explain the letter and does not ("b as in golf") is left over, and so puts it in doubt. With
    `names`, letters written out ("bee") count too, at a price; with `times`, "double b".
    """
    if at >= len(words):
        return
    word = words[at]
    if times is not None and word in times:
        for end, letter, cost in letters(words, at + 1, alphabet, names=names):
            yield end, letter * times[word], cost
    if (code := _code_word(words, at, alphabet)) is not None:
        yield code[0], code[1], 0.0
    plain, cost = (word, 0.0) if word in LETTERS else (alphabet.names.get(word, ""), HOMOPHONE) if names else ("", 0.0)
    if not plain:
        return
    yield from ((end, plain.upper(), 0.0) for end in _explained(plain.upper(), words, at + 1, alphabet))
    if names or word != AMBIGUOUS:
        yield at + 1, plain.upper(), cost


def _explained(letter: str, words: Sequence[str], at: int, alphabet: Alphabet) -> Iterator[int]:
    """Where an explanation of the letter ends that begins at a word: "as in bravo"."""
    for join in alphabet.explained_by:
        begin = at + len(join)
        if tuple(words[at:begin]) == join and begin < len(words):
            explained = _explaining(words, begin, alphabet)
            if explained is not None and explained[1] == letter:
                yield explained[0]


def _code_word(words: Sequence[str], at: int, alphabet: Alphabet) -> tuple[int, str] | None:
    for size in range(LONGEST_CODE_WORD, 0, -1):
        if at + size <= len(words) and (letter := alphabet.code_words.get(tuple(words[at : at + size]))) is not None:
            return at + size, letter.upper()
    return None


def _explaining(words: Sequence[str], at: int, alphabet: Alphabet) -> tuple[int, str] | None:
    """The letter that an explaining word stands for: a code word's own, any other word's first."""
    if (code := _code_word(words, at, alphabet)) is not None:
        return code
    word = words[at]
    return (at + 1, word[0].upper()) if word.isalpha() and len(word) >= SHORTEST_EXPLANATION else None
