from __future__ import annotations

import numpy as np
import pytest

from edge.audio.pcm import measure_sound_level
from edge.audio.sound_server import Routing
from edge.hear.microphone_health import FaultBegan, FaultEnded, FaultKind, MicrophoneEvent, MicrophoneHealth
from tests.rows import each_of

RETURNS = 3
RATE = 16_000
PIECE = 320
ZEROS_S, GATED_S = 1.5, 120.0
CHANCE = np.random.default_rng(1)

ROOM = CHANCE.normal(0, 30, PIECE).astype("<i2").tobytes()
ZEROS = bytes(2 * PIECE)
FAINT = CHANCE.integers(-1, 2, PIECE).astype("<i2").tobytes()
SQUARE = np.where(np.arange(PIECE) % 40 < 20, 32_767, -32_768).astype("<i2").tobytes()
BOTH = frozenset({"ours", "theirs"})


class Worn:
    """A microphone under watch: what it brings, and what is noticed, each with the second it was noticed at."""

    def __init__(self, *, gated_s: float = ZEROS_S, source: str | None = None, speed: float = 1.0) -> None:
        self.health = MicrophoneHealth(zeros_s=ZEROS_S, gated_s=gated_s, source=source)
        self.seen: list[tuple[float, MicrophoneEvent]] = []
        self._speed = speed
        self.reopen()

    def reopen(self) -> None:
        self.health.note_opened(RATE)
        self._pieces = 0

    @property
    def now(self) -> float:
        return self._pieces * PIECE / RATE / self._speed

    def brings(self, pcm: bytes, seconds: float, *, lost_every: int = 0) -> None:
        level = measure_sound_level(pcm)
        for number in range(round(seconds * 50 * self._speed)):
            self._pieces += 1
            lost = bool(lost_every) and number % lost_every == 0
            self._note(self.health.note_sound(level, self._pieces * PIECE, self.now, lost=lost))

    def brings_nothing(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            self._note(self.health.note_wait(0.1))

    def note_routing(self, routing: Routing) -> None:
        self._note(self.health.note_routing(routing))

    def _note(self, events: list[MicrophoneEvent]) -> None:
        self.seen += [(self.now, event) for event in events]

    def speaks(self, times: int, *, pause_s: float = 0.4) -> None:
        """Talk through a noise gate, which closes in each pause."""
        for _ in range(times):
            self.brings(ROOM, 0.8)
            self.brings(ZEROS, pause_s)
        self.brings(ROOM, 0.8)

    def silent_for(self, seconds: float) -> float | None:
        """How long its zeros went unnoticed, where they were noticed."""
        began = self.now
        self.brings(ZEROS, seconds)
        told = [at for at, event in self.seen if isinstance(event, FaultBegan) and at > began]
        return told[0] - began if told else None

    @property
    def faults(self) -> list[tuple[type, FaultKind]]:
        return [(type(event), event.fault) for _, event in self.seen]


@each_of(
    ("sound", "fault"),
    [(ZEROS, FaultKind.DIGITAL_SILENCE), (FAINT, FaultKind.VERY_QUIET), (SQUARE, FaultKind.CLIPPING)],
)
def test_sound_at_fault_is_noticed_within_two_seconds_told_once_and_is_over(sound: bytes, fault: FaultKind) -> None:
    worn = Worn()
    worn.brings(ROOM, 5)
    assert worn.seen == []
    worn.brings(sound, 10)
    ((at, _),) = worn.seen
    assert at - 5 <= 2
    worn.brings(ROOM, 5)
    assert worn.faults == [(FaultBegan, fault), (FaultEnded, fault)]
    assert worn.health.is_sound_usable  # it is bad, and better than nothing


def test_a_room_that_is_heard_has_no_fault_in_two_minutes() -> None:
    worn = Worn()
    worn.brings(ROOM, 120)
    assert worn.seen == []


def test_nothing_after_there_was_something_is_noticed_within_two_seconds() -> None:
    worn = Worn()
    worn.brings(ROOM, 1)
    worn.brings_nothing(1.4)
    assert worn.seen == []
    worn.brings_nothing(0.4)
    assert worn.faults == [(FaultBegan, FaultKind.STUCK)]
    assert not worn.health.keeps_stream_open


@each_of(("server_gone", "fault"), [(True, FaultKind.SERVER_GONE), (False, FaultKind.UNPLUGGED)])
def test_a_stream_that_ended_is_over_with_the_first_sound_of_the_next(server_gone: bool, fault: FaultKind) -> None:
    worn = Worn()
    worn.brings(ROOM, 1)
    worn._note(worn.health.note_stopped(server_gone=server_gone))
    assert not worn.health.is_sound_usable
    worn.reopen()
    assert worn.faults == [(FaultBegan, fault)]
    worn.brings(ROOM, 1)
    assert worn.faults == [(FaultBegan, fault), (FaultEnded, fault)]
    assert worn.health.is_sound_usable


@each_of("speed", [48 / 44.1, 44.1 / 48, 1.5, 3.0, 0.5])
def test_another_rate_is_noticed_within_two_seconds_and_measured(speed: float) -> None:
    worn = Worn(speed=speed)
    worn.brings(ROOM, 3)
    at, event = worn.seen[0]
    assert (at <= 2, event.fault) == (True, FaultKind.WRONG_RATE)
    measured = float(worn.health.faults[FaultKind.WRONG_RATE].split()[1].replace(",", ""))
    assert measured == pytest.approx(RATE * speed, rel=0.1)


def test_a_clock_that_is_a_little_off_and_a_burst_after_a_hold_up_are_no_other_rate() -> None:
    health = MicrophoneHealth(zeros_s=1.5, gated_s=1.5)
    for number in range(50 * 60):
        on_time = (number + 1) * 0.02 * 1.002
        arrived = max(on_time, 11.5) if 500 < number < 600 else on_time
        assert health.note_sound(measure_sound_level(ROOM), (number + 1) * PIECE, arrived, lost=False) == []


def test_sound_lost_again_and_again_is_a_fault_and_once_is_none() -> None:
    worn = Worn()
    worn.brings(ROOM, 20, lost_every=50 * 12)
    assert worn.seen == []
    worn.brings(ROOM, 5, lost_every=50)
    assert worn.faults == [(FaultBegan, FaultKind.LOSING_SOUND)]
    worn.brings(ROOM, 12)
    assert worn.faults[1:] == [(FaultEnded, FaultKind.LOSING_SOUND)]


def test_another_source_than_the_first_is_another_microphone() -> None:
    worn = Worn()
    worn.note_routing(Routing("ours", 1, sources=BOTH))
    worn.note_routing(Routing(None))  # it is being moved
    worn.note_routing(Routing("theirs", 1, sources=frozenset({"theirs"})))
    assert worn.faults == [(FaultBegan, FaultKind.REROUTED)]
    assert "records from theirs, not from ours, which is gone" in worn.health.faults[FaultKind.REROUTED]
    assert (worn.health.is_sound_usable, worn.health.keeps_stream_open) == (False, True)
    worn.brings(SQUARE, 2)
    worn.note_routing(Routing("ours", 1, sources=BOTH))
    assert worn.faults == [(FaultBegan, FaultKind.REROUTED), (FaultEnded, FaultKind.REROUTED)]


# ---- exact zeros: the end of a microphone, or the noise gate of a headset, which closes between words ----

WITH_NULL = frozenset({"ours", "null"})


@pytest.fixture
def worn() -> Worn:
    return Worn(gated_s=GATED_S, source="ours")


def test_zeros_from_the_start_are_noticed_within_two_seconds(worn: Worn) -> None:
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_recording_that_is_moved_to_a_silent_source_is_noticed_within_two_seconds_however_often(worn: Worn) -> None:
    for _ in range(2 * RETURNS):
        worn.brings(ROOM, 2)
        worn.brings(ZEROS, 0.7)
        worn.note_routing(Routing("null", 7, sources=WITH_NULL))
        worn.brings(ZEROS, 5)
        worn.note_routing(Routing("ours", 7, sources=WITH_NULL))
        worn.brings(ROOM, 2)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_mute_of_the_sound_server_is_no_gate_and_is_noticed_of_a_gated_headset_too(worn: Worn) -> None:
    for _ in range(2 * RETURNS):
        worn.brings(ROOM, 2)
        worn.note_routing(Routing("ours", 7, muted=True, sources=WITH_NULL))
        worn.brings(ZEROS, 1)
        worn.note_routing(Routing("ours", 7, sources=WITH_NULL))
        worn.brings(ROOM, 2)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)
    worn.brings(ROOM, 1)
    worn.speaks(RETURNS)
    worn.note_routing(Routing("ours", 7, muted=True, sources=WITH_NULL))
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_a_gate_that_closed_and_opened_by_itself_some_times_may_stay_closed_for_long(worn: Worn) -> None:
    worn.speaks(RETURNS)
    assert worn.silent_for(GATED_S - 1) is None
    worn.brings(ROOM, 1)
    assert worn.silent_for(GATED_S + 10) == pytest.approx(GATED_S, abs=0.1), "but not for ever"
    worn.brings(ROOM, 1)
    assert worn.health.faults == {}


def test_a_microphone_that_hears_the_room_without_a_break_is_not_gated_whatever_was_before(worn: Worn) -> None:
    worn.speaks(RETURNS)
    worn.brings(ROOM, 30.0)
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)


def test_what_is_plugged_in_again_may_be_another_headset(worn: Worn) -> None:
    worn.speaks(RETURNS)
    worn.health.note_stopped(server_gone=False)
    worn.reopen()
    assert worn.silent_for(10) == pytest.approx(ZEROS_S, abs=0.1)
