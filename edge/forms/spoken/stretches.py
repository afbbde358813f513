"""A sentence cut at its labels, units and cues, into stretches that each hold the words of one or two values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge.forms.spoken.lexicon import Mark, Part, Token

PAUSE = 0.02
"""Seconds of silence from which two words count as said apart. Recognisers report 0 inside a phrase, and whole frames
of silence, 0.03 s (vosk) or 0.01 s and more (pocketsphinx), where the speaker set off; commas measured 0.03 to 0.27."""

BRIEF = 0.16
"""Seconds that "to" lasts at most where it is a preposition: 0.09 to 0.15 in 52 measured; a final "two" had 0.4."""

HESITATION = "oh"
"""A digit that recognisers also write for "uh". After a pause it may be either: "nine ... uh, seventy cases"."""


@dataclass(slots=True)
class Stretch:
    """A run of words from a label or a fresh start to a unit, a cue or the next label."""

    field: str | None
    """The field whose label opened it."""
    homophones: Mapping[str, str]
    """Links that may have been a digit."""
    label: tuple[Token, ...] = ()
    cue: tuple[Token, ...] = ()
    """The correction cue that went before it."""
    unit: Mark | None = None
    joined: bool = True
    """Does the unit follow its number at once, with neither a pause nor another word between?"""
    said: list[Token] = dataclasses.field(default_factory=list)
    """What was said in it, without hesitations."""

    @property
    def fresh(self) -> bool:
        """Nothing but a cue or links so far."""
        return self.field is None and all(token.link for token in self.said)

    def take(self, mark: Mark, apart: bool) -> None:
        """Add the next part of the sentence, which a pause or a hesitation may set off from what went before."""
        match mark.part:
            case Part.LABEL:
                self.field, self.label, self.said = mark.field, mark.tokens, []
            case Part.UNIT:
                self.unit = mark
                self.joined = not (apart or (self.said and self.said[-1].link))
            case Part.CUE:
                self.cue += mark.tokens
            case Part.LINK | Part.CONTENT | Part.HESITATION:
                first, *more = (replace(token, link=mark.part is Part.LINK) for token in mark.tokens)
                self.said += [replace(first, apart=apart), *more]

    def runs(self) -> tuple[tuple[Token, ...], ...]:
        """The words to be explained; once more with "to" as "two" or "oh" as "uh", where it may have been that."""
        heard = list(self.said)
        other = [replaced for at in range(len(heard)) if (replaced := self._otherwise(at)) is not None]
        return (unlinked(heard),) if other == heard else (unlinked(heard), unlinked(other))

    def _otherwise(self, at: int) -> Token | None:
        """What a word may have been instead: another word, or no word; itself where there is no doubt."""
        token = self.said[at]
        if token.text == HESITATION and token.apart and at > 0:
            return None
        if token.link and token.text in self.homophones and not self._is_preposition(at):
            return replace(token, text=self.homophones[token.text], link=False)
        return token

    def _is_preposition(self, at: int) -> bool:
        token, before, after = self.said[at], self.said[:at], self.said[at + 1 : at + 2]
        if before and before[-1].link and before[-1].text not in self.homophones:
            return True  # "going to"
        joined = not any(token.apart for token in after)
        return bool(before) and joined and 0 < token.end - token.start <= BRIEF


def unlinked(said: Sequence[Token]) -> tuple[Token, ...]:
    """Without the links at either end; those inside stay, and keep the words around them from making one value."""
    inside = [at for at, token in enumerate(said) if not token.link]
    return tuple(said[inside[0] : inside[-1] + 1]) if inside else ()


def stretches(parts: Iterable[Mark], homophones: Mapping[str, str]) -> Iterator[Stretch]:
    """Cut a sentence, given as its parts."""
    current = Stretch(None, homophones)
    for mark, apart in _set_apart(parts):
        if mark.part in {Part.LABEL, Part.CUE} and not current.fresh:
            yield current
            current = Stretch(None, homophones)
        current.take(mark, apart)
        if mark.part is Part.UNIT:
            yield current
            current = Stretch(None, homophones)
    yield current


def _set_apart(parts: Iterable[Mark]) -> Iterator[tuple[Mark, bool]]:
    """The parts without hesitations, and whether a hesitation or a pause goes before each."""
    end, hesitated = math.inf, False
    for mark in parts:
        if mark.part is not Part.HESITATION:
            yield mark, hesitated or mark.tokens[0].start - end >= PAUSE
        end, hesitated = mark.tokens[-1].end, mark.part is Part.HESITATION
