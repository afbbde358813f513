"""The wake phrase with the real recogniser, spoken by a synthetic voice."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.agent.parts import make_wake_filter
from edge.config import Hear, ListeningMode, Settings
from edge.records import SAMPLE_RATE, ClosedBy, Segment
from edge.speak.voices import EspeakVoice
from edge.understand.local.weights import find_model, locate

PHRASE = "hello warehouse"


def settings(phrase: str = PHRASE) -> Settings:
    return Settings(hear=Hear(mode=ListeningMode.WAKE_PHRASE, wake_phrase=phrase, wake_window_s=0))


def spoken(text: str) -> Segment:
    async def say() -> bytes:
        return b"".join([piece async for piece in EspeakVoice().say(text, "en", 30)])

    room = np.random.default_rng(1).normal(0, 30, SAMPLE_RATE // 4).astype("<i2").tobytes()
    pcm = room + asyncio.run(say()) + room
    samples = len(pcm) // 2
    return Segment(0, len(room) // 2, samples - len(room) // 2, samples, ClosedBy.PAUSE, pcm)


@pytest.fixture
def weights_here() -> bool:
    return locate(find_model("small-en-us"), Settings().models) is not None


def test_without_the_weights_it_says_how_to_get_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = settings().model_copy(
        update={
            "understand": Settings().understand.model_copy(update={"models_directory": tmp_path_factory.mktemp("x")})
        }
    )
    with pytest.raises(Misconfigured, match="run `dockvoice models get small-en-us`"):
        make_wake_filter(nowhere)


def test_an_open_microphone_needs_no_phrase() -> None:
    assert make_wake_filter(Settings()) is None


def test_only_what_begins_with_the_phrase_is_meant_for_the_device(weights_here: bool) -> None:
    assert weights_here, "dockvoice models get small-en-us, and name the directory in DOCKVOICE_TEST_MODELS"
    meant = make_wake_filter(settings())
    assert meant is not None
    for text in ("pallet seven four two", "hello", "hello everybody", "the warehouse is full", "yellow pallet"):
        assert meant(spoken(text)) is None, text
    called = spoken(f"{PHRASE} pallet seven four two twelve units dock b")
    left = meant(called)
    assert left is not None
    assert 0.5 < left.start / SAMPLE_RATE < 1.6
    assert left.pcm == called.pcm[left.start * 2 :]


def test_a_phrase_with_a_word_that_the_recogniser_does_not_know_is_refused(weights_here: bool) -> None:
    assert weights_here
    with pytest.raises(Misconfigured, match="does not know dockvoice; choose other words"):
        make_wake_filter(settings("hello dockvoice"))
