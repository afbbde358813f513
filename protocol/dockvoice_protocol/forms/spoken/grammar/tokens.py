"""Tokens: the words of an utterance as the grammar compares them, with the pauses between; and letters in them.

A letter is spoken plain, by a spelling alphabet, or both ("b as in bravo", "m for mother").
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, chain
from statistics import median

from dockvoice_protocol.forms.spoken.folding import Phrase, fold
from dockvoice_protocol.forms.spoken.grammar.weights import BRIEF_S, DRAWN_OUT, HOMOPHONE, PAUSE_S, SHORT
from dockvoice_protocol.forms.spoken.language import LETTERS, Alphabet, Language
from dockvoice_protocol.records import Word

_WHOLE = re.compile("[\\[<].*[\\]>]|[-.,\N{MINUS SIGN}\N{EN DASH}][0-9].*")
"""Not to be taken apart: how recognisers write what they could not make out (`[unk]`), and negative numbers."""
_QUESTION_MARK = "?"
_MARKS = ".,;:!?¿¡…\"'«»„“” "
"""Punctuation around a word that says nothing of it."""
_REMEMBERED = 4096
"""Words whose parts are kept: more than the vocabulary of any form."""
_FEWEST_MEASURED = 3
"""Words of numbers beside the one that is measured by them."""
_UNUSUAL = 1.0
"""Nats from which a number is not said as one word."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word, or one part of a compound number, folded. Equal where the grammar sees no difference."""

    text: str = dataclasses.field(repr=False)
    heard: str = dataclasses.field(repr=False, compare=False)
    """As it goes on record: small letters, no punctuation."""
    start: float = dataclasses.field(compare=False)  # Seconds; the parts of one word share its times.
    end: float = dataclasses.field(compare=False)
    confidence: float = dataclasses.field(compare=False)
    brief: bool
    """Known to have been as short as a preposition is."""
    pause: int = 0
    """The length of the pause before it: 0, or one of `weights.SLIGHT` to `STOP`."""
    inner: bool = False
    """A later part of one word: no phrase begins here or ends before it."""
    dash: bool = False
    """Written with a dash before it, which stands for a pause, or for "to"."""
    asks: bool = False
    """The last word before a question mark."""
    hesitated: bool = False
    """A hesitation stands before it."""
    final: bool = False
    """A word of a number, drawn out as the last one of a phrase is."""

    @property
    def pause_inside(self) -> int:
        """The pause before it, inside a value: a hesitation shortens it."""
        return min(self.pause, SHORT) if self.hesitated else self.pause


def ends_word(tokens: Sequence[Token], end: int) -> bool:
    """Does a word end before the token `end`, and not just a part of a compound?"""
    return end == len(tokens) or not tokens[end].inner


def tokens(words: Sequence[Word], language: Language) -> tuple[Token, ...]:
    """The words without hesitations, compounds taken apart."""
    found: list[Token] = []
    end: float | None = None
    hesitated = dash = False
    waited = 0
    for word in words:
        said = word.text.strip().lower()
        if said == "-":
            dash = True
            continue
        pause = waited = max(waited, 0 if end is None else _pause(word.start - end))
        end = word.end
        pieces = _pieces(said, language)
        hesitates = bool(pieces) and all(folded in language.hesitations for _, folded in pieces)
        if hesitates:
            hesitated = True
        elif pieces:
            # A silence before the hesitation parts what is said as one behind it does: "742, uh twelve".
            pause = max(pause, SHORT) if hesitated else pause
            found += _parts(word, pieces, language, pause, dash=dash, hesitated=hesitated)
            hesitated = dash = False
            waited = 0
        if said.endswith(_QUESTION_MARK) and found:
            found[-1] = replace(found[-1], asks=True)
    return _with_finals(found, language)


def texts(words: Sequence[Word], language: Language) -> Phrase:
    """The words of the tokens alone: no word of an utterance changes what another one is compared as."""
    return tuple(text for word in words for text in _texts(word.text, language))


def plain_texts(words: Sequence[Word], language: Language) -> tuple[Phrase, list[int]]:
    """The same without elisions, and where each word begins among them; the last number is where they end.

    So any part of an utterance is a part of the whole, and is compared without being read anew.
    """
    said = [language.unelided(_texts(word.text, language)) for word in words]
    return tuple(chain.from_iterable(said)), [0, *accumulate(map(len, said))]


@lru_cache(maxsize=_REMEMBERED)
def _texts(said: str, language: Language) -> Phrase:
    return tuple(token.text for token in tokens((Word(said, 0.0, 0.0, 1.0),), language))


def _with_finals(found: Sequence[Token], language: Language) -> tuple[Token, ...]:
    """The tokens, those marked that are much longer than the other words of numbers.

    Speakers lengthen the last word of a phrase, and recognisers report no silence there: "pallet one nine FOUR eighty
    six cases". (Turk and Shattuck-Hufnagel, "Multiple targets of phrase-final lengthening", 2007.)
    """
    lengths = {at: one.end - one.start for at, one in enumerate(found) if language.numerals.is_part(one.text)}
    if len(lengths) <= _FEWEST_MEASURED:
        return tuple(found)
    usual = median(lengths.values())
    longer = DRAWN_OUT * usual
    return tuple(replace(one, final=True) if lengths.get(at, 0.0) > longer else one for at, one in enumerate(found))


def _parts(
    word: Word, pieces: Sequence[tuple[str, str]], language: Language, pause: int, *, dash: bool, hesitated: bool
) -> Iterator[Token]:
    """The tokens of one word; what stands before the word stands before the first of them alone."""
    brief = 0 < word.end - word.start <= BRIEF_S
    for piece, folded in pieces:
        for part, text in enumerate(language.numerals.morphemes(folded)):
            inner = part > 0
            yield Token(
                text, piece, word.start, word.end, word.confidence, brief, pause, inner, dash, hesitated=hesitated
            )
            pause, dash, hesitated = 0, False, False


def _pause(seconds: float) -> int:
    return next((length for least, length in PAUSE_S if seconds >= least), 0)


@lru_cache(maxsize=_REMEMBERED)
def _pieces(text: str, language: Language) -> Sequence[tuple[str, str]]:
    """The parts of a word that were written with hyphens, each without the punctuation around it, and folded."""
    joined = text.replace("\N{NON-BREAKING HYPHEN}", "-")
    whole = _WHOLE.fullmatch(text) or is_compound(joined.strip(".,;:!?"), language)
    bare = (
        piece if _WHOLE.fullmatch(piece) else piece.strip(_MARKS)
        for piece in ([joined] if whole else joined.split("-"))
    )
    return [(piece, fold(piece)) for piece in bare if piece]


def is_compound(text: str, language: Language) -> bool:
    """Is it a number that is one word with its hyphens: "quatre-vingt-dix"? "seven-four-two" is three."""
    if "-" not in text:
        return False
    parts = language.numerals.morphemes(fold(text))
    usual = (count for count in language.numerals.counts(parts, 0) if count.cost < _UNUSUAL)
    return len(parts) > 1 and any(count.end == len(parts) for count in usual)


_SHORTEST_EXPLANATION = 3
"""Letters that a word must have to explain another: "b as in b" or "b for by" explains nothing."""
AMBIGUOUS = "o"
"""A letter that is a zero as well: alone it is neither."""
_LONGEST_CODE_WORD = 2


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
    for size in range(_LONGEST_CODE_WORD, 0, -1):
        if at + size <= len(words) and (letter := alphabet.code_words.get(tuple(words[at : at + size]))) is not None:
            return at + size, letter.upper()
    return None


def _explaining(words: Sequence[str], at: int, alphabet: Alphabet) -> tuple[int, str] | None:
    """The letter that an explaining word stands for: a code word's own, any other word's first."""
    if (code := _code_word(words, at, alphabet)) is not None:
        return code
    word = words[at]
    return (at + 1, word[0].upper()) if word.isalpha() and len(word) >= _SHORTEST_EXPLANATION else None
