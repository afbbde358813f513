from __future__ import annotations

import numpy as np
import pytest
import soxr

from edge.audio.pcm import NoiseFloor, is_telephone_band, measure_sound_level

CHANCE = np.random.default_rng(2)


def noise(rms: float, samples: int = 320) -> bytes:
    return CHANCE.normal(0, rms, samples).astype("<i2").tobytes()


def test_the_floor_is_what_surrounds_the_speech_and_rises_after_three_seconds() -> None:
    floor = NoiseFloor()
    quiet = [floor.update(measure_sound_level(noise(30))) for _ in range(50)][-1]
    amid_speech = [floor.update(measure_sound_level(noise(3000))) for _ in range(100)][-1]
    assert quiet == pytest.approx(-61, abs=2)
    assert amid_speech == pytest.approx(quiet, abs=1)
    later = [floor.update(measure_sound_level(noise(3000))) for _ in range(60)][-1]
    assert later == pytest.approx(-21, abs=2)


def test_a_telephone_band_is_narrow_whatever_rate_it_claims() -> None:
    wide = CHANCE.normal(0, 3000, 32_000)
    narrow = soxr.resample(soxr.resample(wide, 16_000, 8_000), 8_000, 16_000)
    assert is_telephone_band(narrow.astype("<i2").tobytes())
    assert not is_telephone_band(wide.astype("<i2").tobytes())
