from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon
from edge.speak.mixer import earcon_samples
from tests.rows import each_of

WINDOW = SAMPLE_RATE * 20 // 1000


def sound(which: Earcon) -> NDArray[np.float64]:
    return earcon_samples(which).astype(np.float64) / 32768


def rhythm(which: Earcon) -> list[int]:
    """How long each tone lasts, and each gap between two, in ms."""
    loud = np.convolve(np.abs(sound(which)), np.ones(32) / 32, "same") > 0.004  # two periods of the lowest tone
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    return [round((after - before) * 1000 / SAMPLE_RATE) for before, after in pairwise(edges)]


def contour(which: Earcon) -> list[int]:
    """The strongest frequency in each 20 ms that are not silent, Hz."""
    whole = sound(which)
    pieces = [whole[at : at + WINDOW] for at in range(0, len(whole) - WINDOW + 1, WINDOW)]
    loud = [piece for piece in pieces if np.sqrt((piece**2).mean()) > 0.02]
    return [int(np.abs(np.fft.rfft(piece, 4096)).argmax() * SAMPLE_RATE / 4096) for piece in loud]


@each_of("which", list(Earcon))
def test_no_earcon_is_louder_than_it_may_be(which: Earcon) -> None:
    assert np.abs(sound(which)).max() == pytest.approx(10 ** (-14 / 20), rel=0.01)


@each_of("which", list(Earcon))
def test_no_earcon_clicks(which: Earcon) -> None:
    wave = sound(which)
    assert abs(wave[0]) < 1e-3
    assert abs(wave[-1]) < 5e-3
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    above = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE) > 5000  # a click is as strong there as anywhere
    assert spectrum[above].sum() / spectrum.sum() < 1e-4


@each_of("which", list(Earcon))
def test_every_tone_is_where_headsets_and_ears_are_good(which: Earcon) -> None:
    assert all(580 <= hertz <= 1800 for hertz in contour(which))


def test_each_has_a_rhythm_or_a_contour_of_its_own() -> None:
    seen = {}
    for which in Earcon:
        steps = tuple(int(np.sign(round((b - a) / 60))) for a, b in pairwise(contour(which)))
        shape = tuple(step for step in steps if step) or (0,)
        seen[which] = (len(rhythm(which)), shape[0], len(shape) > 2)
    assert len(set(seen.values())) == len(Earcon), seen
