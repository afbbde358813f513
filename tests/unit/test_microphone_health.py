from __future__ import annotations

import numpy as np
import pytest

from edge.audio.pcm import SoundLevel, sound_level
from edge.audio.sound_server import Routing
from edge.hear.microphone_health import FaultKind, MicrophoneEvent, MicrophoneHealth, Noticed, Over
from tests.rows import each_of

RATE = 16_000
PIECE = 320
CHANCE = np.random.default_rng(1)

ROOM = CHANCE.normal(0, 30, PIECE).astype("<i2").tobytes()
ZEROS = bytes(2 * PIECE)
FAINT = CHANCE.integers(-1, 2, PIECE).astype("<i2").tobytes()
SQUARE = np.where(np.arange(PIECE) % 40 < 20, 32_767, -32_768).astype("<i2").tobytes()
BOTH = frozenset({"ours", "theirs"})


class Worn:
    """A microphone under watch: what it brings, and what is noticed, each with the second it was noticed at."""

    def __init__(self, *, zeros_s: float = 1.5, source: str | None = None, speed: float = 1.0) -> None:
        self.health = MicrophoneHealth(zeros_s=zeros_s, gated_s=zeros_s, source=source)
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
        level = sound_level(pcm)
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
    assert worn.faults == [(Noticed, fault), (Over, fault)]
    assert worn.health.is_hearing  # it is bad, and better than nothing


def test_a_room_that_is_heard_has_no_fault_in_ten_minutes() -> None:
    worn = Worn()
    worn.brings(ROOM, 600)
    assert worn.seen == []


def test_a_bump_of_the_microphone_is_no_clipping() -> None:
    worn = Worn()
    worn.brings(ROOM, 1)
    bump = np.frombuffer(ROOM, "<i2").copy()
    bump[:40] = 32_767
    worn.brings(bump.tobytes(), 0.02)
    worn.brings(ROOM, 1)
    assert worn.seen == []


def test_a_pause_of_a_headset_that_mutes_itself_is_no_fault_where_the_settings_say_so() -> None:
    worn = Worn(zeros_s=10)
    for _ in range(3):
        worn.brings(ROOM, 1)
        worn.brings(ZEROS, 9)
    assert worn.seen == []


def test_zeros_of_a_source_that_is_muted_at_the_server_are_told_as_such() -> None:
    worn = Worn()
    worn.note_routing(Routing("ours", 1, muted=True))
    worn.brings(ZEROS, 2)
    assert "muted at the sound server" in worn.health.faults[FaultKind.DIGITAL_SILENCE]


def test_nothing_after_there_was_something_is_noticed_within_two_seconds() -> None:
    worn = Worn()
    worn.brings(ROOM, 1)
    worn.brings_nothing(1.4)
    assert worn.seen == []
    worn.brings_nothing(0.4)
    assert worn.faults == [(Noticed, FaultKind.STUCK)]
    assert not worn.health.is_usable


def test_a_source_that_stood_idle_may_take_its_time() -> None:
    worn = Worn()
    worn.brings_nothing(3)
    worn.brings(ROOM, 1)
    assert worn.seen == []


def test_a_source_that_sleeps_is_not_called_stuck() -> None:
    worn = Worn()
    worn.brings(ROOM, 1)
    worn.note_routing(Routing("ours", 1, suspended=True))
    worn.brings_nothing(0.5)
    assert worn.faults == [(Noticed, FaultKind.SUSPENDED)]


@each_of(("server_gone", "fault"), [(True, FaultKind.SERVER_GONE), (False, FaultKind.UNPLUGGED)])
def test_a_stream_that_ended_is_over_with_the_first_sound_of_the_next(server_gone: bool, fault: FaultKind) -> None:
    worn = Worn()
    worn.brings(ROOM, 1)
    worn._note(worn.health.note_stopped(server_gone=server_gone))
    assert not worn.health.is_hearing
    worn.reopen()
    assert worn.faults == [(Noticed, fault)]
    worn.brings(ROOM, 1)
    assert worn.faults == [(Noticed, fault), (Over, fault)]
    assert worn.health.is_hearing


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
        assert health.note_sound(sound_level(ROOM), (number + 1) * PIECE, arrived, lost=False) == []


def test_sound_lost_again_and_again_is_a_fault_and_once_is_none() -> None:
    worn = Worn()
    worn.brings(ROOM, 20, lost_every=50 * 12)
    assert worn.seen == []
    worn.brings(ROOM, 5, lost_every=50)
    assert worn.faults == [(Noticed, FaultKind.LOSING_SOUND)]
    worn.brings(ROOM, 12)
    assert worn.faults[1:] == [(Over, FaultKind.LOSING_SOUND)]


def test_another_source_than_the_first_is_another_microphone() -> None:
    worn = Worn()
    worn.note_routing(Routing("ours", 1, sources=BOTH))
    worn.note_routing(Routing(None))  # it is being moved
    worn.note_routing(Routing("theirs", 1, sources=frozenset({"theirs"})))
    assert worn.faults == [(Noticed, FaultKind.REROUTED)]
    assert "records from theirs, not from ours, which is gone" in worn.health.faults[FaultKind.REROUTED]
    assert (worn.health.is_hearing, worn.health.is_usable) == (False, True)
    worn.brings(SQUARE, 2)
    worn.note_routing(Routing("ours", 1, sources=BOTH))
    assert worn.faults == [(Noticed, FaultKind.REROUTED), (Over, FaultKind.REROUTED)]


def test_the_first_source_is_another_microphone_where_the_settings_name_one() -> None:
    worn = Worn(source="ours")
    worn.note_routing(Routing("theirs", 1, sources=BOTH))
    assert worn.faults == [(Noticed, FaultKind.REROUTED)]


def test_what_is_played_somewhere_is_nobodys_microphone() -> None:
    worn = Worn()
    worn.note_routing(Routing("speakers.monitor", 1, is_monitor=True, sources=BOTH))
    told = "hears another source: the sound server records from speakers.monitor, not from any microphone"
    assert worn.health.faults[FaultKind.REROUTED] == told
    worn.note_routing(Routing("ours", 1, sources=BOTH))
    assert worn.health.is_hearing


def test_a_level_knows_its_zeros_and_its_overruns() -> None:
    assert sound_level(ZEROS).zeros == PIECE
    assert (sound_level(SQUARE).clipped, sound_level(SQUARE).peak) == (PIECE, 32_768)
    assert sound_level(SQUARE).rms_db == pytest.approx(0, abs=0.01)
    assert sound_level(ZEROS).rms_db == sound_level(ZEROS).peak_db == -120
    half = SoundLevel(1, 16_384, 0.25, 0, 0)
    assert half.peak_db == half.rms_db == pytest.approx(-6.02, abs=0.01)
