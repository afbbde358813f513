"""Nearness: which words of an utterance are the wearer's own, told by how loud each of them is. Pure.

The microphone is at the wearer's mouth, and everybody else is further away: a colleague who dictates another pallet
beside him is heard as well, 10 to 20 dB fainter, and a recogniser writes his words down like any others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil

import numpy as np

from edge.audio.framing import FULL_SCALE
from edge.audio.levels import BOTTOM_DB, decibels
from edge.forms.spoken.folding import fold
from edge.forms.spoken.language import ENGLISH
from edge.records import SAMPLE_RATE, Word
from edge.understand.proposal import UNKNOWN

SLICE = SAMPLE_RATE // 50  # 20 ms: shorter than the shortest vowel.

VOWEL = 0.9
"""The quantile of a word's slices that is its level. The mean of the louder half took the "six" of a fluent speaker,
which is mostly consonants, for faint."""

LOUDEST = 1 / 3
"""The part of the words, the loudest ones, whose level is the wearer's: where a colleague says more than he does, it is
still his. Not the loudest word alone, which may be a clank."""

FAR_DB = 16.0
"""So much fainter than the wearer, a word is somebody else's. On a third of the dev set 1 of 1,312 words of his own was
fainter."""

FAINT_DB = 11.0
"""So much fainter it may be somebody else's, where a word beside it is."""

FADING_DB = 6.0
"""The wearer's voice fades by no more from one word to the next, and another one sets in at once. On the dev set he
himself was down by 15 dB at the end of "thirteen pieces, dock B", step by step."""

DIP_DB = 14.0
"""So much fainter between two words of the wearer, a figure may be somebody else's, said into his pause: it is doubted.
At 12.5 one clip more of the dev set's third was asked about, and none less was wrong."""


TAKES_BACK = frozenset(
    (
        *ENGLISH.words["cues"],
        *ENGLISH.words["contrasts"],
        *ENGLISH.moods["denials"],
        *(said for name in ("no", "cancel", "refusals", "deletions") for said in ENGLISH.commands[name]),
    )
)


class Loudness:
    """How loud one utterance is, slice by slice, from its first sample on."""

    def __init__(self) -> None:
        self._powers: list[float] = []
        self._rest = b""

    def take(self, pcm: bytes) -> None:
        """The next piece of the sound, 16 bits a sample."""
        samples = np.frombuffer(self._rest + pcm, "<i2")
        whole = len(samples) // SLICE * SLICE
        slices = samples[:whole].reshape(-1, SLICE).astype(np.float64) / FULL_SCALE
        self._powers += np.mean(slices**2, axis=1).tolist()
        self._rest = samples[whole:].tobytes()

    def of(self, word: Word) -> float:
        """That of a word's vowel, dBFS: the loudest slices but for the very loudest, which may be a clank."""
        first = round(word.start * SAMPLE_RATE / SLICE)
        powers = sorted(self._powers[first : max(first + 1, ceil(word.end * SAMPLE_RATE / SLICE))])
        return decibels(powers[int(len(powers) * VOWEL)]) if powers else BOTTOM_DB


class Wearer:
    """The one at whose mouth the microphone is, as loud as he was in one utterance."""

    def __init__(self, words: Sequence[Word], loudness: Loudness) -> None:
        """`words` are the likeliest of the utterance."""
        levels = sorted((loudness.of(word) for word in words), reverse=True)
        loudest = levels[: ceil(len(levels) * LOUDEST)]
        self._loudness = loudness
        self._level = sum(loudest) / len(loudest) if loudest else BOTTOM_DB

    def own(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words that are his; as unknown ones, those that may be, and without which he would say something else."""
        fainter = [self._level - self._loudness.of(word) for word in words]
        said = list(words)
        for begin, end in sorted(_faint(fainter), reverse=True):
            beyond = _beyond(fainter, begin, end)
            most = max((fainter[at] for at in beyond), default=0.0)
            within = beyond.start > 0 and beyond.stop < len(words)
            trails_off = len(beyond) == 1 and beyond.stop == len(words)  # "dock echo": down by 19 dB in one breath
            if most >= FAR_DB and not trails_off:
                unknown = [replace(words[at], text=UNKNOWN) for at in beyond]
                said[beyond.start : beyond.stop] = unknown if _matters(words, beyond) else ()
            elif most >= DIP_DB and within:
                for at in beyond:
                    said[at] = replace(said[at], text=UNKNOWN) if ENGLISH.tells(said[at].text) else said[at]
        return tuple(said)


def _matters(words: Sequence[Word], run: range) -> bool:
    """Would what is left say something else, if the wearer himself muttered them?

    Without what stands between two figures these make another number; without "no, thirteen", what it corrects stands.
    """
    between = run.start > 0 and run.stop < len(words)
    inside = between and all(ENGLISH.tells(words[at].text) for at in (run.start - 1, run.stop))
    return inside or (run.start > 0 and _takes_back(words[run.start : run.stop]))


def _takes_back(words: Sequence[Word]) -> bool:
    """Do they begin with what takes back, or corrects, what was said before them?"""
    said = [fold(word.text) for word in words]
    return any(tuple(said[:size]) in TAKES_BACK for size in range(1, len(said) + 1))


def _faint(fainter: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Where faint words follow each other: from one to before another."""
    for is_faint, run in groupby(range(len(fainter)), key=lambda at: fainter[at] >= FAINT_DB):
        if is_faint:
            first, *others = run
            yield first, first + len(others) + 1


def _beyond(fainter: Sequence[float], begin: int, end: int) -> range:
    """Those of them that are somebody else's: without what the wearer, on either side, has faded into."""
    while begin < end and begin > 0 and fainter[begin] - fainter[begin - 1] <= FADING_DB:
        begin += 1
    while begin < end < len(fainter) and fainter[end - 1] - fainter[end] <= FADING_DB:
        end -= 1
    return range(begin, end)
