from __future__ import annotations

import asyncio
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.languages import LANGUAGES
from edge.records import SAMPLE_RATE
from edge.speak.voices import EspeakVoice
from tests.reading.languages import said_in
from tests.rows import each_of

ALOUD: dict[str, str] = {language: said_in(language)["aloud"] for language in LANGUAGES}

AUDIBLE = 1000
"""Root mean square of the samples: full scale is 32768, and speech at a comfortable level has some 2000 to 4000."""


async def said(voice: EspeakVoice, text: str, language: str = "en") -> bytes:
    return b"".join([piece async for piece in voice.say(text, language, 30.0)])


def spoken(text: str, language: str = "en", pace: float = 1.0) -> bytes:
    return asyncio.run(said(EspeakVoice(pace), text, language))


def seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / SAMPLE_RATE


def loudness(pcm: bytes) -> float:
    return float(np.sqrt((np.frombuffer(pcm, dtype="<i2").astype(np.float64) ** 2).mean()))


def alike(one: bytes, other: bytes) -> bool:
    """Whether two sounds say the same. The breath in a voice is noise, so no two are equal to the sample."""
    first, second = envelope(one), envelope(other)
    steps = min(len(first), len(second))
    return (
        abs(len(first) - len(second)) <= 1
        and float(np.corrcoef(first[:steps], second[:steps])[0, 1]) > 0.95  # the same words at another time: about 0.2
    )


def envelope(pcm: bytes) -> NDArray[np.float64]:
    """How loud each twentieth of a second is."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    step = SAMPLE_RATE // 20
    power: NDArray[np.float64] = (samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    return power**0.5


@each_of("language", ["", "x", "tlh", "zz-ZZ"])
def test_a_language_it_does_not_speak_is_refused_by_name(language: str) -> None:
    with pytest.raises(Misconfigured, match=r"found the language '.*'; it speaks en, de, es, fr, it"):
        spoken("hello", language)


@each_of("text", ["", " ", "\n", "."])
def test_a_text_without_words_makes_no_sound_that_is_heard(text: str) -> None:
    pcm = spoken(text)
    assert seconds(pcm) < 0.5
    assert not pcm or loudness(pcm) < AUDIBLE


@each_of("language", ALOUD)
def test_a_readback_is_audible_and_lasts_as_long_as_speech_does(language: str) -> None:
    pcm = spoken(ALOUD[language], language)
    assert len(pcm) % 2 == 0
    assert loudness(pcm) > AUDIBLE
    assert 2.0 < seconds(pcm) < 6.0


def test_what_is_said_at_the_same_time_does_not_mix() -> None:
    alone = {language: spoken(text, language) for language, text in ALOUD.items()}

    async def together() -> list[bytes]:
        voice = EspeakVoice()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(said(voice, text, language)) for language, text in ALOUD.items()]
        return [task.result() for task in tasks]

    assert all(alike(one, other) for one, other in zip(asyncio.run(together()), alone.values(), strict=True))


THREADS_BESIDE_THE_VOICE = """
import os
from edge.speak import voices
before = len(os.listdir("/proc/self/task"))
pcm = voices._load_library().speak("Pallet 7 4 2.", "en-us", 165)
print(len(pcm) > 16_000, len(os.listdir("/proc/self/task")) - before)
"""


def test_the_library_speaks_within_the_call_and_starts_no_thread_whose_queue_could_hang() -> None:
    ended = subprocess.run([sys.executable, "-c", THREADS_BESIDE_THE_VOICE], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "0"]
