"""Rescores a recogniser's alternatives by how well each of their words fits the sound at its place. Pure.

What two alternatives have in common counts for neither. So the sound decides between "sixty" and "sixteen", "nine
ninety" and "nine nine two", a hesitation and an "oh" behind a number, by the same measure as between two digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.understand.local.confidence import Alternative
from edge.understand.word_sounds import Sound, WordSounds

_WEIGHT = 0.2
"""How much the logarithm of a word's likelihood by its sound counts beside the recogniser's score."""


def rescore(
    hearings: Sequence[Sequence[Alternative]], sound: Sound, sounds: WordSounds
) -> list[tuple[Alternative, ...]]:
    """The alternatives of each hearing with their new scores, the likeliest first."""
    return [
        tuple(sorted((_rescore(one, sound, sounds) for one in hearing), key=lambda one: -one.score))
        for hearing in hearings
    ]


def _rescore(one: Alternative, sound: Sound, sounds: WordSounds) -> Alternative:
    fits = sum(sounds.compare(word.text, sound, word.start, word.end) for word in one.words)
    return replace(one, score=one.score + _WEIGHT * fits)
