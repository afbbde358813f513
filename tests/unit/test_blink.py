from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from dockvoice_protocol.errors import Unavailable
from edge.hear import microphone
from edge.hear.microphone_health import FaultBegan, FaultKind, MicrophoneEvent
from tests.sound.sound_library import FakePortAudio, FakeStream, bringing, bringing_all, listening
from tests.waiting import until


@pytest.fixture
def anew(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each time that PortAudio looked anew, whether no stream was open."""
    looked: list[bool] = []

    def look_anew() -> None:
        looked.append(portaudio.closed)
        portaudio.closed = False

    monkeypatch.setattr(microphone, "restart_portaudio", look_anew)
    return looked


def test_new_devices_are_looked_for_with_the_stream_closed_and_what_was_taken_is_heard(
    portaudio: FakePortAudio, anew: list[bool]
) -> None:
    told: list[MicrophoneEvent] = []
    portaudio.play, portaudio.again = bringing(*[np.full(320, 5)] * 3), [bringing(*[np.full(320, 6)] * 3)]
    worn = listening(1, 30, publish=told.append)
    frames = worn.frames()
    first = next(frames)
    with ThreadPoolExecutor() as threads:
        blinked = threads.submit(worn.close_for_rescan, 30)
        heard = [first, *(next(frames) for _ in range(4))]
        assert blinked.result()
    assert [frame.pcm[0] for frame in heard] == [5, 5, 5, 6, 6]
    assert heard[3].start - heard[2].end >= 8_000, "a word may be missing, and it shows"
    assert (anew, told) == ([True], [])
    worn.close()


def test_a_microphone_that_ends_meanwhile_has_not_blinked(portaudio: FakePortAudio, anew: list[bool]) -> None:
    portaudio.play = bringing(np.full(320, 5))
    worn = listening(None, 30)
    frames = worn.frames()
    next(frames)
    with ThreadPoolExecutor() as threads:
        blinked = threads.submit(worn.close_for_rescan, 30)
        worn.close()
        assert isinstance(frames, Generator)
        frames.close()
        assert blinked.result(timeout=30) is False
    assert anew == []


def test_a_blink_that_was_given_up_is_not_made_later(portaudio: FakePortAudio, anew: list[bool]) -> None:
    told: list[MicrophoneEvent] = []
    streams: list[FakeStream] = []

    def play(stream: FakeStream) -> None:
        streams.append(stream)
        stream.bring(np.full(320, 5))

    portaudio.play, portaudio.again = play, [bringing(np.full(320, 7))]
    worn = listening(None, 5, publish=told.append)
    frames = worn.frames()
    assert next(frames).pcm[0] == 5
    assert not worn.close_for_rescan(0), "the ear is busy with what it heard"
    streams[0].bring(np.full(320, 6))
    assert next(frames).pcm[0] == 6, "it goes on as if nobody had asked"
    assert told == []
    streams[0].finish()
    assert next(frames).pcm[0] == 7
    assert (anew, told[0].fault) == ([], FaultKind.UNPLUGGED), "whoever was told no may have opened a speaker since"


def test_a_blink_that_is_wanted_while_the_microphone_is_opened_again_is_made(
    portaudio: FakePortAudio, anew: list[bool]
) -> None:
    with ThreadPoolExecutor() as threads:
        blinks: list[Future[bool]] = []

        def wanted_meanwhile(_stream: FakeStream) -> None:
            blinks.append(threads.submit(worn.close_for_rescan, 30))
            until(worn._rescan_requested.is_set, "no blink is asked for")

        portaudio.play = bringing_all(np.full(320, 5))
        portaudio.again = [wanted_meanwhile, bringing(np.full(320, 7))]
        worn = listening(None, 5)
        frames = worn.frames()
        assert [next(frames).pcm[0] for _ in range(2)] == [5, 7]
        assert blinks[0].result(timeout=30)
    assert anew == [True]


def test_a_device_that_goes_during_a_blink_is_told_as_gone(portaudio: FakePortAudio, anew: list[bool]) -> None:
    told: list[MicrophoneEvent] = []
    portaudio.play = bringing(np.full(320, 5))
    worn = listening(None, 0.3, publish=told.append)
    frames = worn.frames()
    next(frames)
    with ThreadPoolExecutor() as threads:
        blinked = threads.submit(worn.close_for_rescan, 30)
        with pytest.raises(Unavailable, match="unplugged"):
            next(frames)
        assert blinked.result()
    assert [(type(event), event.fault) for event in told] == [(FaultBegan, FaultKind.UNPLUGGED)]
