"""Nearness: which words of an utterance are the wearer's own, by the level of each. Pure.

The microphone is at the wearer's mouth. A colleague who dictates another pallet nearby is 10 to 20 dB fainter, and a
recogniser writes those words down like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, product
from math import ceil

import numpy as np

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, Word
from edge.audio.pcm import BOTTOM_DB, FULL_SCALE, decibels
from edge.records import SAMPLE_RATE
from edge.understand.proposal import UNKNOWN

_SLICE = SAMPLE_RATE // 50  # 20 ms: shorter than the shortest vowel.

_VOWEL = 0.9
"""The quantile of a word's slices that is its level. The mean of the louder half took the "six" of a fluent speaker,
which is mostly consonants, for faint."""

_LOUDEST = 1 / 3
"""The part of the words, the loudest ones, whose level is the wearer's: also where a colleague says
more. Not the loudest word alone, which may be a clank."""

_FAR_DB = 16.0
"""So much fainter than the wearer, a word is another voice's. On a third of the dev set 1 of 1,312 own words was
fainter."""

_FAINT_DB = 11.0
"""So much fainter it may be another voice's, where a word beside it is."""

_FADING_DB = 6.0
"""The wearer's voice fades by no more from one word to the next, and another one sets in at once. On the dev set it
was down by 15 dB at the end of "thirteen pieces, dock B", step by step."""

_DIP_DB = 14.0
"""So much fainter between two words of the wearer, a figure may be another voice's, said into a pause: it is doubted.
At 12.5 one clip more of the dev set's third was asked about, and none less was wrong."""

_JOINED_S = 0.02
"""Silence from which two words count as said apart: less than a frame of a recogniser's."""

_PAUSE_S = 0.25
"""Silence behind a word that ends a phrase. Every voice fades before it stops, in a "six" by 14 dB; another voice
that speaks into that pause sets in apart from the word before it."""

_OUTSIDE_DB = 10.0
"""So much fainter in the mean, what stands before or behind a whole entry is another voice's. Of 39 clips of dev2's
`beside` each, right rose from 24 to 29 beside a colleague at 15 dB, from 3 to 14 at 10 dB, and from 14 to 21 in babble
at 10 dB, and none was wrong; 8 dB did alike. Of the dev set's third it took away a "please"."""

_BETWEEN_DB = _OUTSIDE_DB / 2
"""Where another voice is known to speak, a figure that dips by so much is nearer to that voice than to the wearer's. At
6 dB one clip of `beside` was wrong, by an "oh" that the colleague said."""

_SETS_IN_DB = 3.0
"""By so much the first of those words is fainter than the entry beside it: at 6 dB four clips less were right."""

_EXPLAINS = frozenset(ENGLISH.alphabet.explained_by)
"""What begins to say which letter was meant: "as in golf"."""

_TAKES_BACK = frozenset(
    (
        *ENGLISH.words["cues"],
        *ENGLISH.words["contrasts"],
        *ENGLISH.moods["denials"],
        *(said for name in ("no", "cancel", "refusals", "deletions") for said in ENGLISH.commands[name]),
    )
)
"""What takes back, or corrects, what was said before it."""

_Stretch = tuple[float, float]
"""Some of an utterance, in seconds from its first sample: from when until when."""


class Loudness:
    """How loud one utterance is, slice by slice, from its first sample on."""

    def __init__(self) -> None:
        self._powers: list[float] = []
        self._rest = b""

    def accept(self, pcm: bytes) -> None:
        """Add the next piece of 16-bit sound."""
        samples = np.frombuffer(self._rest + pcm, "<i2")
        whole = len(samples) // _SLICE * _SLICE
        slices = samples[:whole].reshape(-1, _SLICE).astype(np.float64) / FULL_SCALE
        self._powers += np.mean(slices**2, axis=1).tolist()
        self._rest = samples[whole:].tobytes()

    def vowel_level(self, word: Word) -> float:
        """The level of a word's vowel in dBFS: a high percentile of its slices, since the loudest may be a clank."""
        first = round(word.start * SAMPLE_RATE / _SLICE)
        powers = sorted(self._powers[first : max(first + 1, ceil(word.end * SAMPLE_RATE / _SLICE))])
        return decibels(powers[int(len(powers) * _VOWEL)]) if powers else BOTTOM_DB


class Wearer:
    """The wearer of the microphone, by the level of one utterance."""

    def __init__(self, words: Sequence[Word], loudness: Loudness) -> None:
        """`words` are the likeliest of the utterance."""
        levels = sorted((loudness.vowel_level(word) for word in words), reverse=True)
        loudest = levels[: ceil(len(levels) * _LOUDEST)]
        self._loudness = loudness
        self._level = sum(loudest) / len(loudest) if loudest else BOTTOM_DB

    def own(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The wearer's words; doubtful ones that would change the meaning stay as unknown words."""
        fainter = self._fainter(words)
        said = list(words)
        for begin, end in sorted(_faint(fainter), reverse=True):
            beyond = _beyond(fainter, begin, end)
            most = max((fainter[at] for at in beyond), default=0.0)
            within = beyond.start > 0 and beyond.stop < len(words)
            trails_off = len(beyond) == 1 and beyond.stop == len(words)  # "dock echo": down by 19 dB in one breath
            if most >= _FAR_DB and not trails_off:
                unknown = [replace(words[at], text=UNKNOWN) for at in beyond]
                said[beyond.start : beyond.stop] = unknown if _matters(words, beyond) else ()
            elif most >= _DIP_DB and within and not _ends_phrase(words, beyond):
                for at in beyond:
                    said[at] = replace(said[at], text=UNKNOWN) if ENGLISH.in_id(said[at].text) else said[at]
        return tuple(said)

    def alone(
        self,
        words: Sequence[Word],
        read: Callable[[Sequence[Word]], Mapping[str, FieldReading]],
        needed: Collection[str],
    ) -> _Stretch | None:
        """When a whole entry was said, where another voice speaks before or behind it; None where none does.

        `read` tells the fields of words, of which an entry needs those that are `needed`. What takes back or completes
        a value of the entry may be the wearer's, muttered, and stays with it.
        """
        fainter = self._fainter(words)
        for begin, end in _inside(fainter):
            outside = (words[:begin], words[end:])
            corrects = any(_begins(some[at:], _TAKES_BACK) for some in outside for at in range(len(some)))
            if corrects or _begins(words[end:], _EXPLAINS):
                continue
            entry = read(words[begin:end])
            if all(name in entry and entry[name].value is not None and not entry[name].rivals for name in needed):
                told = read(words)
                if all(_is_told(said, told.get(name), words, (begin, end)) for name, said in entry.items()):
                    return words[begin].start, words[end - 1].end
        return None

    def within(self, words: Sequence[Word], stretch: _Stretch) -> tuple[Word, ...]:
        """The words of it. A figure fainter than both its neighbours is doubted: another voice is known to speak."""
        begin, end = stretch
        said = [word for word in words if begin <= (word.start + word.end) / 2 <= end]
        fainter = self._fainter(said)
        dips = [
            0 < at < len(said) - 1 and fainter[at] - max(fainter[at - 1], fainter[at + 1]) >= _BETWEEN_DB
            for at in range(len(said))
        ]
        return tuple(
            replace(word, text=UNKNOWN) if dip and ENGLISH.in_id(word.text) else word
            for word, dip in zip(said, dips, strict=True)
        )

    def _fainter(self, words: Sequence[Word]) -> list[float]:
        return [self._level - self._loudness.vowel_level(word) for word in words]


def _inside(fainter: Sequence[float]) -> Iterator[tuple[int, int]]:
    """What may be left where faint words stand before or behind it, from one to before another; the least first."""
    last = len(fainter)
    heads = [at for at in range(1, last) if _outside(fainter[:at]) and fainter[at - 1] - fainter[at] >= _SETS_IN_DB]
    tails = [at for at in range(1, last) if _outside(fainter[at:]) and fainter[at] - fainter[at - 1] >= _SETS_IN_DB]
    spans = [(begin, end) for begin, end in product((0, *heads), (*tails, last)) if begin < end]
    yield from sorted(((begin, end) for begin, end in spans if end - begin < last), key=lambda span: span[1] - span[0])


def _outside(fainter: Sequence[float]) -> bool:
    return min(fainter) >= _FADING_DB and sum(fainter) / len(fainter) >= _OUTSIDE_DB


def _is_told(entry: FieldReading, told: FieldReading | None, words: Sequence[Word], span: tuple[int, int]) -> bool:
    """Do all the words give the entry's value too? Where they give another, they belong to it."""
    if told is not None and (told.value, told.runner_up, told.rivals) != (None, None, ()):
        return entry.value in (told.value, told.runner_up, *told.rivals)
    return not any(
        ENGLISH.in_id(words[at - 1].text) and ENGLISH.in_id(words[at].text) for at in span if 0 < at < len(words)
    )


def _matters(words: Sequence[Word], run: range) -> bool:
    """Would what is left say something else, if the wearer himself muttered them?

    Without what stands between two figures these make another number; without "no, thirteen", what it corrects stands.
    """
    between = run.start > 0 and run.stop < len(words)
    inside = between and all(ENGLISH.in_id(words[at].text) for at in (run.start - 1, run.stop))
    return inside or (run.start > 0 and _begins(words[run.start : run.stop], _TAKES_BACK))


def _ends_phrase(words: Sequence[Word], run: range) -> bool:
    """Is it one word in one breath with the one before it, and a pause behind it?"""
    alone = len(run) == 1 and words[run.start].start - words[run.start - 1].end < _JOINED_S
    return alone and words[run.stop].start - words[run.start].end >= _PAUSE_S


def _begins(words: Sequence[Word], phrases: Collection[tuple[str, ...]]) -> bool:
    said = [fold(word.text) for word in words]
    return any(tuple(said[:size]) in phrases for size in range(1, len(said) + 1))


def _faint(fainter: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Where faint words follow each other: from one to before another."""
    for is_faint, run in groupby(range(len(fainter)), key=lambda at: fainter[at] >= _FAINT_DB):
        if is_faint:
            first, *others = run
            yield first, first + len(others) + 1


def _beyond(fainter: Sequence[float], begin: int, end: int) -> range:
    """Those of them that are another voice's: without those that the wearer's voice fades into."""
    while begin < end and begin > 0 and fainter[begin] - fainter[begin - 1] <= _FADING_DB:
        begin += 1
    while begin < end < len(fainter) and fainter[end - 1] - fainter[end] <= _FADING_DB:
        end -= 1
    return range(begin, end)
