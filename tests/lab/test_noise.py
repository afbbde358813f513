from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lab.noises import (
    BABBLE,
    LEVEL,
    LOUDNESS_DB,
    NOISE_KINDS,
    GeneratedNoise,
    generate_babble,
    generate_noise,
    mix_at_snr,
    read_all_samples,
)
from tests.rows import each_of


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound**2)))


@each_of("kind", sorted(NOISE_KINDS))
def test_a_seed_gives_the_same_noise_at_a_level_of_its_own_another_seed_another(kind: str) -> None:
    once = generate_noise(kind, 3, seed=1)
    np.testing.assert_array_equal(once, generate_noise(kind, 3, seed=1))
    assert not np.allclose(once, generate_noise(kind, 3, seed=2))
    assert len(once) == 48_000
    assert rms(once) == pytest.approx(LEVEL)


def loudest_hertz(sound: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * 16_000 / len(sound))


def test_each_noise_sounds_like_its_name() -> None:
    assert loudest_hertz(generate_noise("reversing_beeper", 4, 1)) == pytest.approx(1250, abs=3)
    assert loudest_hertz(generate_noise("forklift_engine", 4, 1)) == pytest.approx(50, abs=5)
    assert loudest_hertz(generate_noise("wind", 4, 1)) < 300
    assert loudest_hertz(generate_noise("clang", 4, 1)) > 400


@each_of("snr_db", [20, 10, 5, 0, -5])
def test_noise_lies_below_the_active_speech_by_the_ratio(snr_db: float) -> None:
    tone = 0.05 * np.sin(np.arange(16_000) / 5)
    speech = np.concatenate([tone, np.zeros(32_000)])  # pauses must not count
    under = mix_at_snr(speech, generate_noise("pink", 3, 1), snr_db) - speech
    assert 20 * np.log10(rms(tone) / rms(under)) == pytest.approx(snr_db, abs=0.1)


IN_WIND = ("05-pallet-5245-thirty-units-dock-hotel-in-wind-20db", "086-clean", "wind", 20, 5)
BY_FORKLIFT = ("06-pallet-175-twenty-one-cartons-dock-foxtrot-by-forklift-10db", "045-clean", "forklift_engine", 10, 6)


@each_of("recipe", [IN_WIND, BY_FORKLIFT], ids=["wind", "forklift"])
def test_the_noisy_demo_clips_can_be_made_again(repository: Path, recipe: tuple[str, str, str, float, int]) -> None:
    made, clean, kind, snr_db, seed = recipe
    speech = repository / "tests/data/speech"
    sound, rate = soundfile.read(speech / "set" / f"{clean}.flac")
    stored, _ = soundfile.read(speech / "demo" / f"{made}.flac")
    np.testing.assert_allclose(
        stored, mix_at_snr(sound, generate_noise(kind, len(sound) / rate, seed), snr_db), atol=2 / 32_768
    )
    truth = [json.loads(line) for line in (speech / "demo/manifest.jsonl").read_text().splitlines()]
    assert any(clip["audio"] == f"{made}.flac" and clip["noise"] == kind for clip in truth)


def test_babble_is_speech_played_backwards_and_never_forwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.noises._TALKERS", 1)
    voice = np.random.default_rng(1).standard_normal(4_000) * np.linspace(0, 1, 4_000)
    sound = np.tile(generate_babble([voice], 1, seed=1), 2)
    backwards, forwards = (np.correlate(sound, one).max() / 16_000 for one in (voice[::-1], voice))
    assert backwards > 5 * forwards
    assert rms(sound) == pytest.approx(LEVEL)


@each_of("kind", ["wind", BABBLE])
def test_a_made_sound_is_a_source_of_its_own_name_length_and_loudness(kind: str) -> None:
    voices = [np.random.default_rng(1).standard_normal(8_000)]
    first, second = GeneratedNoise(kind, 2, 1, voices), GeneratedNoise(kind, 2, 2, voices)
    assert first.name != second.name
    assert first.name == GeneratedNoise(kind, 2, 1, voices).name
    frames = list(first.frames())
    assert frames[-1].end == 2 * 16_000
    levels = [20 * np.log10(rms(read_all_samples(one)) / LEVEL) for one in (first, second)]
    assert all(LOUDNESS_DB[0] - 1 < level < LOUDNESS_DB[1] + 1 for level in levels)
    assert levels[0] != pytest.approx(levels[1], abs=0.5)
