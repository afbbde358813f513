from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.hear.acoustics import measure_acoustics
from edge.records import SAMPLE_RATE, Acoustics, ClosedBy, Segment
from tests.rows import each_of

Sound = NDArray[np.float64]


def voice(pitch_hz: float, seconds: float, loudness: float = 0.2) -> Sound:
    """A vowel: a fundamental and its harmonics, each half as loud as the one before."""
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return loudness * sum((0.5**n * np.sin(2 * np.pi * pitch_hz * (n + 1) * at) for n in range(6)), np.zeros_like(at))


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * SAMPLE_RATE))


def segment(speech: Sound, *, noise: float = 0.0, around_s: float = 0.3) -> Segment:
    sound = np.concatenate((silence(around_s), speech, silence(around_s)))
    sound = sound + noise * np.random.default_rng(1).standard_normal(len(sound))
    begins = int(around_s * SAMPLE_RATE)
    ends = begins + len(speech)
    pcm = np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype("<i2").tobytes()
    # The segment begins somewhere in the source: positions are those of the source.
    return Segment(1_000, 1_000 + begins, 1_000 + ends, 1_000 + len(sound), ClosedBy.PAUSE, pcm)


def of(speech: Sound, noise: float = 0.0) -> Acoustics:
    return measure_acoustics(segment(speech, noise=noise))


def test_an_utterance_without_speech_or_surroundings_is_measured_too() -> None:
    empty = measure_acoustics(Segment(0, 0, 0, 0, ClosedBy.BROKEN_OFF, b""))
    assert empty.speech_seconds == 0
    alone = measure_acoustics(segment(voice(120, 1.0), around_s=0.0))
    assert np.isfinite(alone.snr_db)


@each_of("snr_db", [0.0, 5.0, 10.0, 20.0])
def test_the_noise_is_told_from_the_voice(snr_db: float) -> None:
    speech = voice(120, 2.0)
    noise = float(np.sqrt(np.mean(speech**2))) * 10 ** (-snr_db / 20)
    assert of(speech, noise).snr_db == pytest.approx(snr_db, abs=1.5)
    assert of(speech, noise).noise_db == pytest.approx(20 * np.log10(noise), abs=1.5)


def test_a_voice_half_as_loud_is_six_decibels_fainter() -> None:
    assert of(voice(120, 1.0)).level_db - of(voice(120, 1.0, 0.1)).level_db == pytest.approx(6.0, abs=0.1)


def test_what_overran_the_converter_is_counted() -> None:
    assert of(voice(120, 1.0, 0.3)).clipped == 0.0
    assert of(voice(120, 1.0, 3.0)).clipped > 0.2


@each_of("pitch_hz", [85, 120, 210, 300])
def test_one_voice_is_one_voice(pitch_hz: float) -> None:
    assert of(voice(pitch_hz, 2.0)).second_voice == 0.0


def test_a_second_voice_shows_by_its_pitch() -> None:
    assert of(np.concatenate((voice(110, 1.2), voice(185, 0.8)))).second_voice == pytest.approx(0.4, abs=0.05)


def test_an_octave_is_taken_for_an_error_of_the_pitch_and_not_for_another_voice() -> None:
    assert of(np.concatenate((voice(110, 1.2), voice(220, 0.8)))).second_voice < 0.05
