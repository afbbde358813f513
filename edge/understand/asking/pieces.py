"""An utterance's sound as services take it: a WAV file, or several where it is too long, cut at pauses."""

from __future__ import annotations

import io
import wave

import numpy as np

from edge.records import SAMPLE_BYTES, SAMPLE_RATE

STEP = SAMPLE_RATE // 50
"""Samples in each step of the search for a pause: 20 ms, the frame of endpointing."""

PAUSE = 10
"""Steps of the quietest stretch that is looked for: 200 ms, longer than any stop inside a word."""

SEARCHED = 0.5
"""How much of the limit, from its end backwards, is searched for a pause: people pause within any half minute."""


def wav(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """The sound as a WAV file: one channel, 16 bit, `rate` samples per second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(SAMPLE_BYTES)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()


def pieces(pcm: bytes, limit_s: float) -> list[bytes]:
    """The sound in pieces of at most `limit_s` seconds that together are all of it, cut in pauses."""
    limit = int(limit_s * SAMPLE_RATE) * SAMPLE_BYTES
    found = []
    while len(pcm) > limit:
        at = _pause(pcm[:limit])
        found.append(pcm[:at])
        pcm = pcm[at:]
    return [*found, pcm]


def _pause(pcm: bytes) -> int:
    """The byte in the middle of the quietest stretch of what is searched."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    first = int(len(samples) * (1 - SEARCHED)) // STEP
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)[first:]
    loudness = np.convolve((steps**2).mean(axis=1), np.ones(PAUSE), mode="valid")
    middle = first + int(np.argmin(loudness)) + PAUSE // 2
    return middle * STEP * SAMPLE_BYTES
