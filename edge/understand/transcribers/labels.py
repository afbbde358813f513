"""Labels and units of a form, recognised in a transcript although they are misspelt.

A model that writes free text does not know the form's words: a small one writes "Hallet", "Ballad" or "Palette 742" for
"pallet 742". Labels only say where a value goes, so that they may be guessed by their sound. Values never are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from edge.forms.form import Form

TELLING = 3
"""So many consonants in a label tell it from most words. "Dock" has two, and so do "duck", "take" and "dog"."""

ALIKE = 0.5
"""How alike in spelling a word must be to a telling label that it sounds like (`SequenceMatcher.ratio`): "ballad" is to
"pallet", "count" is not to "quantity"."""
ALIKE_BUT_FIRST = 0.65
"""… that it sounds like but for the first consonant, which is lost most easily: "hallet" and "allied"."""
ALIKE_SHORT = 0.7
"""… or to one that is not telling: "doc" and "duck" are to "dock", "take" and "dog" are not."""

_CLASSES = str.maketrans(
    {
        **dict.fromkeys("bp", "p"),
        **dict.fromkeys("dt", "t"),
        **dict.fromkeys("gkqc", "k"),
        **dict.fromkeys("fv", "f"),
        **dict.fromkeys("sz", "s"),
        **dict.fromkeys("mn", "n"),
        "x": "ks",
        "l": "l",
        "r": "r",
        "j": "j",
        **dict.fromkeys("aeiouwyh", ""),
    }
)
"""Consonants that a recogniser takes for one another, after the classes of Soundex, but l and r apart; vowels, w, y and
h carry too little."""

INFLECTED = re.compile(r"(?:'s|s|ed)$")
"""Endings that nobody says to a label, and a language model likes: "pallets", "docked"."""

SIGH = re.compile(r"\b(?:ah|aah|uhh?)\b[,.]?", re.IGNORECASE)
"""A hesitation, as models spell it that take it for an exclamation."""
GLUED = re.compile(r"\b(?:um|uh)(?=[a-z]{4})", re.IGNORECASE)
"""A hesitation run into the word after it: "Umpalette"."""

_WORD = re.compile(r"[^\W\d_]+(?:'s)?")


def relabelled(text: str, form: Form, known: Iterable[str]) -> str:
    """The text, with every word that sounds like one label or unit of the form, and is no known word, spelt as that.

    `known` are the words that mean something as they stand: numbers, letters, links, catalogue names.
    """
    own = frozenset(_own(form))
    taken = own | {word.casefold() for word in known}

    def spelt(match: re.Match[str]) -> str:
        word = match[0].casefold()
        meant = [] if word in taken else [label for label in own if sounds_like(word, label)]
        return max(meant, key=lambda label: (_alike(word, label), label), default=match[0])

    return _WORD.sub(spelt, GLUED.sub("um ", SIGH.sub("uh", text)))


def sounds_like(word: str, label: str) -> bool:
    """Whether a word, in small letters, may be a misspelling of the label."""
    return _alone_like(word, label) or _alone_like(INFLECTED.sub("", word), label)


def _alone_like(word: str, label: str) -> bool:
    heard, meant, alike = sound(word), sound(label), _alike(word, label)
    if len(meant) < TELLING:
        return heard == meant and alike >= ALIKE_SHORT
    return (heard == meant and alike >= ALIKE) or (heard == meant[1:] and alike >= ALIKE_BUT_FIRST)


def _alike(word: str, label: str) -> float:
    return SequenceMatcher(None, word, label).ratio()


def sound(word: str) -> str:
    """A word's consonants, each by its class and none twice in a row: "pallet", "ballad" and "palette" are "plt"."""
    return re.sub(r"(.)\1+", r"\1", word.translate(_CLASSES))


def _own(form: Form) -> Iterator[str]:
    """The words of the form's labels and units."""
    for field in form.fields:
        for phrase in (*field.labels, *field.units.keys(), *field.units.values()):
            yield from phrase.casefold().split()
