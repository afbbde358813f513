from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator
from itertools import chain, count, pairwise, repeat
from pathlib import Path

import numpy as np
import pytest

from dockvoice_protocol.errors import AlreadyRunning, Unavailable
from edge.audio.sound_server import Routing, ServerState
from edge.hear import microphone
from edge.hear.capture import LossWatch, Piece, Stream
from edge.hear.microphone import Microphone
from edge.hear.microphone_health import FaultBegan, FaultEnded, FaultKind, MicrophoneEvent
from edge.records import Frame
from tests.sound.sound_library import (
    FINE,
    OVERFLOW,
    AfterTheFirstLook,
    FakePortAudio,
    FakeServer,
    FakeStream,
    bringing,
    bringing_all,
    listening,
)


def piece(number: int, *, arrived: float | None = None) -> Piece:
    """The numbered piece of 20 ms, which arrives on time unless it is said otherwise."""
    on_time = (number + 1) * 0.02
    return Piece(number * 320, 320, bytes(640), on_time if arrived is None else arrived, overflowed=False)


def told_of_absence(device: str | None) -> list[MicrophoneEvent]:
    """What a microphone tells that is ended while it waits for its device."""
    told: list[MicrophoneEvent] = []

    def tell(event: MicrophoneEvent) -> None:
        told.append(event)
        worn.close()

    worn = listening(device, 1, publish=tell, patient=True)
    assert list(worn.frames()) == []
    return told


def test_a_device_there_is_not_is_told_together_with_those_there_are(portaudio: FakePortAudio) -> None:
    why = "cannot be opened (No input device matching 'absent'); there are: 1 headset; it is waited for"
    assert told_of_absence("absent") == [FaultBegan(FaultKind.UNPLUGGED, why)]


def test_a_command_says_that_there_is_no_such_device(portaudio: FakePortAudio) -> None:
    with pytest.raises(Unavailable, match=r"microphone absent: cannot be opened .*; there are: 1 headset"):
        next(listening("absent", 1).frames())


def test_a_device_that_comes_late_is_waited_for_and_seen_as_soon_as_something_changes(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[MicrophoneEvent] = []
    there = iter([frozenset(), frozenset(), frozenset({"a card"})])
    monkeypatch.setattr(microphone, "snapshot_capture_devices", lambda: next(there))
    monkeypatch.setattr(microphone, "_POLL_EVERY_S", 0)

    def look_anew() -> bool:
        portaudio.present = True
        return True

    monkeypatch.setattr(microphone, "restart_portaudio", look_anew)
    portaudio.present, portaudio.play = False, bringing(np.full(320, 5))
    worn = listening(
        "headset", 0.001, publish=told.append, patient=True
    )  # it is given up as absent after no time at all
    assert next(worn.frames()).pcm[0] == 5
    assert [(type(event), event.fault) for event in told] == [
        (FaultBegan, FaultKind.UNPLUGGED),
        (FaultEnded, FaultKind.UNPLUGGED),
    ]


def test_a_device_that_only_a_fresh_start_can_open_is_a_reason_for_one(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = chain([frozenset()], repeat(frozenset({"a card"})))
    monkeypatch.setattr(microphone, "snapshot_capture_devices", lambda: next(there))
    monkeypatch.setattr(microphone, "restart_portaudio", lambda: False)  # the speaker is open
    monkeypatch.setattr(microphone, "_POLL_EVERY_S", 0)
    monkeypatch.setattr(microphone, "_NEW_DEVICE_S", 0.1)
    portaudio.present = False
    with pytest.raises(Unavailable, match="microphone headset: a microphone has come that can be opened only after"):
        next(listening("headset", 30, patient=True).frames())


def test_a_device_that_came_and_went_again_is_no_reason_for_a_fresh_start(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = count()

    def there() -> frozenset[str]:
        if (look := next(looks)) > 20:  # much longer than it would be waited for
            portaudio.present = True
        return frozenset({"a card"}) if look == 1 else frozenset()

    monkeypatch.setattr(microphone, "snapshot_capture_devices", there)
    monkeypatch.setattr(microphone, "restart_portaudio", lambda: False)  # the speaker is open
    monkeypatch.setattr(microphone, "_POLL_EVERY_S", 0)
    monkeypatch.setattr(microphone, "_NEW_DEVICE_S", 0.1)
    portaudio.present, portaudio.play = False, bringing(np.full(320, 5))
    assert next(listening("headset", 30, patient=True).frames()).pcm[0] == 5


def test_a_device_that_opens_a_moment_after_it_came_is_no_reason_for_a_fresh_start(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound server makes it in steps; meanwhile the speaker, on the same server, has been opened."""
    there = chain([frozenset()], repeat(frozenset({"a card"})))

    def look_anew() -> bool:
        portaudio.present = True  # for the next try to open it
        return False

    monkeypatch.setattr(microphone, "snapshot_capture_devices", lambda: next(there))
    monkeypatch.setattr(microphone, "restart_portaudio", look_anew)
    portaudio.present, portaudio.play = False, bringing(np.full(320, 5))
    assert next(listening("headset", 30, patient=True).frames()).pcm[0] == 5


def test_without_sounddevice_or_portaudio_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(Unavailable, match=r"pip install 'dockvoice\[microphone\]'"):
        next(listening(None, 1).frames())
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Unavailable, match="apt install libportaudio2"):
        next(listening(None, 1).frames())


def test_no_sound_for_the_stall_time_is_unavailable(portaudio: FakePortAudio) -> None:
    portaudio.play = bringing(np.full(320, 5))
    frames = listening("headset", 0.4).frames()
    next(frames)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"microphone headset: gave no sound; nothing could be heard for 0\.4 s"):
        next(frames)
    assert 0.3 < time.monotonic() - began < 10
    assert portaudio.closed


def test_a_stream_that_finishes_by_itself_is_opened_again_and_leaves_a_gap(portaudio: FakePortAudio) -> None:
    told: list[MicrophoneEvent] = []
    portaudio.play, portaudio.again = bringing_all(np.full(320, 5)), [bringing_all(np.full(640, 6))]
    frames = listening(None, 0.3, publish=told.append).frames()
    assert [next(frames).start for _ in range(3)] == [0, 640, 960]
    assert [(type(event), event.fault) for event in told] == [
        (FaultBegan, FaultKind.UNPLUGGED),
        (FaultEnded, FaultKind.UNPLUGGED),
    ]


def test_a_server_that_ended_is_told_as_such(portaudio: FakePortAudio) -> None:
    told: list[MicrophoneEvent] = []
    portaudio.play = bringing_all(np.full(320, 5))
    worn = listening(None, 0.1, publish=told.append, server=AfterTheFirstLook([ServerState.GONE]))
    with pytest.raises(Unavailable, match="its sound server ended"):
        list(worn.frames())
    assert [event.fault for event in told] == [FaultKind.SERVER_GONE]


def test_what_another_microphone_hears_is_not_taken_and_the_recording_moved_back(portaudio: FakePortAudio) -> None:
    told: list[MicrophoneEvent] = []
    both = frozenset({"ours", "theirs"})
    server = FakeServer([Routing("ours", 7, sources=both), Routing("theirs", 7, sources=both), Routing("ours", 7)])
    portaudio.play = bringing_all(*(np.full(320, number) for number in (1, 2, 3, 4)))
    frames = listening(None, 0.1, publish=told.append, server=server).frames()
    taken = [next(frames) for _ in range(3)]
    assert [frame.pcm[0] for frame in taken] == [1, 3, 4]
    assert [frame.start for frame in taken] == [0, 640, 960], "what was said meanwhile is missing, and it shows"
    assert server.moved == [(7, "ours")]
    assert [(type(event), event.fault) for event in told] == [
        (FaultBegan, FaultKind.REROUTED),
        (FaultEnded, FaultKind.REROUTED),
    ]


def test_a_source_that_sleeps_is_woken_before_it_is_opened_again(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeServer([Routing("ours", 7), Routing("ours", 7, suspended=True)])
    portaudio.play, portaudio.again = bringing(np.full(320, 1)), [bringing(np.full(320, 2))]
    frames = listening(None, 5, server=server).frames()
    assert [next(frames).pcm[0] for _ in range(2)] == [1, 2]
    assert server.resumed == ["ours"]


def test_a_second_listener_is_told_who_has_the_microphone(portaudio: FakePortAudio) -> None:
    portaudio.play = bringing(np.full(320, 1))
    portaudio.again = [portaudio.play]
    first = listening(None, 5).frames()
    next(first)
    with pytest.raises(AlreadyRunning, match=rf"microphone headset: is listened to by process {os.getpid()}"):
        next(listening("headset", 5).frames())
    assert isinstance(first, Generator)
    first.close()
    next(listening("headset", 5).frames())


def test_a_microphone_that_was_heard_and_then_gives_only_zeros_is_opened_anew_and_then_given_up(
    portaudio: FakePortAudio,
) -> None:
    told: list[MicrophoneEvent] = []
    second = np.zeros(16_000)
    portaudio.play = bringing(np.full(320, 5), *[second] * 21)
    portaudio.again = [bringing(*[second] * 21), bringing(*[second] * 22)]
    with pytest.raises(Unavailable, match="nothing but zeros for 60 s"):
        list(listening("headset", 5, publish=told.append).frames())
    assert portaudio.openings == 3
    assert [event.fault for event in told] == [FaultKind.DIGITAL_SILENCE]


def test_a_headset_with_a_noise_gate_is_given_as_much_longer_as_it_may_be_silent(portaudio: FakePortAudio) -> None:
    told: list[MicrophoneEvent] = []
    second = np.zeros(16_000)
    words = [one for _ in range(4) for one in (np.full(320, 5), np.zeros(3200))]
    portaudio.play = bringing(*words, np.full(320, 5), *[second] * 51)
    portaudio.again = [bringing(*[second] * 21), bringing(*[second] * 22)]
    with pytest.raises(Unavailable, match="nothing but zeros for 90 s"):
        list(listening("headset", 5, publish=told.append, zeros_s=1.5, gated_s=31.5).frames())
    assert portaudio.openings == 3
    assert [event.fault for event in told] == [FaultKind.DIGITAL_SILENCE]


def test_a_microphone_that_never_gave_anything_but_zeros_is_not_given_up(portaudio: FakePortAudio) -> None:
    second = np.zeros(16_000)
    portaudio.play, portaudio.again = bringing(*[second] * 20), [bringing(*[second] * 20), bringing(*[second] * 30)]
    frames = listening("headset", 5).frames()
    assert max(next(frames).start for _ in range(65 * 50)) > 64 * 16_000


def test_closing_gives_what_was_taken_first(portaudio: FakePortAudio) -> None:
    portaudio.play = bringing(*[np.full(320, 5)] * 3)
    worn = listening(None, 30)
    frames = worn.frames()
    first = next(frames)
    worn.close()
    assert [frame.start for frame in (first, *frames)] == [0, 320, 640]


def heard(portaudio: FakePortAudio, play: Callable[[FakeStream], None], worn: Microphone | None = None) -> list[Frame]:
    def play_and_finish(stream: FakeStream) -> None:
        play(stream)
        stream.finish()

    portaudio.play = play_and_finish
    frames: list[Frame] = []
    with pytest.raises(Unavailable, match="stopped"):
        frames.extend((worn or listening(None, 0.3)).frames())
    return frames


def test_16_khz_mono_is_taken_as_it_is(portaudio: FakePortAudio) -> None:
    sound = np.arange(640)
    frames = heard(portaudio, bringing(sound))
    assert portaudio.opened["samplerate"] == 16_000
    assert portaudio.opened["channels"] == 1
    assert portaudio.opened["blocksize"] == 320
    assert b"".join(frame.pcm for frame in frames) == sound.astype("<i2").tobytes()


def test_a_device_of_another_rate_and_more_channels_is_resampled_and_mixed(portaudio: FakePortAudio) -> None:
    portaudio.rates, portaudio.channels = (48_000,), 2
    tone = 10_000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)

    def play(stream: FakeStream) -> None:
        for begin in range(0, 48_000, 960):
            both = np.stack([tone, np.zeros_like(tone)], axis=1)[begin : begin + 960]
            stream.callback(memoryview(both.astype("<i2").tobytes()), len(both), None, FINE)

    frames = heard(portaudio, play)
    assert (portaudio.opened["samplerate"], portaudio.opened["channels"]) == (48_000, 2)
    sound = np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2")
    assert len(sound) == pytest.approx(16_000, abs=1000)  # the resampler still holds a little when the stream breaks
    assert np.abs(sound[2000:-2000]).max() == pytest.approx(5000, rel=0.02)
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 16_000 / len(sound) == pytest.approx(440, abs=2)


def test_when_nobody_takes_the_sound_the_oldest_is_dropped_counted_and_leaves_a_gap(portaudio: FakePortAudio) -> None:
    worn = listening(None, 0.3)
    late = 30
    frames = heard(portaudio, bringing(*(np.full(320, 1 + n) for n in range(500 + late))), worn)
    lost = late + 1  # the word that the stream finished takes a place as well
    assert frames[0].start == lost * 320
    assert frames[0].pcm == np.full(320, 1 + lost).astype("<i2").tobytes()
    assert worn.dropped == lost * 320


def test_an_overflow_that_portaudio_reports_leaves_a_gap(portaudio: FakePortAudio) -> None:
    worn = listening(None, 0.3)

    def play(stream: FakeStream) -> None:
        stream.bring(np.full(320, 1))
        stream.bring(np.full(320, 2), OVERFLOW)

    assert [frame.start for frame in heard(portaudio, play, worn)] == [0, 640]
    assert worn.dropped == 320


def test_sound_that_was_lost_without_a_word_leaves_a_gap(portaudio: FakePortAudio) -> None:
    worn = listening(None, 0.3)
    stream = Stream(16_000, 1)
    for number in range(200):
        stream.hand_off.put(piece(number, arrived=(number + 1) * 0.02 + (1.0 if number >= 100 else 0)))
    stream.on_finished()
    frames = list(worn.stream_frames(stream))
    gaps = [later.start - earlier.end for earlier, later in pairwise(frames) if later.start != earlier.end]
    assert len(gaps) == 1
    assert gaps[0] == worn.dropped == pytest.approx(16_000, abs=640)


def lost(pieces: list[Piece]) -> list[tuple[int, int]]:
    """Which pieces found something missing, and how much of it."""
    watch = LossWatch(16_000)
    return [(one.start // 320, missing) for one in pieces if (missing := watch.count_lost_samples(one))]


def test_a_clock_that_drifts_is_no_loss() -> None:
    assert lost([piece(number, arrived=number * 0.02 * 1.001) for number in range(50_000)]) == []


def test_sound_that_never_comes_is_found_within_a_second() -> None:
    gap_s = 0.5
    pieces = [piece(number, arrived=(number + 1) * 0.02 + (gap_s if number >= 100 else 0)) for number in range(500)]
    ((found_at, missing),) = lost(pieces)
    assert 100 < found_at < 150
    assert missing == pytest.approx(gap_s * 16_000, abs=400)
