"""Tells a spoken A from an E by the sound itself: the resonances of its vowel, the formants. Pure.

Recognisers have the E of some speakers as an A and list no E beside it, so that no confidence tells them apart. The
vowels do: the first formant of "ay" begins far above that of "ee", for men, women and children (Peterson and Barney,
1952, "Control methods used in a study of the vowels"). Formants are the poles of linear prediction (Markel and Gray,
1976, "Linear Prediction of Speech").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dockvoice_protocol.forms.spoken.confusable import find_unlisted_rival
from dockvoice_protocol.records import FieldReading, Reading
from edge.audio.pcm import to_floats
from edge.records import SAMPLE_RATE

_FRAME, _HOP = SAMPLE_RATE // 40, SAMPLE_RATE // 100  # 25 and 10 ms, as recognisers cut sound.
_LATE_S = 0.06  # A recogniser ends a vowel before it has faded.
_LOUD = 0.2  # The part of the loudest frame's energy from which a frame is of the vowel.
_FEWEST = 5  # Frames of a vowel that is judged, 65 ms: shorter ones have no steady part.
_POLES = 18  # Two for each kHz, and two for the glottis.
_PRE_EMPHASIS = 0.97
_FORMANTS_HZ = (200, 4000)  # Below is the voice itself, above are the third and further formants.
_WIDEST_HZ = 500  # A wider resonance is no formant.

_LEAST_FIRST_HZ = 385
_LEAST_SECOND_HZ = 1500
_RATIOS = (2.4, 5.5)
_STEADY = 0.6
"""An A has its first formant from the least on, its second one as many times higher, and its first one varies by at
most this part between the quartiles of its frames. Of 107 A of 26 synthetic voices (the development sets', in noise
too, and those of `python -m lab.bench.letters`) 96 are so, and of 150 E none; the nearest E is 5.8 times higher."""


class Vowel(NamedTuple):
    """The formants of a vowel: medians over its frames, in Hz."""

    first: float
    second: float
    """Of its lower quartile: noise between the formants makes single frames too low."""
    ratio: float
    """Of the second to the first."""
    spread: float
    """Of the first, between its quartiles, as a part of it."""

    @property
    def is_a(self) -> bool:
        """Whether it is surely the vowel of an A, and of no E."""
        high = self.first >= _LEAST_FIRST_HZ and self.second >= _LEAST_SECOND_HZ
        return high and _RATIOS[0] <= self.ratio <= _RATIOS[1] and self.spread <= _STEADY


def second_vowels(reading: Reading, pcm: bytes) -> Reading:
    """The reading; an A whose likeliest rival is an E is seconded where its vowel is that of an A.

    `pcm`: the sound in which the words have their times, 16-bit at 16 kHz.
    """
    seconded = {
        name: replace(one, seconded=True)
        for name, one in reading.fields.items()
        if not one.rivals
        and (rival := find_unlisted_rival(one.value)) is not None
        and one.runner_up in {None, rival}
        and (vowel := _find_vowel(one, reading, pcm)) is not None
        and vowel.is_a
    }
    return replace(reading, fields={**reading.fields, **seconded}) if seconded else reading


def _find_vowel(one: FieldReading, reading: Reading, pcm: bytes) -> Vowel | None:
    """The vowel of the field's letter; None where it was not said as a letter, or is too short."""
    letter, size = str(one.value).casefold(), len(one.words)
    texts = tuple(word.text for word in reading.words)
    begun = [at for at in range(len(texts) - size + 1) if texts[at : at + size] == one.words]
    if letter not in one.words or not begun:
        return None
    word = reading.words[begun[-1] + one.words.index(letter)]
    return measure_vowel(pcm, word.start, word.end + _LATE_S)


def measure_vowel(pcm: bytes, start: float, end: float) -> Vowel | None:
    """The vowel between two times, seconds; None where it has too few frames."""
    sound = to_floats(pcm)[max(0, int(start * SAMPLE_RATE)) : int(end * SAMPLE_RATE)].astype(np.float64)
    frames = [sound[at : at + _FRAME] for at in range(0, len(sound) - _FRAME, _HOP)]
    loudest = max((float(frame @ frame) for frame in frames), default=0.0)
    pairs = [pair for frame in frames if frame @ frame >= _LOUD * loudest > 0 for pair in _first_two_formants(frame)]
    if len(pairs) < _FEWEST:
        return None
    first, second = np.array(pairs).T
    low, middle, high = np.percentile(first, (25, 50, 75))
    lower_second, ratio = np.percentile(second, 25), np.median(second / first)
    return Vowel(float(middle), float(lower_second), float(ratio), float((high - low) / middle))


def _first_two_formants(frame: npt.NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    """The two lowest formants of a frame, where it has them."""
    shaped = np.append(frame[0], frame[1:] - _PRE_EMPHASIS * frame[:-1]) * np.hamming(len(frame))
    lags = np.correlate(shaped, shaped, "full")[len(shaped) - 1 : len(shaped) + _POLES]
    lags[0] *= 1.0001  # A trace of white noise, or silence would have no solution.
    if lags[0] <= 0:
        return
    rows = np.abs(np.subtract.outer(np.arange(_POLES), np.arange(_POLES)))
    poles = np.roots(np.append(1.0, np.linalg.solve(lags[rows], -lags[1:])))
    poles = poles[poles.imag > 0]
    hz = np.angle(poles) * SAMPLE_RATE / (2 * np.pi)
    wide = -np.log(np.abs(poles)) * SAMPLE_RATE / np.pi
    found = np.sort(hz[(hz > _FORMANTS_HZ[0]) & (hz < _FORMANTS_HZ[1]) & (wide < _WIDEST_HZ)])
    if len(found) > 1:
        yield float(found[0]), float(found[1])
