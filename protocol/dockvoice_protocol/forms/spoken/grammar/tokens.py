"""Splits an utterance into folded tokens with the pauses between them, and parses letters.

A letter is spoken plain, by a spelling alphabet, or both ("b as in bravo", "m for mother").
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, chain, zip_longest
from statistics import median

from dockvoice_protocol.forms.spoken.folding import Phrase, fold
from dockvoice_protocol.forms.spoken.grammar.costs import BRIEF_S, DRAWN_OUT, HOMOPHONE, PAUSE_S, SHORT
from dockvoice_protocol.forms.spoken.language import LETTERS, Alphabet, Language
from dockvoice_protocol.records import Word

_WHOLE = re.compile("[\\[<].*[\\]>]|[-.,\N{MINUS SIGN}\N{EN DASH}][0-9].*")
"""Words that are not split: recognisers' marks for unknown sound (`[unk]`), and negative numbers."""
_QUESTION_MARK = "?"
_MARKS = ".,;:!?¿¡…\"'«»„“” "  # Punctuation around a word, which is removed.
_CACHE_SIZE = 4096  # Cache size: more words than the vocabulary of any form.
_SHORTEST_PAUSE_S = PAUSE_S[-1][0]
_INITIALS = 2  # Letters before the digits of a lot.
_VOWELS = frozenset("aeiouyäöü")
_FEWEST_MEASURED = 3  # Least number of other number words with whose lengths one is compared.
_UNUSUAL = 1.0  # Least cost in nats of a number that is not said as one word.


@dataclass(slots=True, unsafe_hash=True)
class Token:
    """One folded word, or one part of a compound number. Equality covers what the grammar uses.

    Nothing changes one. That is not enforced: making a frozen one takes several times as long, and each word needs one.
    """

    text: str = dataclasses.field(repr=False)
    surface: str = dataclasses.field(repr=False)
    """The surface form: lower case, without punctuation. Its accents tell "cargué" from the order "cargue"."""
    start: float = dataclasses.field(compare=False)  # Seconds; the parts of one word share its times.
    end: float = dataclasses.field(compare=False)
    confidence: float = dataclasses.field(compare=False)
    brief: bool  # Its known duration is that of a preposition, at most `BRIEF_S`.
    pause: int = 0  # The length of the pause before it: 0, or one of `costs.SLIGHT` to `STOP`.
    inner: bool = False  # A later part of one word: no phrase begins here or ends before it.
    dash: bool = False  # A dash precedes it in the text, which stands for a pause, or for "to".
    asks: bool = False  # The last word before a question mark.
    hesitated: str = ""  # The hesitation before it.
    final: bool = False  # A number word that is lengthened like the last word of a phrase.

    @property
    def pause_inside(self) -> int:
        """The pause before it, inside a value: at most SHORT behind a hesitation."""
        return min(self.pause, SHORT) if self.hesitated else self.pause


def ends_word(tokens: Sequence[Token], end: int) -> bool:
    """Whether a whole word, not just a part of a compound, ends before the token `end`."""
    return end == len(tokens) or not tokens[end].inner


def tokenize(words: Sequence[Word], language: Language) -> tuple[Token, ...]:
    """The tokens of words, without hesitations, with compounds split."""
    found: list[Token] = []
    end: float | None = None
    hesitated, dash = "", False
    waited = 0
    for word, behind in zip_longest(words, words[1:]):
        said = word.text.strip().lower()
        if said == "-":
            dash = True
            continue
        pause = waited = max(waited, 0 if end is None else _pause_length(word.start - end))
        end = word.end
        pieces = _hyphenated_parts(said, language)
        hesitates = bool(pieces) and all(folded in language.hesitations for _, folded in pieces)
        if hesitates and not (
            behind is not None and _are_initials(said) and behind.text[:1].isdigit() and behind.start <= end
        ):
            hesitated = pieces[-1][1]
        elif pieces:
            # A silence before the hesitation separates words as one behind it does: "742, uh twelve".
            pause = max(pause, SHORT) if hesitated else pause
            found += _tokens_of_word(word, pieces, language, pause, dash=dash, hesitated=hesitated)
            hesitated, dash = "", False
            waited = 0
        if said.endswith(_QUESTION_MARK) and found:
            found[-1] = replace(found[-1], asks=True)
    return _mark_lengthened_words(found, language)


def token_texts(words: Sequence[Word], language: Language) -> Phrase:
    """The texts of the tokens alone: each word's folding is independent of the others."""
    return tuple(text for word in words for text in _texts_of_word(word.text, language))


def plain_texts(words: Sequence[Word], language: Language) -> tuple[Phrase, list[int]]:
    """The texts without elisions, and the index where each word begins, then the end.

    So a part of an utterance is compared as a slice, without tokenising it again.
    """
    said = [language.unelided(_texts_of_word(word.text, language)) for word in words]
    return tuple(chain.from_iterable(said)), [0, *accumulate(map(len, said))]


@lru_cache(maxsize=_CACHE_SIZE)
def _texts_of_word(said: str, language: Language) -> Phrase:
    return tuple(token.text for token in tokenize((Word(said, 0.0, 0.0, 1.0),), language))


def _mark_lengthened_words(found: Sequence[Token], language: Language) -> tuple[Token, ...]:
    """The tokens, with `final` on number words that are much longer than the others.

    Speakers lengthen the last word of a phrase, and recognisers report no silence there: "pallet one nine FOUR eighty
    six cases". (Turk and Shattuck-Hufnagel, "Multiple targets of phrase-final lengthening", 2007.)
    """
    lengths = {at: one.end - one.start for at, one in enumerate(found) if language.numerals.is_part(one.text)}
    if len(lengths) <= _FEWEST_MEASURED:
        return tuple(found)
    usual = median(lengths.values())
    longer = DRAWN_OUT * usual
    return tuple(replace(one, final=True) if lengths.get(at, 0.0) > longer else one for at, one in enumerate(found))


def _tokens_of_word(
    word: Word, pieces: Sequence[tuple[str, str]], language: Language, pause: int, *, dash: bool, hesitated: str
) -> Iterator[Token]:
    """The tokens of one word; pause, dash and hesitation before the word belong to the first token alone."""
    brief = 0 < word.end - word.start <= BRIEF_S
    for piece, folded in pieces:
        for part, text in enumerate(language.numerals.morphemes(folded)):
            inner = part > 0
            yield Token(
                text, piece, word.start, word.end, word.confidence, brief, pause, inner, dash, hesitated=hesitated
            )
            pause, dash, hesitated = 0, False, ""


def may_be_letters(hesitation: str) -> bool:
    """Whether a hesitation may be two letters or the name of one: "eh", "em"; an "ehm" or an "äh" is none."""
    return len(hesitation) == _INITIALS and hesitation.isascii()


def _are_initials(word: str) -> bool:
    """Whether a hesitation may be the letters of a code: "lot mh 8443"."""
    return len(word) == _INITIALS and word.isalpha() and _VOWELS.isdisjoint(word)


def _pause_length(seconds: float) -> int:
    if seconds < _SHORTEST_PAUSE_S:  # As between most words.
        return 0
    return next(length for least, length in PAUSE_S if seconds >= least)


@lru_cache(maxsize=_CACHE_SIZE)
def _hyphenated_parts(text: str, language: Language) -> Sequence[tuple[str, str]]:
    """The hyphenated parts of a word, each without punctuation around it, and its folded text."""
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").rstrip(_MARKS)
    for clitic, meant in language.clitics.items():
        if plain.endswith(clitic) and (figures := plain.removesuffix(clitic))[-1:].isdigit():
            return [*_hyphenated_parts(figures, language), (clitic, meant)]
    joined = text.replace("\N{NON-BREAKING HYPHEN}", "-")
    whole = _WHOLE.fullmatch(text) or is_compound(joined.strip(".,;:!?"), language)
    bare = (
        piece if _WHOLE.fullmatch(piece) else piece.strip(_MARKS)
        for piece in ([joined] if whole else joined.split("-"))
    )
    return [(piece, fold(piece)) for piece in bare if piece]


def is_compound(text: str, language: Language) -> bool:
    """Whether a hyphenated word is one number: "quatre-vingt-dix", but not "seven-four-two"."""
    if "-" not in text:
        return False
    parts = language.numerals.morphemes(fold(text))
    usual = (count for count in language.numerals.counts(parts, 0) if count.cost < _UNUSUAL)
    return len(parts) > 1 and any(count.end == len(parts) for count in usual)


_SHORTEST_EXPLANATION = 3  # Least length of a word that explains a letter: "b as in b" and "b for by" explain nothing.
AMBIGUOUS = "o"  # A letter that may be a zero: alone it is neither.
_LONGEST_CODE_WORD = 2


def letters_at(
    words: Sequence[str], at: int, alphabet: Alphabet, *, names: bool, times: Mapping[str, int] | None = None
) -> Iterator[tuple[int, str, float]]:
    """Every capital letter that may begin at `at`: end, letter, cost.

    A word that fails to explain the letter ("b as in golf") remains unexplained, and so puts it in doubt. With `names`,
    letters written as words ("bee") are valid, at a cost; with `times`, "double b".
    """
    if at >= len(words):
        return
    word = words[at]
    if word not in alphabet.beginnings and (times is None or word not in times):
        return
    if times is not None and word in times:
        for end, letter, cost in letters_at(words, at + 1, alphabet, names=names):
            yield end, letter * times[word], cost
    if (code := _listed_letter(words, at, alphabet.code_words)) is not None:
        yield *code, 0.0
    named = named_letter(words, at, alphabet) if names else None
    if word not in LETTERS and named is None:
        return
    end, plain = (at + 1, word.upper()) if named is None or (word in LETTERS and named[0] == at + 1) else named
    yield from ((stop, plain, 0.0) for stop in _explanation_ends(plain, words, end, alphabet))
    if names or word != AMBIGUOUS:
        yield end, plain, 0.0 if word in LETTERS or end > at + 1 else HOMOPHONE


def named_letter(words: Sequence[str], at: int, alphabet: Alphabet) -> tuple[int, str] | None:
    """The end and the letter of the name of a letter at a word: "bee", "double you"; None for no name."""
    return _listed_letter(words, at, alphabet.names)


def _explanation_ends(letter: str, words: Sequence[str], at: int, alphabet: Alphabet) -> Iterator[int]:
    """The ends of explanations of the letter that begin at a word: "as in bravo"."""
    for join in alphabet.explained_by:
        begin = at + len(join)
        if tuple(words[at:begin]) == join and begin < len(words):
            explained = _explaining_word(words, begin, alphabet)
            if explained is not None and explained[1] == letter:
                yield explained[0]


def _listed_letter(words: Sequence[str], at: int, listed: Mapping[Phrase, str]) -> tuple[int, str] | None:
    for end in range(at + _LONGEST_CODE_WORD, at, -1):
        if (letter := listed.get(tuple(words[at:end]))) is not None:
            return min(end, len(words)), letter.upper()
    return None


def _explaining_word(words: Sequence[str], at: int, alphabet: Alphabet) -> tuple[int, str] | None:
    """The end and the letter of an explaining word: a code word's letter, any other word's first."""
    if (code := _listed_letter(words, at, alphabet.code_words)) is not None:
        return code
    word = words[at]
    return (at + 1, word[0].upper()) if word.isalpha() and len(word) >= _SHORTEST_EXPLANATION else None
