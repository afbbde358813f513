"""Tells by their sound which words were said, beside the recogniser: linear discriminants of their spectra. Pure.

Recognisers have the E of some speakers as a G, a "sixteen" as a "sixty" and a "two" before a label as a "to", and no
confidence tells. Their words have times, so each can be compared as a whole: mel spectra from its beginning to its end
(Davis and Mermelstein, 1980, "Comparison of parametric representations"), projected to where words are furthest apart
and one word said by many voices is closest together (Fisher, 1936; Rao, 1948, "The utilization of multiple
measurements"). There a word is the likelier the nearer it is to the mean of its kind, by the square of the distance.

Letters differ by less than words do, and have a projection of their own. `word_sounds.csv` and `letter_sounds.csv` have
both with their means, which `python -m lab.bench.word_sounds` fits on its own voices.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import to_floats
from edge.records import SAMPLE_RATE

_Floats = npt.NDArray[np.float64]

_FRAME, _HOP, _FFT = SAMPLE_RATE // 40, SAMPLE_RATE // 200, 512  # 25 and 5 ms: the burst of a "d" is no longer.
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 16, 100, 7600
_SPECTRA = 20
_AVERAGED = 3  # Frames of a spectrum.
_PRE_EMPHASIS = 0.97
_FLOOR = 1e-6  # 60 dB below the loudest band: silence is no more silent than that.
_EARLY_S, _LATE_S = 0.03, 0.1  # A recogniser begins a letter in its consonant, and ends it before it has faded.
_BEFORE_S, _BEHIND_S = 0.3, 0.25  # What is heard of the voice and the place around the word.

WORDS_TABLE, LETTERS_TABLE = "word_sounds.csv", "letter_sounds.csv"

_SHORTEST_S = 0.04  # A shorter word is not compared: it was guessed between two others.

_MISMEASURED = 0.01
"""How often the sound of a word is that of none: in noise, or cut off. So no word is less likely by more than this."""

_MOST = 20.0
"""The logarithm of how much likelier than any other a word may become: three in four of those that were said are
below."""


class Sound:
    """The sound of an utterance, in which words are measured."""

    def __init__(self, pcm: bytes) -> None:
        """`pcm`: 16-bit at 16 kHz, in which words have their times."""
        self._pcm = pcm
        self._measured: dict[tuple[float, float], _Floats] = {}

    def measure(self, start: float, end: float) -> _Floats:
        """The values by which the word between two times, seconds, is compared: its spectra in turn, and its length."""
        if (start, end) not in self._measured:
            self._measured[start, end] = self._measure(start, end)
        return self._measured[start, end]

    def _measure(self, start: float, end: float) -> _Floats:
        summed, last = self._summed, len(self._summed) - 1
        first, beyond = (min(max(0, round(_to_frame(at))), last) for at in (start - _BEFORE_S, end + _BEHIND_S))
        around = (summed[beyond] - summed[first]) / max(1, beyond - first)  # What microphone and place add everywhere.
        middles = np.linspace(_to_frame(start - _EARLY_S), _to_frame(end + _LATE_S), _SPECTRA)
        places = np.clip(middles, 0, last - _AVERAGED).astype(int)
        spectra = (summed[places + _AVERAGED] - summed[places]) / _AVERAGED - around
        return np.append(spectra.ravel(), end - start)

    @cached_property
    def _summed(self) -> _Floats:
        """The spectra of all frames, each summed with those before it, from a row of zeros on."""
        padded = np.pad(to_floats(self._pcm).astype(np.float64), (_PADDED, _PADDED))
        spectra = _find_mel_spectra(padded)
        return np.vstack([np.zeros(_BANDS), np.cumsum(spectra, axis=0)])


_PADDED = SAMPLE_RATE // 2
"""Samples of silence before and behind the sound: more than is heard around a word."""


def _to_frame(at: float) -> float:
    """The frame whose middle is at a time of the sound, seconds."""
    return (at * SAMPLE_RATE + _PADDED - _FRAME / 2) / _HOP


class WordSounds(NamedTuple):
    """Where words are furthest apart."""

    projection: _Floats
    """A row for each value of `Sound.measure`, and a last one for a constant."""
    means: Mapping[str, _Floats]
    """By word, its mean in the projection, where the deviation of each word is 1 in every direction."""
    middle: _Floats
    """The mean of the means."""
    variance: _Floats
    """Of any word, by direction: that of the means, and the deviation of one word."""

    letters: _Floats
    """A row for the mean of each letter."""

    @classmethod
    def from_means(cls, projection: _Floats, means: Mapping[str, _Floats]) -> WordSounds:
        """The sounds of words with these means."""
        every = np.array([*means.values()])
        letters = np.array([mean for word, mean in means.items() if len(word) == 1])
        return cls(projection, means, every.mean(axis=0), 1 + every.var(axis=0), letters)

    def find_probabilities(self, measured: _Floats, words: Iterable[str]) -> dict[str, float]:
        """How likely the sound is to be each of these words, where it is one of them; those known alone."""
        at = np.append(measured, 1.0) @ self.projection
        near = {one: -0.5 * float(np.sum((at - self.means[one]) ** 2)) for one in words if one in self.means}
        most = max(near.values(), default=0.0)
        weights = {one: math.exp(value - most) for one, value in near.items()}
        return {one: weight / sum(weights.values()) for one, weight in weights.items()}

    def compare(self, word: str, sound: Sound, start: float, end: float) -> float:
        """How much likelier the sound between two times, seconds, is this word than any: the logarithm of the ratio.

        0 for a word that is not known. A letter is as likely as that which the sound is likest: which one it is, is
        left to the recogniser's own score, and to `edge.understand.letter_sounds` by itself.
        """
        if word not in self.means or end - start < _SHORTEST_S:
            return 0.0
        at = np.append(sound.measure(start, end), 1.0) @ self.projection
        alike = self.letters if len(word) == 1 else self.means[word][None]
        own = -0.5 * float(np.min(np.sum((at - alike) ** 2, axis=1)))
        least = math.log(_MISMEASURED)
        any_word = -0.5 * float(np.sum((at - self.middle) ** 2 / self.variance + np.log(self.variance)))
        return min(_MOST, float(np.logaddexp(math.log1p(-_MISMEASURED) + own - any_word, least)))


def _find_mel_spectra(sound: _Floats) -> _Floats:
    """The logarithm of the power in each band, by frame."""
    shaped = np.append(sound[:1], sound[1:] - _PRE_EMPHASIS * sound[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(shaped, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hamming(_FRAME), _FFT)) ** 2 @ _mel_bands()
    floored: _Floats = np.log(power + _FLOOR * power.max() + np.finfo(float).tiny)
    return floored


@cache
def _mel_bands() -> _Floats:
    """A column of weights for each band: triangles, as wide as the ear's, O'Shaughnessy (1987)."""
    lowest, highest = (2595 * math.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    corners = 700 * (10 ** (np.linspace(lowest, highest, _BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    rising = (hz[:, None] - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hz[:, None]) / (corners[2:] - corners[1:-1])
    bands: _Floats = np.maximum(0.0, np.minimum(rising, falling))
    return bands


class Sounds(NamedTuple):
    """The sounds of a language's words, and of its letters among them."""

    words: WordSounds
    letters: WordSounds


@lru_cache
def load_sounds() -> Sounds:
    """The sounds of English. Raises Misconfigured where a table is missing or damaged."""
    return Sounds(_load_table(WORDS_TABLE), _load_table(LETTERS_TABLE))


def _load_table(name: str) -> WordSounds:
    path = files(__package__).joinpath(name)
    try:
        rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        numbers = {name: np.array(values, float) for name, *values in rows}
        projection = np.array([values for name, values in numbers.items() if name.startswith(PROJECTED)])
        means = {name: values for name, values in numbers.items() if not name.startswith(PROJECTED)}
        return WordSounds.from_means(projection, means)
    except (OSError, ValueError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault}); install dockvoice again") from None


PROJECTED = "#"
"""How the names of a table's rows begin that are of the projection, and not of a word."""
