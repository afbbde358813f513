"""What each word of an utterance is to a form: label, unit, cue, hesitation, link, or content."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from edge.forms.model import Form, FormField, Spoken
from edge.forms.spoken.language import Language, Phrase, fold, phrase
from edge.records import Word


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

    text: str = dataclasses.field(repr=False)
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


REMEMBERED = 32
"""Lexicons kept: one for each form of a site in each of its languages."""

Lexicon = Mapping[Phrase, tuple[Part, str | None]]

_WHOLE = re.compile("[\\[<].*[\\]>]|[-\N{MINUS SIGN}\N{EN DASH}][0-9].*")
"""Not to be taken apart: how recognisers write what they could not make out (`[unk]`), and negative numbers."""


@lru_cache(maxsize=REMEMBERED)
def lexicon(form: Form, language: Language) -> Lexicon:
    """Every phrase that is more than content: those of the form win over those of the language."""
    phrases: dict[Phrase, tuple[Part, str | None]] = {(word,): (Part.LINK, None) for word in language.links}
    phrases |= {(word,): (Part.HESITATION, None) for word in language.hesitations}
    phrases |= dict.fromkeys(language.link_phrases, (Part.LINK, None))
    phrases |= dict.fromkeys(language.cues, (Part.CUE, None))
    phrases |= dict.fromkeys(language.negations, (Part.CONTENT, None))
    if form.terminator is not None:
        phrases[form.terminator,] = (Part.LINK, None)
    for field in form.fields:
        phrases |= _own(field, language)
    return phrases


def _own(field: FormField, language: Language) -> Lexicon:
    wording = field.wording(language.code)
    units = {phrase(unit): (Part.UNIT, field.name) for unit in wording.units}
    return units | {phrase(label): (Part.LABEL, field.name) for label in wording.labels}


def tokens(words: Sequence[Word], language: Language) -> Iterator[Token]:
    """The words of a transcript as the parser compares them."""
    for word in words:
        text = word.text.strip().lower()
        for piece in [text] if _WHOLE.fullmatch(text) else unhyphenated(text, language):
            if plain := piece.strip(".,;:!?¿¡…\"'«»„“” "):
                yield Token(plain, word.start, word.end, word.confidence)


def unhyphenated(text: str, language: Language) -> list[str]:
    """What hyphens join, apart; a number that is one word with its hyphens ("quatre-vingt-dix") stays one."""
    return [text] if language.numbers.is_part(fold(text)) else text.split("-")


def marks(heard: Sequence[Token], known: Lexicon) -> Iterator[Mark]:
    """Cut a sentence into its parts, the longest known phrase first."""
    longest = max(map(len, known))
    texts = tuple(fold(token.text) for token in heard)
    at = 0
    while at < len(heard):
        for size in range(min(longest, len(heard) - at), 0, -1):
            if (found := known.get(texts[at : at + size])) is not None:
                yield Mark(found[0], tuple(heard[at : at + size]), found[1])
                break
        else:
            size = 1
            yield Mark(Part.CONTENT, (heard[at],))
        at += size


def with_particles(parts: Iterable[Mark], form: Form, language: Language) -> Iterator[Mark]:
    """The parts again, words of one letter made links where the label before them opens no field that is spelt."""
    spelt = {field.name for field in form.fields if field.spoken in {Spoken.LETTER, Spoken.ALPHANUMERIC}}
    opened: str | None = None
    for mark in parts:
        if mark.part is Part.CONTENT and opened not in spelt and fold(mark.tokens[0].text) in language.particles:
            yield replace(mark, part=Part.LINK)
            continue
        if mark.part in {Part.LABEL, Part.UNIT}:
            opened = mark.field if mark.part is Part.LABEL else None
        yield mark
