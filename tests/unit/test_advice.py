from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from edge.agent.ear import listen
from edge.config import Endpoint, Vad
from edge.hear.acoustics import measure_and_advise
from edge.hear.endpointing import Endpointer, UtteranceClosed
from edge.hear.recording import RecordedSource
from edge.hear.speech_detection import make_speech_scorer
from edge.records import Segment
from tests.rows import each_of


@pytest.fixture(scope="module")
def said(repository: Path) -> Segment:
    clip = RecordedSource(repository / "tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac")
    heard = listen(clip, make_speech_scorer(Vad()), Endpointer(Endpoint()))
    return next(event.segment for event in heard if isinstance(event, UtteranceClosed))


def changed(said: Segment, gain_db: float = 0, noise: float = 0) -> Segment:
    sound = np.frombuffer(said.pcm, "<i2") * 10 ** (gain_db / 20)
    sound = np.clip(sound + np.random.default_rng(1).normal(0, noise or 1e-9, len(sound)), -32_768, 32_767)
    return replace(said, pcm=sound.astype("<i2").tobytes())


def todo(segment: Segment) -> str:
    return "; ".join(measure_and_advise(segment)[1])


def test_there_is_nothing_to_be_done_about_good_sound(said: Segment) -> None:
    assert todo(said) == ""


@each_of(
    ("gain_db", "noise", "told"),
    [
        (-40, 0, "very quiet: turn the gain up"),
        (30, 0, "overdriven: turn the gain down"),
        (0, 3000, "drowned in noise"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(said: Segment, gain_db: float, noise: float, told: str) -> None:
    assert told in todo(changed(said, gain_db, noise))


def test_a_telephone_band_is_told(said: Segment) -> None:
    sound = np.frombuffer(said.pcm, "<i2").astype(np.float64)
    narrow = soxr.resample(soxr.resample(sound, 16_000, 8_000), 8_000, 16_000)[: len(sound)]
    assert "a telephone band" in todo(replace(said, pcm=narrow.astype("<i2").tobytes()))
