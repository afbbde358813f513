"""Respellings: known words that sound like a word that the recogniser does not know ("swinger" for "zwinger").

The recogniser's weights have a closed vocabulary, to which nothing can be added while it runs. A name that it lacks is
given by words that it has: as one more way to say the value. Sounds are phonemes of ARPAbet, in which pocketsphinx's
package has the pronunciations of 126,000 English words (CMU's dictionary).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from dockvoice_protocol.errors import Misconfigured, Unavailable

_Phonemes = tuple[str, ...]

_VOWEL_SOUNDS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
_CONSONANT_SOUNDS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
_VOWELS = frozenset(_VOWEL_SOUNDS.split())
PHONEMES = (*_VOWEL_SOUNDS.split(), *_CONSONANT_SOUNDS.split())  # ARPAbet, without stress: S W IH NG ER is "swinger".

_CONFUSED = "B P, D T, G K, V F, Z S, ZH SH, JH CH, DH TH, DH D, TH T, TH S, V W, M N, N NG, L R"
_ALIKE = {frozenset(pair.split()) for pair in _CONFUSED.split(", ")}
"""Consonants that differ in voice or place alone, as foreign words are often said."""
_DROPPED = ("HH", "AH")  # Sounds that fall silent in quick speech.

_NEAR, _VOWEL, _JOIN = 0.5, 1.0, 0.3
"""Costs of a sound for a similar one or none, of a vowel for another, and of each further word."""
_DIFFERS = 2  # Sounds of one word that may differ: with more it is another word.
_MOST_WORDS = 3
_CLOSEST = 12  # Words of one piece that are tried: three pieces make 1,700 phrases of them.
_LONGEST = 18  # Phonemes of a word that is looked up: longer ones have names that are said in parts.


@dataclass(frozen=True, slots=True)
class Respelling:
    """Known words that sound like a word."""

    words: str = field(repr=False)
    cost: float  # 0: the same sounds in one word.


def parse_phonemes(word: str, text: str) -> _Phonemes:
    """Parse phonemes of ARPAbet, with or without stress. Raises Misconfigured naming those that are none."""
    found = tuple(re.sub(r"[012]$", "", one) for one in text.upper().split())
    if wrong := [one for one in found if one not in PHONEMES]:
        raise Misconfigured(
            f"{word!r}: found {', '.join(map(repr, wrong))} in {text!r}; allowed are the phonemes of ARPAbet with "
            f"blanks between them: {' '.join(PHONEMES)}"
        )
    if not 0 < len(found) <= _LONGEST:
        raise Misconfigured(f"{word!r}: found {len(found)} phonemes in {text!r}; allowed are 1 to {_LONGEST}")
    return found


def known_pronunciations(word: str) -> tuple[_Phonemes, ...]:
    """The pronunciations of words that the dictionary has; none where it lacks one of them. Raises Unavailable."""
    every = [_dictionary().get(one, ()) for one in word.split()]
    joined: tuple[_Phonemes, ...] = ((),)
    for ways in every:
        joined = tuple((*before, *way) for before in joined for way in ways)
    return joined


def find_respellings(sounds: _Phonemes, usable: Callable[[str], bool]) -> list[Respelling]:
    """The respellings of these sounds, the closest first, by words that are `usable`. Raises Unavailable."""
    pieces = {
        (begin, end): _words_like(sounds[begin:end], usable)
        for begin in range(len(sounds))
        for end in range(begin + 1, len(sounds) + 1)
    }
    best: dict[str, float] = {}
    for cuts in _cuts(len(sounds)):
        ways = [("", -_JOIN)]
        for piece in pairwise(cuts):
            ways = [
                (f"{said} {word}".strip(), cost + more + _JOIN)
                for said, cost in ways
                for word, more in pieces[piece].items()
            ]
        for said, cost in ways:
            best[said] = min(cost, best.get(said, cost))
    ordered = sorted(best.items(), key=lambda one: (one[1], len(one[0]), one[0]))
    return [Respelling(said, round(cost, 1)) for said, cost in ordered]


def _cuts(length: int) -> Iterator[tuple[int, ...]]:
    """The ends of each division into at most so many words, from 0 on; a piece has at least two sounds."""

    def further(done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(done) <= _MOST_WORDS:
            for end in range(done[-1] + min(2, length), length + 1):
                yield from ((*done, end),) if end == length else further((*done, end))

    return further((0,))


def _words_like(sounds: _Phonemes, usable: Callable[[str], bool]) -> Mapping[str, float]:
    """The closest usable words with these sounds or similar ones, with what the difference costs."""
    found: dict[str, float] = {}
    for said, cost in _variants(sounds).items():
        for word in filter(usable, _by_sound().get(said, ())):
            found[word] = min(cost, found.get(word, cost))
    return dict(sorted(found.items(), key=lambda one: (one[1], one[0]))[:_CLOSEST])


@lru_cache(maxsize=4096)
def _variants(sounds: _Phonemes) -> Mapping[_Phonemes, float]:
    found, last = {sounds: 0.0}, {sounds: 0.0}  # with fewer changes first: more of them never cost less
    for _ in range(_DIFFERS):
        last = {other: cost + more for one, cost in last.items() for other, more in _changed_once(one)}
        found = {**last, **found}
    return found


def _changed_once(sounds: _Phonemes) -> Iterator[tuple[_Phonemes, float]]:
    for at, sound in enumerate(sounds):
        before, after = sounds[:at], sounds[at + 1 :]
        yield from (((*before, other, *after), cost) for other, cost in _SIMILAR[sound].items())
        if sound in _DROPPED:
            yield (*before, *after), _NEAR
        yield from (((*before, dropped, *sounds[at:]), _NEAR) for dropped in _DROPPED)


_SIMILAR: Mapping[str, Mapping[str, float]] = {
    sound: {
        other: _VOWEL if sound in _VOWELS else _NEAR
        for other in PHONEMES
        if other != sound and ({sound, other} <= _VOWELS or frozenset((sound, other)) in _ALIKE)
    }
    for sound in PHONEMES
}


@lru_cache(maxsize=1)
def _dictionary() -> Mapping[str, Sequence[_Phonemes]]:
    """The pronunciations of each word. Raises Unavailable."""
    try:
        text = files("pocketsphinx").joinpath("model/en-us/cmudict-en-us.dict").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        raise Unavailable(
            "pocketsphinx, whose dictionary has the sounds of words, is not installed (no wheel for Python 3.14); "
            "choose a respelling by ear: `dockvoice forms respell WORD --as WORDS` tells whether it will do"
        ) from None
    found: dict[str, list[_Phonemes]] = defaultdict(list)
    for line in text.splitlines():
        word, *sounds = line.split()
        found[re.sub(r"\(\d+\)$", "", word)].append(tuple(sounds))
    return dict(found)


@lru_cache(maxsize=1)
def _by_sound() -> Mapping[_Phonemes, Sequence[str]]:
    found: dict[_Phonemes, list[str]] = defaultdict(list)
    for word, ways in _dictionary().items():
        if word.isalpha():
            for way in ways:
                found[way].append(word)
    return dict(found)
