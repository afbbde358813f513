"""How the simulated operator sounds: espeak-ng, as loud as a clip's speaker and in the noise of the clip."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from random import Random

import numpy as np

from edge.agree.voices.espeak import EspeakVoice
from edge.hear.framing import Framing, floats
from edge.measure.noises import Sound, active_rms, within_full_scale
from edge.measure.scoring import Result
from edge.ports import Source
from edge.records import SAMPLE_RATE, Frame

BEFORE_S, AFTER_S = 0.4, 1.6
"""Sound before and after an answer: after it, more than the longest silence that endpointing waits for."""

VARIANTS = ("", "m3", "m4", "m5", "m7", "f1", "f2")
"""Speakers of espeak-ng of whom the recogniser hears at least 45 of 48 answers in silence. The "nine" of m1, m2, f3 and
f4 is hardly one."""

SPEEDS = (135, 175)
"""Words per minute between which each speaker has a pace."""

SAY_WITHIN_S = 30.0
"""Far more than espeak-ng ever takes; it computes on this machine."""

NOISE_MARGIN_S = 0.15
"""Breath around speech is no noise."""

LANGUAGE = "en"
"""What the on-device recognisers hear."""


class Spoken(Source):
    """An answer as a source. `told` makes it another saying than the same sound at another time."""

    live = False

    def __init__(self, sound: Sound, told: str) -> None:
        self.name = f"sha256:{sha256(told.encode() + sound.tobytes()).hexdigest()}"
        self._sound = sound

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self._sound) / SAMPLE_RATE

    def frames(self) -> Iterator[Frame]:
        """The sound in frames of 20 ms."""
        framing = Framing(SAMPLE_RATE)
        yield from framing.take(self._sound.astype(np.float32)[:, np.newaxis])
        yield from framing.end()


async def spoken(text: str, speaker: str, seed: int) -> Sound:
    """The text in the voice that belongs to a speaker of the set."""
    voice = _voice(speaker, seed)
    pieces = [piece async for piece in voice.say(text, LANGUAGE, SAY_WITHIN_S)]
    return floats(b"".join(pieces)).astype(np.float64)


def _voice(speaker: str, seed: int) -> EspeakVoice:
    """One voice and pace for each speaker of the set."""
    random = Random(f"{seed} {speaker}")  # noqa: S311 - chance, not secrecy
    return EspeakVoice(random.randint(*SPEEDS), random.choice(VARIANTS))


def in_place(said: Sound, clip: Sound, result: Result) -> Sound:
    """What is said, as loud as the clip's speaker, over the noise that the clip has where nobody speaks."""
    speech, around = _parted(clip, result)
    before, after = (round(seconds * SAMPLE_RATE) for seconds in (BEFORE_S, AFTER_S))
    padded = np.pad(said, (before, after))
    noise = np.resize(around, len(padded)) if len(around) else np.zeros(len(padded))
    # The clip's speech was measured with its noise in it.
    power = max(active_rms(speech) ** 2 - float(np.mean(noise**2)), active_rms(speech) ** 2 / 10)
    return within_full_scale(padded * (np.sqrt(power) / active_rms(said)) + noise)


def _parted(sound: Sound, result: Result) -> tuple[Sound, Sound]:
    """The clip's stretch of speech, and what lies around it."""
    starts = [one.utterance.segment.speech_start for one in result.heard]
    margin = round(NOISE_MARGIN_S * SAMPLE_RATE)
    begin = max(0, min(starts, default=0) - margin)
    end = len(sound) if result.clip.speech_end is None else round(result.clip.speech_end * SAMPLE_RATE) + margin
    return sound[begin:end], np.concatenate([sound[:begin], sound[end:]])
