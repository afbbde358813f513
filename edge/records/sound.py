"""Sound: 16 kHz mono 16-bit little-endian PCM, in slices, and how well a voice in it can be heard."""

from __future__ import annotations

from dataclasses import dataclass, field

SAMPLE_RATE = 16_000
"""Samples per second everywhere inside: what webrtcvad, Silero and the recognisers all take."""

SAMPLE_BYTES = 2
"""Bytes per sample (signed 16-bit little-endian, one channel)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A fixed slice of sound (20 ms), numbered by the sample index of its first sample."""

    start: int
    pcm: bytes = field(repr=False)

    @property
    def samples(self) -> int:
        """How many samples the slice holds."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def end(self) -> int:
        """The sample index just past the slice."""
        return self.start + self.samples


@dataclass(frozen=True, slots=True)
class Acoustics:
    """How well an utterance can be heard, measured from its sound alone."""

    snr_db: float
    """How far the voice stands out from what surrounds it, dB."""
    level_db: float
    """The loudness of the voice, dB below full scale."""
    clipped: float
    """The share of the samples that overran the converter, 0 to 1."""
    speech_seconds: float
    """From the first to the last moment of speech."""
    second_voice: float
    """The share of the voiced sound whose pitch is not that of the rest, 0 to 1: somebody else may be talking."""
