from __future__ import annotations

import io
import random
import wave

import numpy as np

from edge.records import SAMPLE_RATE
from edge.understand.llm.chunks import split_at_pauses, to_wav
from tests.rows import each_of


def noise(seconds: float, loudness: int = 8000) -> bytes:
    samples = np.random.default_rng(1).integers(-loudness, loudness, int(seconds * SAMPLE_RATE))
    return samples.astype("<i2").tobytes()


def spoken(*seconds: float) -> bytes:
    """Speech of these lengths, with a pause of 0.4 s after each."""
    return b"".join(noise(length) + noise(0.4, 20) for length in seconds)


@each_of("seconds", [0, 0.01, 4.99, 5])
def test_what_is_short_enough_stays_whole(seconds: float) -> None:
    assert split_at_pauses(noise(seconds), 5) == [noise(seconds)]


def test_the_pieces_together_are_the_sound_and_none_is_too_long() -> None:
    pcm = noise(61.3)
    cut = split_at_pauses(pcm, 5)
    assert b"".join(cut) == pcm
    assert max(map(len, cut)) <= 5 * SAMPLE_RATE * 2
    assert all(len(piece) % 2 == 0 for piece in cut)


def test_sound_is_cut_in_the_pauses() -> None:
    pcm = spoken(3.1, 4.2, 3.7, 4.4)
    middles = [sum((3.1, 4.2, 3.7)[: at + 1]) + 0.4 * at + 0.2 for at in range(3)]
    at, cuts = 0.0, []
    for piece in split_at_pauses(pcm, 6)[:-1]:
        at += len(piece) / SAMPLE_RATE / 2
        cuts.append(at)
    assert all(min(abs(cut - middle) for middle in middles) < 0.2 for cut in cuts)
    assert len(cuts) == 3


def test_digital_silence_is_cut_too() -> None:
    assert len(split_at_pauses(bytes(SAMPLE_RATE * 2 * 20), 5)) >= 4


def test_a_wav_file_holds_the_very_samples() -> None:
    pcm = random.Random(1).randbytes(32_000)
    with wave.open(io.BytesIO(to_wav(pcm))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        assert file.readframes(100_000) == pcm
