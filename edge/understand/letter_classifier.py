"""Classifies a spoken letter by its spectrum, beside the recogniser, with linear discriminants. Pure.

Recognisers learn words, and letters that rhyme are none: they have the E of some speakers as a G, and list no E beside
it, so that no confidence tells them apart. A letter is short and its place is known from the recogniser's words, so it
can be compared as a whole: 20 mel spectra from its beginning to its end (Davis and Mermelstein, 1980, "Comparison of
parametric representations"), projected to where letters are furthest apart and one letter said by many voices is
closest together (Fisher, 1936; Rao, 1948, "The utilization of multiple measurements"). There a letter is the likelier
the nearer it is to the mean of its kind, by the square of the distance.

`letter_classifier.csv` has the projection and the means; `python -m lab.bench.letter_sounds` fits them on its own
voices.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files
from string import ascii_uppercase
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.confusable import is_weak_letter
from dockvoice_protocol.forms.spoken.language import CODE_WORDS
from dockvoice_protocol.records import FieldReading, Reading
from edge.audio.pcm import to_floats
from edge.records import SAMPLE_RATE
from edge.understand.letter_corroboration import CORROBORATION_PROBABILITY, corroborate, is_doubtful_letter
from edge.understand.letter_rescoring import allowed_letters, find_letter

_Floats = npt.NDArray[np.float64]

_FRAME, _HOP, _FFT = SAMPLE_RATE // 40, SAMPLE_RATE // 200, 512  # 25 and 5 ms: the burst of a "d" is no longer.
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 16, 100, 7600
_SPECTRA = 20
_AVERAGED = 3  # Frames of a spectrum.
_PRE_EMPHASIS = 0.97
_FLOOR = 1e-6  # 60 dB below the loudest band: silence is no more silent than that.
_EARLY_S, _LATE_S = 0.03, 0.1  # A recogniser begins a letter in its consonant, and ends it before it has faded.
_BEFORE_S, _BEHIND_S = 0.3, 0.25  # What is heard of the voice and the place around the letter.

TABLE = "letter_classifier.csv"
_LEAST = 1e-9  # No probability is less.

_MAX_SOUND_ODDS = 300.0
"""The sound's likelihood ratio is capped here: one B by a voice unlike all that were fitted sounded like the E that was
heard, at any ratio."""

_MAX_RECOGNISER_ODDS = 30.0
"""The recogniser's odds are capped here: it has the E of a voice as an A, at any confidence. The sound must then make
the letter 17 times likelier."""

_CORROBORATING_ODDS = 500.0
"""How much likelier a letter must be than any other, by the recogniser and its sound together, to need no second
recogniser. Of 542 docks in doubt, of the development sets and of ten voices, 199 were, and all of these were heard
right."""

_OVERRULING_ODDS = 10_000.0
"""How much likelier a letter that the recogniser listed must be than the one that it heard, to be taken instead. Of the
same docks 61 were so, rightly."""


class Discriminants(NamedTuple):
    """Where letters are furthest apart."""

    projection: _Floats  # A row for each value of `measure_letter`, and a last one for a constant.
    means: Mapping[str, _Floats]
    """By letter, its mean in the projection, where the deviation of each letter is 1 in every direction."""

    def find_probabilities(self, measured: _Floats, letters: Iterable[str]) -> dict[str, float]:
        """How likely the sound is to be each of these letters, where it is one of them; those known alone."""
        at = np.append(measured, 1.0) @ self.projection
        near = {one: -0.5 * float(np.sum((at - self.means[one]) ** 2)) for one in letters if one in self.means}
        most = max(near.values(), default=0.0)
        weights = {one: float(np.exp(value - most)) for one, value in near.items()}
        return {one: weight / sum(weights.values()) for one, weight in weights.items()}


def corroborate_letters_by_spectrum(
    reading: Reading, pcm: bytes, form: Form, catalogue: Catalogue, discriminants: Discriminants
) -> Reading:
    """The reading; a letter that may be another one is corroborated where it sounds like none of those.

    `pcm`: the sound in which the words have their times, 16-bit at 16 kHz. Where it is surely another letter, which the
    recogniser listed, that is the value.
    """
    fields, words = dict(reading.fields), list(reading.words)
    coded = {CODE_WORDS.get((word.text,)) for word in words}  # "G as in golf" needs no ear.
    for name, one in reading.fields.items():
        place = find_letter(one, [word.text for word in words]) if is_doubtful_letter(one) else None
        if place is None or words[place].text in coded or words[place].end <= words[place].start:
            continue
        measured = measure_letter(pcm, words[place].start, words[place].end)
        rivals = [of for of in allowed_letters(form[name], catalogue) if is_weak_letter(one.value, of)]
        fields[name] = _judge(one, discriminants.find_probabilities(measured, [str(one.value), *rivals]))
        if fields[name].value != one.value:
            words[place] = replace(words[place], text=str(fields[name].value).casefold())
    return replace(reading, fields=fields, words=tuple(words))


def _judge(one: FieldReading, likely: Mapping[str, float]) -> FieldReading:
    """`likely`: how likely the sound is to be the letter that was heard, and each that may have been said for it."""
    heard, recognised = str(one.value), one.confidence / max(1 - one.confidence, _LEAST)
    others = {letter: value for letter, value in likely.items() if letter != heard}
    if heard not in likely or not others:
        return one
    best = max(others, key=others.__getitem__)
    sound_odds = likely[heard] / max(others[best], _LEAST)
    if sound_odds > 1:
        odds = min(recognised, _MAX_RECOGNISER_ODDS) * min(sound_odds, _MAX_SOUND_ODDS)
        return corroborate(one) if odds >= _CORROBORATING_ODDS else one
    if best != one.runner_up or recognised * sound_odds * _OVERRULING_ODDS > 1:
        return one
    words = tuple(best.casefold() if word == heard.casefold() else word for word in one.words)
    return replace(one, value=best, words=words, runner_up=heard, seconded=True, confidence=CORROBORATION_PROBABILITY)


def measure_letter(pcm: bytes, start: float, end: float) -> _Floats:
    """The values by which the sound between two times, seconds, is compared: its spectra in turn, and its length."""
    first, last = start - _BEFORE_S, end + _BEHIND_S
    sound = to_floats(pcm)[max(0, round(first * SAMPLE_RATE)) : round(last * SAMPLE_RATE)].astype(np.float64)
    sound = np.pad(sound, (max(0, -round(first * SAMPLE_RATE)), _FRAME))
    spectra = _find_mel_spectra(sound)
    spectra -= spectra.mean(axis=0)  # What the microphone and the place add to every frame.
    middles = np.linspace(_BEFORE_S - _EARLY_S, end - first + _LATE_S, _SPECTRA)
    places = np.clip((middles * SAMPLE_RATE - _FRAME / 2) / _HOP, 0, len(spectra) - _AVERAGED).astype(int)
    averaged = [spectra[at : at + _AVERAGED].mean(axis=0) for at in places]
    return np.append(np.concatenate(averaged), end - start)


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


@lru_cache
def load_discriminants() -> Discriminants:
    """The discriminants of English letters. Raises Misconfigured where their table is missing or damaged."""
    table = files(__package__).joinpath(TABLE)
    try:
        rows = csv.reader(table.read_text(encoding="utf-8").splitlines())
        numbers = {name: np.array(values, float) for name, *values in rows}
        means = {name: values for name, values in numbers.items() if len(name) == 1}
        projection = np.array([values for name, values in numbers.items() if len(name) > 1])
        _check_shape(projection, means)
        return Discriminants(projection, means)
    except (OSError, ValueError) as fault:
        raise Misconfigured(f"{table}: cannot be read ({fault}); install dockvoice again") from None


def _check_shape(projection: _Floats, means: Mapping[str, _Floats]) -> None:
    """Raises ValueError where a table is cut off: it would fail at the first letter, long after the start."""
    directions = len(ascii_uppercase) - 1
    expected = (_SPECTRA * _BANDS + 2, directions)  # The spectra, the length and the constant.
    if projection.shape != expected:
        raise ValueError(f"its projection has the shape {projection.shape}, not {expected}")
    lacking = [one for one in ascii_uppercase if one not in means or means[one].shape != (directions,)]
    if lacking:
        raise ValueError(f"no mean of {directions} values for {', '.join(lacking)}")
