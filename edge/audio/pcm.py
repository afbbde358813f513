"""Sound as samples: any rate and channel count becomes 20 ms frames at 16 kHz mono; levels. Pure.

The frames depend on the samples alone, never on the sizes of the blocks in which they arrive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

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


def to_floats(pcm: bytes) -> npt.NDArray[np.float32]:
    """Convert 16-bit PCM to floats from -1 to 1."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


class FrameCutter:
    """Cuts sound without gaps into frames, numbered from `start`. Used once, from one thread."""

    def __init__(self, rate: int, *, start: int = 0) -> None:
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
        self._uncut = bytearray()
        self.position = start  # Sample index of the next frame.

    def push(self, block: Block) -> Iterator[Frame]:
        """Add a block of any length; yield the frames it completes."""
        return self._convert(block.mean(axis=1, dtype=np.float32), last=False)

    def end(self) -> Iterator[Frame]:
        """Yield the remaining frames at the source's end, the last one padded with silence."""
        yield from self._convert(np.zeros(0, np.float32), last=True)
        if self._uncut:
            self._uncut.extend(bytes(FRAME_BYTES - len(self._uncut)))
            yield from self._cut_frames()

    def _convert(self, mono: npt.NDArray[np.float32], *, last: bool) -> Iterator[Frame]:
        sound = mono if self._resampler is None else self._resampler.resample_chunk(mono, last=last)
        scaled = np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        self._uncut.extend(scaled.astype("<i2").tobytes())
        return self._cut_frames()

    def _cut_frames(self) -> Iterator[Frame]:
        while len(self._uncut) >= FRAME_BYTES:
            yield Frame(self.position, bytes(self._uncut[:FRAME_BYTES]))
            del self._uncut[:FRAME_BYTES]
            self.position += FRAME_SAMPLES


_OVERRUN = 32_700  # Clipping threshold: filters round off what the converter clipped.

BOTTOM_DB = -120.0  # Digital silence, which has no logarithm; 16 bits cannot hold sound below -96 dB.

_FLOOR_S = 3.0  # The noise floor is the quietest there was in the last so many seconds: longer than most words hold on.

_NARROW_HZ = 4_200  # A telephone band, as Bluetooth's older codec (CVSD) gives, ends at 4 kHz; speech goes on beyond.

_NARROW_DB = -45.0
"""A level above NARROW_HZ this far below the total means a narrow band: vowels alone leave some -35 dB."""


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """The level of one piece of sound."""

    samples: int
    peak: int  # The largest absolute value of a sample, 0 to 32768.
    power: float  # The mean square of the samples, 1 at full scale.
    zeros: int  # How many samples are exactly 0: a real microphone has hardly any.
    clipped: int  # How many samples are at full scale.

    @property
    def rms_db(self) -> float:
        """The root mean square in dBFS: 0 for a square wave at full scale."""
        return power_to_dbfs(self.power)

    @property
    def peak_db(self) -> float:
        """The peak level in dBFS."""
        return power_to_dbfs((self.peak / FULL_SCALE) ** 2)


def measure_sound_level(pcm: bytes) -> SoundLevel:
    """Measure 16-bit sound of any rate and channel count; at least one sample."""
    samples = np.frombuffer(pcm, "<i2")
    sizes = np.abs(samples.astype(np.int32))
    power = float(np.mean((sizes / FULL_SCALE) ** 2))
    clipped = int(np.count_nonzero(sizes >= _OVERRUN))
    return SoundLevel(len(samples), int(sizes.max()), power, int(np.count_nonzero(sizes == 0)), clipped)


def power_to_dbfs(power: float) -> float:
    """A power relative to full scale, in dB, at least BOTTOM_DB."""
    return float(max(BOTTOM_DB, 10 * np.log10(power))) if power > 0 else BOTTOM_DB


class NoiseFloor:
    """The background level: the quietest piece within the last FLOOR_S seconds of sound."""

    def __init__(self) -> None:
        self._span = _FLOOR_S * SAMPLE_RATE
        self._sample_count = 0
        self._candidates: deque[tuple[int, float]] = deque()

    def update(self, piece: SoundLevel) -> float:
        """Add the next piece; return the floor in dBFS."""
        self._sample_count += piece.samples
        # Monotonic queue: a candidate as loud as the newest piece can never be the minimum again.
        while self._candidates and self._candidates[-1][1] >= piece.power:
            self._candidates.pop()
        self._candidates.append((self._sample_count, piece.power))
        while self._candidates[0][0] <= self._sample_count - self._span:
            self._candidates.popleft()
        return power_to_dbfs(self._candidates[0][1])


def is_telephone_band(pcm: bytes) -> bool:
    """Whether speech of half a second or more came through a telephone band: nothing above 4.2 kHz."""
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2") / FULL_SCALE)) ** 2
    frequencies = np.fft.rfftfreq(2 * (len(spectrum) - 1), 1 / SAMPLE_RATE)
    above = float(spectrum[frequencies > _NARROW_HZ].sum())
    return power_to_dbfs(above / max(float(spectrum.sum()), 1e-12)) < _NARROW_DB
