"""Earcons, and the mixer: earcons at once, phrases in turn, silence when the operator speaks. Pure; time is samples.

The player takes sound piece by piece; the speaker adds to it. An earcon never waits for a phrase, and a phrase begins
while its earcon fades. Earcons are computed, and differ by contour and rhythm as well as pitch.

All tones lie between 600 and 1,800 Hz. Below that machines are loudest; above it a telephone-band headset fades, and
ears that have worked in noise for years hear least. A weak second harmonic sets a tone apart from a machine's hum.
Tones rise and fall along half a cosine, so that nothing clicks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon

Samples = NDArray[np.int16]

_PEAK_DB = -14.0
"""Peak level, dB below full scale: under the voice (`synthesis._LOUDNESS_DB`), which earcons may overlap, and no
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


_SCORES: Mapping[Earcon, tuple[_EarconTone, ...]] = MappingProxyType(
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
"""The tones of each earcon."""


@cache
def earcon_samples(which: Earcon) -> Samples:
    """The earcon's samples, 16 kHz mono. Cached: do not write into it."""
    wave = np.concatenate([_render_tone(tone) for tone in _SCORES[which]])
    scaled = wave / np.abs(wave).max() * 10 ** (_PEAK_DB / 20) * np.iinfo(np.int16).max
    samples: Samples = np.rint(scaled).astype(np.int16)
    samples.flags.writeable = False
    return samples


def _render_tone(tone: _EarconTone) -> NDArray[np.float64]:
    count = SAMPLE_RATE * tone.ms // 1000
    frequency = np.geomspace(tone.begins_hz, tone.ends_hz, count)  # pitch is heard on a logarithmic scale
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    wave = (np.sin(phase) + _SECOND_HARMONIC * np.sin(2 * phase)) * _envelope(count)
    return np.concatenate([wave, np.zeros(SAMPLE_RATE * tone.gap_ms // 1000)])


def _envelope(count: int) -> NDArray[np.float64]:
    edge = SAMPLE_RATE * _EDGE_MS // 1000
    rise = (1 - np.cos(np.pi * np.arange(edge) / edge)) / 2
    return np.concatenate([rise, np.ones(count - 2 * edge), rise[::-1]])


_LEAD = SAMPLE_RATE * 50 // 1000
"""An earcon plays alone for so long before a phrase may begin: 50 ms, enough for its first tone."""

_FADE = SAMPLE_RATE * 5 // 1000  # What is cut off fades within 5 ms: at once for the operator, and without a click.

MOST_WAITING = 16  # Queue limit: older phrases are outdated. The oldest of the lowest rank is dropped.

_STEP_DB = 3.0  # Louder and softer: the least step that is plainly heard.
_SOFTEST_DB, _LOUDEST_DB = -24.0, 6.0
"""So soft that a quiet room is needed; so loud that a phrase's peaks just do not overrun."""


class PhrasePriority(IntEnum):
    """Priorities of queued phrases; the mixer plays higher ones first."""

    NEWS = 0  # What can wait for a quiet moment.
    REPLY = 1  # The answer to what was just said.
    PRIORITY = 2  # What must be heard: it goes before all else and is not stopped by the operator's voice.


@dataclass(eq=False)
class Phrase:
    """A queued phrase of the mixer, whose sound arrives clause by clause."""

    rank: PhrasePriority
    waiting: deque[Samples] = field(default_factory=deque, repr=False)
    whole: bool = False  # No more sound follows.
    began: bool = False


class Mixer:
    """Mixes earcons and speech into one stream of samples."""

    def __init__(self, volume_db: float = 0.0) -> None:
        """Make an idle mixer. `volume_db` is relative to the level of the sound, limited to a bearable range."""
        self.position = 0  # Rendered samples.
        self.volume_db = min(max(volume_db, _SOFTEST_DB), _LOUDEST_DB)
        self._gain = self._volume_factor
        self._earcons: deque[Samples] = deque()
        self._phrases: list[Phrase] = []
        self._voice_from = 0
        self._tail: NDArray[np.float64] = np.zeros(0)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is played or queued."""
        return not (self._earcons or self._phrases)

    def play_earcon(self, sound: Samples) -> None:
        """Queue an earcon behind the current ones."""
        if not self._earcons:
            self._voice_from = self.position + _LEAD
        self._earcons.append(sound)

    def queue_phrase(self, rank: PhrasePriority) -> Phrase:
        """Queue a phrase before those of lower rank; its sound is passed to `append_sound`.

        A PRIORITY phrase drops all of lower rank. Beyond `MOST_WAITING` the oldest of the lowest rank is dropped.
        """
        phrase = Phrase(rank)
        if rank is PhrasePriority.PRIORITY:
            self.stop_speaking()
        behind = sum(other.rank >= rank or other.began for other in self._phrases)
        self._phrases.insert(behind, phrase)
        if len(self._phrases) > MOST_WAITING:
            self._dequeue(min((one for one in self._phrases if not one.began), key=lambda one: one.rank))
        return phrase

    def append_sound(self, phrase: Phrase, sound: Samples) -> bool:
        """Append sound to a phrase; False where it was dropped."""
        if phrase not in self._phrases:
            return False
        if len(sound):
            phrase.waiting.append(sound)
        return True

    def end_phrase(self, phrase: Phrase) -> None:
        """Mark a phrase as complete: no more sound follows."""
        phrase.whole = True
        if not phrase.waiting:
            self._dequeue(phrase)

    def stop_speaking(self) -> bool:
        """Drop all but priority phrases, current and queued; whether there were any."""
        cut = [phrase for phrase in self._phrases if phrase.rank is not PhrasePriority.PRIORITY]
        for phrase in cut:
            if phrase.began and phrase.waiting:
                left = phrase.waiting[0][:_FADE].astype(np.float64)
                self._tail = left * np.linspace(1, 0, len(left), endpoint=False) * self._gain
            self._dequeue(phrase)
        return bool(cut)

    def adjust_volume(self, steps: int) -> float:
        """Change the volume by `steps` of 3 dB; return it in dB."""
        self.volume_db = min(max(self.volume_db + steps * _STEP_DB, _SOFTEST_DB), _LOUDEST_DB)
        return self.volume_db

    def render(self, count: int) -> Samples:
        """Mix the next `count` samples, silence included. Called by the playback callback at the sound card's pace."""
        mixed = self._render_phrases(count) + self._render_earcons(count)
        ramp = np.linspace(self._gain, self._volume_factor, count) if self._gain != self._volume_factor else self._gain
        mixed *= ramp
        self._gain = self._volume_factor
        faded = min(count, len(self._tail))
        mixed[:faded] += self._tail[:faded]
        self._tail = self._tail[faded:]
        self.position += count
        limits = np.iinfo(np.int16)
        return np.clip(np.rint(mixed), limits.min, limits.max).astype(np.int16)

    @property
    def _volume_factor(self) -> float:
        return float(10 ** (self.volume_db / 20))

    def _dequeue(self, phrase: Phrase) -> None:
        if phrase in self._phrases:
            self._phrases.remove(phrase)

    def _render_earcons(self, count: int) -> NDArray[np.float64]:
        samples = np.zeros(count)
        filled = 0
        while self._earcons and filled < count:
            sound = self._earcons[0]
            taken = sound[: count - filled]
            samples[filled : filled + len(taken)] = taken
            filled += len(taken)
            if len(taken) == len(sound):
                self._earcons.popleft()
            else:
                self._earcons[0] = sound[len(taken) :]
        return samples

    def _render_phrases(self, count: int) -> NDArray[np.float64]:
        samples = np.zeros(count)
        under_way = bool(self._phrases) and self._phrases[0].began
        filled = 0 if under_way else min(max(self._voice_from - self.position, 0), count)
        for phrase in list(self._phrases):
            for piece in self._take_pieces(phrase, count - filled):
                phrase.began = True
                samples[filled : filled + len(piece)] = piece
                filled += len(piece)
            if phrase.waiting or not phrase.whole:
                break  # the room is filled, or the rest of it is still being made: later phrases wait
            self._dequeue(phrase)
        return samples

    @staticmethod
    def _take_pieces(phrase: Phrase, room: int) -> Iterator[Samples]:
        while phrase.waiting and room:
            piece = phrase.waiting.popleft()
            if len(piece) > room:
                phrase.waiting.appendleft(piece[room:])
                piece = piece[:room]
            room -= len(piece)
            yield piece
