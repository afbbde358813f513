"""Sound as records: frames, segments and utterances, and the identity that an utterance is given."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SAMPLE_RATE = 16_000  # Samples per second everywhere inside: what webrtcvad, Silero and the recognisers all take.
SAMPLE_BYTES = 2  # Bytes per sample (signed 16-bit little-endian, one channel).


@dataclass(frozen=True, slots=True)
class Frame:
    """A fixed slice of sound (20 ms), numbered by the sample index of its first sample."""

    start: int
    pcm: bytes = field(repr=False)

    @property
    def samples(self) -> int:
        """The number of samples in the frame."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def end(self) -> int:
        """The sample index just past the slice."""
        return self.start + self.samples


@dataclass(frozen=True, slots=True)
class Acoustics:
    """How well an utterance can be heard, measured from its sound alone."""

    snr_db: float  # How far the voice stands out from what surrounds it, dB.
    level_db: float  # The loudness of the voice, dB below full scale.
    clipped: float  # The share of the samples that overran the converter, 0 to 1.
    speech_seconds: float  # From the first to the last moment of speech.
    second_voice: float  # The share of voiced sound with another pitch, 0 to 1: a second speaker is likely.

    @property
    def noise_db(self) -> float:
        """The background's level, dB below full scale."""
        return self.level_db - 10 * math.log10(1 + 10 ** (self.snr_db / 10))


class ClosedBy(StrEnum):
    """Why endpointing ended an utterance."""

    PAUSE = "pause"  # The operator fell silent for the hangover.
    TOO_LONG = "too_long"  # The hard maximum length was reached while speech went on.
    BROKEN_OFF = "broken_off"
    """Sound was lost, or the microphone ended, during speech: its end or beginning is missing."""
    SOURCE_ENDED = "source_ended"  # The recording ended, and with it what was said in it.


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound that endpointing cut out, before it has an identity. All positions are sample indices."""

    start: int  # First sample of `pcm`, pre-roll included.
    speech_start: int
    speech_end: int
    closed: int  # Where in the sound the decision fell that the operator had finished.
    closing: ClosedBy
    pcm: bytes = field(repr=False)

    @property
    def seconds(self) -> float:
        """The length of the sound kept, in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE


def make_copy_id(utterance_id: str, of: str) -> str:
    """The deterministic id of an utterance that repeats another one's sound: for this event, or for its next thing.

    A UUIDv7 with the same time, which is in its first twelve digits.
    """
    digits = hashlib.sha256(f"{utterance_id}\n{of}".encode("ascii")).hexdigest()
    return f"{utterance_id[:14]}7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"


@dataclass(frozen=True, slots=True)
class Utterance:
    """Endpointed sound with an identity that never changes, whatever is re-read or re-sent."""

    utterance_id: str  # UUIDv7, minted when the segment closed.
    form: str  # Name of the form the operator was filling.
    source: str  # `microphone`, `keyboard`, `scanner`, or `sha256:<hex>` of the recording it was cut from.
    heard_at: datetime  # Wall time of the closing, UTC. Data, never used for waiting.
    segment: Segment
    typed: str | None = field(default=None, repr=False)  # Typed or scanned text, key by key; None for speech.
    device: str | None = field(default=None, repr=False)  # The scanner, by its own name.
    language: str | None = None  # The language that was spoken, by its code; None: the device's own.
