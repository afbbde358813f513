"""Exact zeros: the end of a microphone, or the noise gate of a headset, which closes between words."""

from __future__ import annotations

import pytest

from edge.audio.pcm import SoundLevel
from edge.audio.sound_server import Routing
from edge.hear.microphone_health import (
    OPEN_S,
    RETURNS,
    FaultKind,
    MicrophoneEvent,
    MicrophoneHealth,
    Noticed,
    Over,
)

RATE = 16_000
PIECE = 320
ZEROS_S, GATED_S = 1.5, 120.0
SOUND = SoundLevel(PIECE, 900, 0.001, 2, 0)
ZERO = SoundLevel(PIECE, 0, 0.0, PIECE, 0)


class Worn:
    """A headset under watch: what it brings, and what is noticed, each with the second it was noticed at."""

    def __init__(self) -> None:
        self.health = MicrophoneHealth(zeros_s=ZEROS_S, gated_s=GATED_S, source="ours")
        self.seen: list[tuple[float, MicrophoneEvent]] = []
        self._end = 0
        self.health.opened(RATE)

    @property
    def now(self) -> float:
        return self._end / RATE

    def brings(self, piece: SoundLevel, seconds: float) -> None:
        for _ in range(round(seconds * RATE / PIECE)):
            self._end += PIECE
            self._note(self.health.received(piece, self._end, self.now, lost=False))

    def speaks(self, times: int, *, pause_s: float = 0.4) -> None:
        for _ in range(times):
            self.brings(SOUND, 0.8)
            self.brings(ZERO, pause_s)
        self.brings(SOUND, 0.8)

    def routed(self, *, source: str = "ours", muted: bool = False) -> None:
        self._note(self.health.routed(Routing(source, 7, muted=muted, sources=frozenset({"ours", "null"}))))

    def silent_for(self, seconds: float) -> float | None:
        """How long its zeros went unnoticed, where they were noticed."""
        began = self.now
        self.brings(ZERO, seconds)
        told = [at for at, event in self.seen if isinstance(event, Noticed) and at > began]
        return told[0] - began if told else None

    def _note(self, events: list[MicrophoneEvent]) -> None:
        self.seen += [(self.now, event) for event in events]


@pytest.fixture
def worn() -> Worn:
    return Worn()


def test_zeros_from_the_start_are_noticed_within_two_seconds(worn: Worn) -> None:
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_recording_that_is_moved_to_a_silent_source_is_noticed_within_two_seconds_however_often(worn: Worn) -> None:
    for _ in range(2 * RETURNS):
        worn.brings(SOUND, 2)
        worn.brings(ZERO, 0.7)
        worn.routed(source="null")
        worn.brings(ZERO, 5)
        worn.routed()
        worn.brings(SOUND, 2)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_mute_of_the_sound_server_is_no_gate_and_is_noticed_of_a_gated_headset_too(worn: Worn) -> None:
    for _ in range(2 * RETURNS):
        worn.brings(SOUND, 2)
        worn.routed(muted=True)
        worn.brings(ZERO, 1)
        worn.routed()
        worn.brings(SOUND, 2)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)
    worn.brings(SOUND, 1)
    worn.speaks(RETURNS)
    worn.routed(muted=True)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_gate_that_closed_and_opened_by_itself_some_times_may_stay_closed_for_long(worn: Worn) -> None:
    worn.speaks(RETURNS)
    assert worn.silent_for(GATED_S - 1) is None
    worn.brings(SOUND, 1)
    assert worn.silent_for(GATED_S + 10) == pytest.approx(GATED_S, abs=0.1), "but not for ever"
    worn.brings(SOUND, 1)
    assert worn.health.faults == {}


def test_until_it_is_known_each_false_alarm_is_over_with_the_next_word(worn: Worn) -> None:
    worn.speaks(RETURNS + 3, pause_s=3)
    silent = FaultKind.DIGITAL_SILENCE
    assert [(type(event), event.fault) for _, event in worn.seen] == [(Noticed, silent), (Over, silent)] * RETURNS


def test_a_microphone_that_hears_the_room_without_a_break_is_not_gated_whatever_was_before(worn: Worn) -> None:
    worn.speaks(RETURNS)
    worn.brings(SOUND, OPEN_S)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_switch_for_mute_that_is_tried_now_and_then_is_no_gate(worn: Worn) -> None:
    for _ in range(2 * RETURNS):
        worn.brings(ZERO, 1)
        worn.brings(SOUND, OPEN_S + 1)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_what_is_plugged_in_again_may_be_another_headset(worn: Worn) -> None:
    worn.speaks(RETURNS)
    worn.health.stopped(server_gone=False)
    worn.health.opened(RATE)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)
