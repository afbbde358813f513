"""A sentence cut at its labels, units and cues, into stretches that each hold the words of one or two values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge.forms.spoken.lexicon import Mark, Part, Token

PAUSE = 0.02
"""Seconds of silence from which two words count as said apart. Recognisers report 0 inside a phrase, and whole frames
of silence, 0.03 s (vosk) or 0.01 s and more (pocketsphinx), where the speaker set off; commas measured 0.03 to 0.27."""

HOMOPHONES = {"to": "two", "for": "four"}
"""Links that sound like a digit. Dropped beside a number, one of these could cost an id a digit in silence."""

BRIEF = 0.16
"""Seconds that "to" lasts at most where it is a preposition: 0.09 to 0.15 in 52 measured; a final "two" had 0.4."""

HESITATION = "oh"
"""A digit that recognisers also write for "uh". After a pause it may be either: "nine ... uh, seventy cases"."""


@dataclass(slots=True)
class Stretch:
    """A run of words from a label or a fresh start to a unit, a cue or the next label."""

    field: str | None
    """The field whose label opened it."""
    label: tuple[Token, ...] = ()
    cue: tuple[Token, ...] = ()
    """The correction cue that went before it."""
    unit: Mark | None = None
    said: list[Token] = dataclasses.field(default_factory=list)
    """What was said in it, without hesitations."""

    @property
    def fresh(self) -> bool:
        """Nothing but a cue or links so far."""
        return self.field is None and all(token.link for token in self.said)

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
        if token.link and token.text in HOMOPHONES and not self._is_preposition(at):
            return replace(token, text=HOMOPHONES[token.text], link=False)
        return token

    def _is_preposition(self, at: int) -> bool:
        token, before, after = self.said[at], self.said[:at], self.said[at + 1 : at + 2]
        if before and before[-1].link:
            return True  # "going to"
        joined = not any(token.apart for token in after)
        return bool(before) and joined and 0 < token.end - token.start <= BRIEF


def unlinked(said: Sequence[Token]) -> tuple[Token, ...]:
    """Without the links at either end; those inside stay, and keep the words around them from making one value."""
    inside = [at for at, token in enumerate(said) if not token.link]
    return tuple(said[inside[0] : inside[-1] + 1]) if inside else ()


def stretches(parts: Iterable[Mark]) -> Iterator[Stretch]:
    """Cut a sentence, given as its parts."""
    current = Stretch(None)
    last: Token | None = None
    hesitated = False
    for mark in parts:
        match mark.part:
            case Part.LABEL if current.fresh:
                current = Stretch(mark.field, mark.tokens, current.cue)
            case Part.LABEL:
                yield current
                current = Stretch(mark.field, mark.tokens)
            case Part.UNIT:
                current.unit = mark
                yield current
                current = Stretch(None)
            case Part.CUE if current.fresh:
                current.cue += mark.tokens
            case Part.CUE:
                yield current
                current = Stretch(None, cue=mark.tokens)
            case Part.LINK | Part.CONTENT:
                apart = hesitated or (last is not None and mark.tokens[0].start - last.end >= PAUSE)
                current.said += _flagged(mark, apart)
            case Part.HESITATION:
                pass  # marks what follows as set off, below
        hesitated, last = mark.part is Part.HESITATION, mark.tokens[-1]
    yield current


def _flagged(mark: Mark, apart: bool) -> Iterator[Token]:
    for at, token in enumerate(mark.tokens):
        yield replace(token, link=mark.part is Part.LINK, apart=apart and at == 0)
