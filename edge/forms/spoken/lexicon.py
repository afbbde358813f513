"""What each word of an utterance is to a form: label, unit, cue, hesitation, link, or content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from edge.forms.spoken.words import CUES, HESITATIONS, LINK_PHRASES, LINKS
from edge.records import Word

if TYPE_CHECKING:  # the form's loader uses this package, so the package needs the form for its types only
    from edge.forms.form import Form


class Part(StrEnum):
    """What a word does in a sentence."""

    LABEL = "label"
    """Opens a field."""
    UNIT = "unit"
    """Makes the number before it a field's value."""
    CUE = "cue"
    """Announces a correction."""
    HESITATION = "hesitation"
    LINK = "link"
    """Joins what is said, and is no part of a value."""
    CONTENT = "content"
    """Says a value, or is no word that is known here."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word in the recogniser's spelling: small letters, no punctuation, hyphens apart."""

    text: str
    start: float
    """Seconds; halves of a hyphenated word share the word's times."""
    end: float
    confidence: float
    link: bool = False
    """Joins what is said, as "with" and "and" do."""
    apart: bool = False
    """Set off from the word before it by a pause or a hesitation: here something new may begin."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Tokens that together are one part of the sentence."""

    part: Part
    tokens: tuple[Token, ...]
    field: str | None = None
    """The field that a label or a unit belongs to."""


Lexicon = Mapping[tuple[str, ...], tuple[Part, str | None]]

_UNKNOWN = re.compile(r"^[\[<].*[\]>]$")
"""How recognisers write what they could not make out: `[unk]`, `<unk>`."""


def lexicon(form: Form) -> Lexicon:
    """Every phrase that is more than content: those of the form win over those of the language."""
    phrases: dict[tuple[str, ...], tuple[Part, str | None]] = {(word,): (Part.LINK, None) for word in LINKS}
    phrases |= {(word,): (Part.HESITATION, None) for word in HESITATIONS}
    phrases |= dict.fromkeys(LINK_PHRASES, (Part.LINK, None))
    phrases |= dict.fromkeys(CUES, (Part.CUE, None))
    for field in form.fields:
        units = [*field.units.keys(), *field.units.values()]
        phrases |= {tuple(unit.split()): (Part.UNIT, field.name) for unit in units}
        phrases |= {tuple(label.split()): (Part.LABEL, field.name) for label in field.labels}
    return phrases


def tokens(words: Sequence[Word]) -> Iterator[Token]:
    """The words of a transcript as the parser compares them."""
    for word in words:
        text = word.text.strip().lower()
        pieces = [text] if _UNKNOWN.match(text) else text.split("-")
        for piece in pieces:
            if plain := piece.strip(".,;:!?\"' "):
                yield Token(plain, word.start, word.end, word.confidence)


def marks(heard: Sequence[Token], known: Lexicon) -> Iterator[Mark]:
    """Cut a sentence into its parts, the longest known phrase first."""
    longest = max(map(len, known))
    at = 0
    while at < len(heard):
        for size in range(min(longest, len(heard) - at), 0, -1):
            taken = tuple(heard[at : at + size])
            if (found := known.get(tuple(token.text for token in taken))) is not None:
                yield Mark(found[0], taken, found[1])
                break
        else:
            taken = (heard[at],)
            yield Mark(Part.CONTENT, taken)
        at += len(taken)
