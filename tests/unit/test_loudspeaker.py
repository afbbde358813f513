from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dockvoice_protocol.errors import Unavailable
from edge.audio import portaudio
from edge.audio.sound_server import NULL_SINK, PlaybackSink
from edge.records import SAMPLE_RATE
from edge.speak import loudspeaker as module
from edge.speak.loudspeaker import Loudspeaker
from edge.speak.mixer import PhrasePriority
from tests.rows import acted, each_of

SOUND = np.full(SAMPLE_RATE, 1000, dtype=np.int16)


class PortAudioError(Exception):
    pass


class Card:
    """A sound card in the shape of sounddevice, whose callbacks come when the test says so."""

    PortAudioError = PortAudioError

    def __init__(self, rate: int = SAMPLE_RATE, channels: int = 1) -> None:
        self.rate, self.channels = rate, channels
        self.there = True
        self.streams: list[Opened] = []

    def query_devices(self, device: object, kind: str) -> dict[str, Any]:
        if not self.there:
            raise ValueError(f"No output device matching {device!r}")
        return {
            "index": 3,
            "name": "speakers",
            "hostapi": 0,
            "default_samplerate": float(self.rate),
            "max_output_channels": self.channels,
        }

    def query_hostapis(self, _number: int) -> dict[str, Any]:
        return {"name": "a card of the test"}

    def check_output_settings(self, _index: int, *, channels: int, samplerate: int, dtype: str) -> None:
        if (samplerate, channels) != (self.rate, self.channels):
            raise PortAudioError("Invalid sample rate")

    def RawOutputStream(self, **given: Any) -> Opened:  # noqa: N802 - sounddevice's name
        self.streams.append(Opened(**given))
        return self.streams[-1]


class Opened:
    def __init__(self, *, callback: Callable[..., None], finished_callback: Callable[[], None], **given: Any) -> None:
        self.callback, self.finished, self.given = callback, finished_callback, given
        self.samplerate = float(given["samplerate"])
        self.closed = False

    def start(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def take(self, blocks: int = 1, latency_s: float = 0.02) -> Any:
        frames, channels = self.given["blocksize"], self.given["channels"]
        heard = []
        for _ in range(blocks):
            out = bytearray(frames * channels * 2)
            clock = SimpleNamespace(outputBufferDacTime=5.0 + latency_s, currentTime=5.0)
            self.callback(memoryview(out), frames, clock, None)
            heard.append(np.frombuffer(bytes(out), dtype="<i2"))
        return np.concatenate(heard).reshape(-1, channels)


@pytest.fixture
def card() -> Card:
    return Card()


def with_speaker(test: Callable[[Loudspeaker], Coroutine[Any, Any, None]], card: Card) -> None:
    asyncio.run(test(Loudspeaker(None, library=lambda: card)))


async def seen(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the condition is the product's own, which tells nobody
            await asyncio.sleep(0.01)


def speak(speaker: Loudspeaker) -> None:
    phrase = speaker.queue_phrase(PhrasePriority.REPLY)
    assert phrase is not None
    speaker.append_sound(phrase, SOUND)
    speaker.end_phrase(phrase)


@acted(with_speaker)
async def test_without_a_device_it_says_which_setting_to_mend(speaker: Loudspeaker, card: Card) -> None:
    card.there = False
    with pytest.raises(Unavailable, match=r"speak\.device"):
        await speaker.open()
    assert not speaker.is_open


@pytest.mark.parametrize("refused", ["by ALSA", "half made"])
@acted(with_speaker)
async def test_what_portaudio_must_not_open_or_has_not_made_is_never_started(
    speaker: Loudspeaker, card: Card, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if refused == "by ALSA":
        monkeypatch.setattr(Card, "query_hostapis", lambda _card, _number: {"name": "ALSA"})
        monkeypatch.setattr(portaudio, "_alsa_error", lambda name, *, playback: f"no {name}" if playback else None)
    else:
        monkeypatch.setattr(Opened, "samplerate", property(lambda _: 0.0, lambda _opened, _rate: None), raising=False)
    monkeypatch.setattr(Opened, "start", lambda _: pytest.fail("it was started"))
    with pytest.raises(Unavailable, match=r"ALSA: no speakers|vanished while"):
        await speaker.open()
    assert not speaker.is_open
    assert not any(stream.closed for stream in card.streams), "what is half made may hold up who closes it"


@acted(with_speaker)
async def test_a_device_lost_in_mid_phrase_is_opened_again_and_the_phrase_is_dropped(
    speaker: Loudspeaker, card: Card
) -> None:
    await speaker.open()
    speaker.adjust_volume(-1)
    speak(speaker)
    assert card.streams[0].take(3).any()
    card.there = False
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(speaker.keep_open())
        card.streams[0].finished()
        await seen(lambda: not speaker.is_open)
        assert speaker.queue_phrase(PhrasePriority.REPLY) is None
        card.there = True
        await seen(lambda: speaker.is_open)
        assert card.streams[0].closed
        assert speaker.is_quiet
        assert speaker.adjust_volume(0) == -3.0
        speak(speaker)
        assert card.streams[1].take(3).any()
        keeping.cancel()
    assert card.streams[1].closed


@acted(with_speaker)
async def test_a_stream_that_takes_no_more_sound_is_opened_again(
    speaker: Loudspeaker, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STUCK_S", 0.05)
    await speaker.open()
    card.streams[0].take()
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(speaker.keep_open())
        await seen(lambda: len(card.streams) > 1)
        keeping.cancel()
    assert card.streams[0].closed


@pytest.mark.parametrize("sink", ["earpiece", NULL_SINK])
@acted(with_speaker)
async def test_what_a_server_puts_up_for_want_of_a_speaker_is_open_and_nobody_hears_it(
    speaker: Loudspeaker, sink: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlaybackSink, "_query_sinks", lambda _: SimpleNamespace(own=sink, names={sink}))
    assert not await speaker.is_audible()
    await speaker.open()
    assert await speaker.is_audible() is (sink != NULL_SINK)


@each_of(("rate", "channels"), [(16_000, 2), (44_100, 1), (48_000, 2)])
def test_a_device_of_another_rate_or_with_two_channels_gets_what_it_wants(rate: int, channels: int) -> None:
    card = Card(rate, channels)

    async def test(speaker: Loudspeaker) -> None:
        await speaker.open()
        tone = (np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE) * 10_000).astype(np.int16)
        phrase = speaker.queue_phrase(PhrasePriority.REPLY)
        assert phrase is not None
        speaker.append_sound(phrase, tone)
        heard = card.streams[0].take(50)
        assert heard.shape[1] == channels
        assert (heard[:, 0] == heard[:, -1]).all()
        spectrum = np.abs(np.fft.rfft(heard[rate // 10 :, 0].astype(float)))
        strongest = spectrum.argmax() * rate / (len(heard) - rate // 10)
        assert strongest == pytest.approx(1000, abs=5)

    with_speaker(test, card)
