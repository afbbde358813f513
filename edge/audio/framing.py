"""Sound of any rate and channel count becomes frames: mixed to mono, resampled to 16 kHz, cut every 20 ms.

The frames depend on the samples alone, never on the sizes of the blocks in which they arrive.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soxr

from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Frame

FRAME_MS = 20
"""The longest common frame of what webrtcvad takes (10, 20 or 30 ms) that still answers within a syllable."""

FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES

FULL_SCALE = 32_768.0
"""The value 1.0 of float sound in 16-bit samples, 0 dBFS: libsndfile's own factor, so that 16-bit files pass unchanged.
A float, since it is one more than a 16-bit sample can hold."""

Block = npt.NDArray[np.float32]  # Sound as it arrives: one row per sample, one column per channel, -1 to 1.


def floats(pcm: bytes) -> npt.NDArray[np.float32]:
    """16-bit samples as floats, -1 to 1."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


class Framing:
    """Cuts sound without gaps into frames, numbered from `start`. Used once, from one thread."""

    def __init__(self, rate: int, *, start: int = 0) -> None:
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
        self._uncut = bytearray()
        self.position = start  # Sample index of the next frame.

    def take(self, block: Block) -> Iterator[Frame]:
        """The frames that are complete with this block, which may have any length."""
        return self._convert(block.mean(axis=1, dtype=np.float32), last=False)

    def end(self) -> Iterator[Frame]:
        """What is left when the source has ended; the last frame is filled with silence."""
        yield from self._convert(np.zeros(0, np.float32), last=True)
        if self._uncut:
            self._uncut.extend(bytes(FRAME_BYTES - len(self._uncut)))
            yield from self._cut()

    def _convert(self, mono: npt.NDArray[np.float32], *, last: bool) -> Iterator[Frame]:
        sound = mono if self._resampler is None else self._resampler.resample_chunk(mono, last=last)
        scaled = np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        self._uncut.extend(scaled.astype("<i2").tobytes())
        return self._cut()

    def _cut(self) -> Iterator[Frame]:
        while len(self._uncut) >= FRAME_BYTES:
            yield Frame(self.position, bytes(self._uncut[:FRAME_BYTES]))
            del self._uncut[:FRAME_BYTES]
            self.position += FRAME_SAMPLES
