"""Speech on its way out: another rate, a container."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile
import soxr

from edge.standin.hearing import RATE

SPEECH_RATE = 24_000
"""OpenAI's speech, in every format."""

Samples = np.ndarray[Any, np.dtype[np.int16]]

CONTAINERS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III")}
"""In soundfile's words."""


def encoded(samples: Samples, container: str, rate: int = RATE) -> bytes:
    """Speech of 16 kHz in a container of `CONTAINERS`, or without one (`pcm`), at another rate."""
    turned = samples if rate == RATE else soxr.resample(samples, RATE, rate)
    if container not in CONTAINERS:
        return bytes(turned.tobytes())
    file = io.BytesIO()
    kind, subtype = CONTAINERS[container]
    soundfile.write(file, turned, rate, format=kind, subtype=subtype)
    return file.getvalue()
