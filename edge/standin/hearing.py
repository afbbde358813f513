"""The recogniser behind every endpoint: Moonshine tiny-en, a network that writes free text and knows no form."""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
import soxr
from starlette.concurrency import run_in_threadpool

from edge.errors import Misconfigured
from edge.understand.moonshine_interpreter import Samples, between_silences

RATE = 16_000
"""Samples per second that the recogniser takes."""

SHORTEST_S = 0.1
"""OpenAI's least length of a recording; less is refused as `audio_too_short`."""


class NotSound(ValueError):
    """What was sent is no recording in the format it claims to be."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording as it was sent, decoded to 16 kHz and one channel."""

    samples: Samples
    container: str
    """What the bytes are, in soundfile's words: WAV, MP3, FLAC, OGG."""

    @classmethod
    def decoded(cls, content: bytes) -> Sound:
        """The sound in any container that libsndfile knows. Raises NotSound."""
        try:
            with soundfile.SoundFile(io.BytesIO(content)) as file:
                samples, rate, container = file.read(dtype="float32", always_2d=True), file.samplerate, file.format
        except (soundfile.LibsndfileError, RuntimeError) as fault:
            raise NotSound(str(fault)) from None
        mono = samples.mean(axis=1, dtype=np.float32)
        return cls(mono if rate == RATE else soxr.resample(mono, rate, RATE), container)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    @property
    def sha256(self) -> str:
        """Of the decoded samples: the same sound in another container that loses nothing is the same sound."""
        return hashlib.sha256(self.samples.tobytes()).hexdigest()


class Ear:
    """One recogniser for the process. What it heard once in a sound it does not work out again."""

    def __init__(self) -> None:
        """Load the weights, which takes half a second. Raises Misconfigured where the package cannot be loaded."""
        self._transcriber = _transcriber()
        self._one_at_a_time = threading.Lock()  # the library's object is not made for two threads at a time
        self._heard: dict[str, str] = {}

    async def hear(self, sound: Sound) -> str:
        """The words in the sound, with the recogniser's own punctuation; empty where it hears none."""
        known = self._heard.get(sound.sha256)
        return known if known is not None else await run_in_threadpool(self._listen, sound)

    def _listen(self, sound: Sound) -> str:
        with self._one_at_a_time:
            if sound.sha256 not in self._heard:
                told = self._transcriber.transcribe_without_streaming(between_silences(sound.samples).tolist(), RATE)
                self._heard[sound.sha256] = " ".join(line.text.strip() for line in told.lines)
        return self._heard[sound.sha256]


def _transcriber() -> Any:
    try:
        from moonshine_voice import ModelArch, get_model_path  # noqa: PLC0415 - half a second, and an optional extra
        from moonshine_voice.transcriber import Transcriber  # noqa: PLC0415 - likewise
    except OSError as fault:  # its package opens the sound library, though nothing here needs a sound card
        raise Misconfigured(
            f"the stand-in's recogniser needs the PortAudio library ({fault}); on Debian: apt-get install libportaudio2"
        ) from None
    # Otherwise each answer carries the sound along, as a list of Python floats.
    return Transcriber(get_model_path("tiny-en"), ModelArch.TINY, options={"return_audio_data": "false"})
