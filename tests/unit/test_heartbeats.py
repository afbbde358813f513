from __future__ import annotations

import pytest

from edge.agent.watchdog import Heartbeats

LIMITS = {"ear": 5.0, "journal": 10.0}


class Pulse:
    """The parts' beats, at times that a test says."""

    def __init__(self, limits: dict[str, float]) -> None:
        self._time = 0.0
        self._beats = Heartbeats(limits, lambda: self._time)

    def beat(self, part: str, at: float) -> None:
        self._time = at
        self._beats.beat(part)

    def stalled(self, at: float) -> tuple[str, ...]:
        self._time = at
        return self._beats.stalled_parts()


def test_a_part_nobody_waits_for_is_an_error() -> None:
    with pytest.raises(KeyError, match="eer: no such part; there are ear, journal"):
        Pulse(LIMITS).beat("eer", 0)


def test_parts_that_never_beat_stall_from_the_beginning() -> None:
    pulse = Pulse(LIMITS)
    assert pulse.stalled(1000) == ()
    assert pulse.stalled(1005.5) == ("ear for 5.5 s",)
    assert pulse.stalled(1011) == ("ear for 11.0 s", "journal for 11.0 s")


def test_the_beat_of_one_part_begins_the_time_of_the_others() -> None:
    pulse = Pulse(LIMITS)
    pulse.beat("ear", 100)
    pulse.beat("ear", 111)
    assert pulse.stalled(112) == ("journal for 12.0 s",)
