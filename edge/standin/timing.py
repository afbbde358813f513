"""When each word was said. The recogniser does not tell, so the words share the loud part by their letters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.standin.hearing import RATE, Sound

LOUD = 0.05
"""The part of the peak from which a sample belongs to speech: enough to leave out the room before and after."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A word and when it was said, in seconds."""

    text: str
    start: float
    end: float


def timed(text: str, sound: Sound) -> list[Timed]:
    """The words of a transcript with about their times."""
    words = text.split()
    loud = np.flatnonzero(np.abs(sound.samples) > LOUD * np.abs(sound.samples).max())
    if not words or not len(loud):
        return []
    first, last = loud[0] / RATE, loud[-1] / RATE
    ends = np.cumsum([len(word) + 1 for word in words])
    marks = [first, *(first + (last - first) * ends / ends[-1])]
    return [Timed(*told) for told in zip(words, _seconds(marks[:-1]), _seconds(marks[1:]), strict=True)]


def _seconds(marks: list[float]) -> list[float]:
    return [round(float(mark), 2) for mark in marks]
