"""Earcons: short sounds with a meaning, computed, each told from the others by contour and rhythm as well as pitch.

All tones lie between 600 and 1,800 Hz. Below that machines are loudest; above it a telephone-band headset fades, and
ears that have worked in noise for years hear least. A weak second harmonic makes a tone stand out where a pure one
would be taken for a machine's. Every tone rises and falls along half a cosine, so that nothing clicks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon

Samples = NDArray[np.int16]

PEAK_DB = -14.0
"""The loudest sample, dB below full scale: under the voice (`phrases.LOUDNESS_DB`), which they may lie beneath, and no
shock to an ear that waits for speech."""

_EDGE_MS = 8
"""Rise and fall of each tone: long enough to spread a click's energy below hearing, short enough for a crisp start."""

_SECOND_HARMONIC = 0.25  # Its amplitude beside the tone's.


@dataclass(frozen=True, slots=True)
class _EarconTone:
    """A tone that may glide, and the silence after it."""

    begins_hz: float
    ends_hz: float
    ms: int
    gap_ms: int = 0


SCORES: Mapping[Earcon, tuple[_EarconTone, ...]] = MappingProxyType(
    {
        # One short tick: heard a thousand times a day, it must not tire.
        Earcon.HEARD: (_EarconTone(1000, 1000, 50),),
        # Two quick tones, a fifth up: done. The usual answer, so it is over before the readback's first syllable ends.
        Earcon.STORED: (_EarconTone(880, 880, 45, 15), _EarconTone(1320, 1320, 60)),
        # One tone gliding an octave up, as a voice does that asks.
        Earcon.QUESTION: (_EarconTone(700, 1400, 170),),
        # Two slow tones down: the opposite of stored, in direction and pace.
        Earcon.NOT_UNDERSTOOD: (_EarconTone(990, 990, 90, 50), _EarconTone(660, 660, 130)),
        # Three low tones on one pitch, the last long: a closed door. The inventory refused what was stored.
        Earcon.REFUSED: (_EarconTone(620, 620, 70, 60), _EarconTone(620, 620, 70, 60), _EarconTone(620, 620, 240)),
        # Eight tones to and fro, without a gap: an alarm, the only one that goes on for so long.
        Earcon.FAULT: (_EarconTone(1200, 1200, 80), _EarconTone(1700, 1700, 80)) * 4,
    }
)
"""What each sounds like, and why."""


@cache
def earcon(which: Earcon) -> Samples:
    """The sound, 16 kHz mono. The same samples each time: nobody may write into them."""
    wave = np.concatenate([_tone(tone) for tone in SCORES[which]])
    scaled = wave / np.abs(wave).max() * 10 ** (PEAK_DB / 20) * np.iinfo(np.int16).max
    samples: Samples = np.rint(scaled).astype(np.int16)
    samples.flags.writeable = False
    return samples


def _tone(tone: _EarconTone) -> NDArray[np.float64]:
    count = SAMPLE_RATE * tone.ms // 1000
    frequency = np.geomspace(tone.begins_hz, tone.ends_hz, count)  # pitch is heard on a logarithmic scale
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    wave = (np.sin(phase) + _SECOND_HARMONIC * np.sin(2 * phase)) * _envelope(count)
    return np.concatenate([wave, np.zeros(SAMPLE_RATE * tone.gap_ms // 1000)])


def _envelope(count: int) -> NDArray[np.float64]:
    edge = SAMPLE_RATE * _EDGE_MS // 1000
    rise = (1 - np.cos(np.pi * np.arange(edge) / edge)) / 2
    return np.concatenate([rise, np.ones(count - 2 * edge), rise[::-1]])
