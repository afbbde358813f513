"""Twenty seconds of steady load with faults and a planted leak, which is found.

That without one nothing grows takes minutes to see, until caches are full: `make soak`, and ten of them each night.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.soak.slopes import Limit, Point, trend
from tests.faults.soak.soak import FILES, MEMORY, soak

PACE_S = 0.05  # Faster than in the long form, so that a leak of an utterance shows in seconds.

LEAKING_S = 20.0

A_MEGABYTE = Limit("RSS", "MB", at_once=1.0, hourly=60.0, reason="")


def rising(by: float, seconds: int = 60, start: float = 100.0) -> list[Point]:
    return [Point(float(second), start + by * second) for second in range(seconds)]


@pytest.mark.parametrize(("by", "allowed"), [(0.0, True), (-1.0, True), (0.03, True), (0.04, False), (1.0, False)])
def test_growth_is_held_against_what_is_allowed_at_once_and_an_hour(by: float, allowed: bool) -> None:
    assert A_MEGABYTE.allows(trend([rising(by)])) is allowed


def test_what_a_fault_did_for_a_while_is_no_growth_and_hides_none() -> None:
    bad_moments = [Point(point.at, point.value * (9 if point.at % 5 == 0 else 1)) for point in rising(0.04)]
    assert trend([bad_moments]).slope == pytest.approx(0.04, rel=0.5)
    level = [Point(point.at, 900.0 if 20 <= point.at < 28 else 100.0) for point in rising(0.0)]
    assert trend([level]).slope == 0.0


def test_a_process_that_begins_anew_with_less_has_grown_all_the_same() -> None:
    found = trend([rising(1.0), rising(1.0, start=0.0)])
    assert (found.slope, found.seconds) == (1.0, 118.0)


def test_a_planted_leak_is_found(tmp_path: Path) -> None:
    soaked = soak(tmp_path, LEAKING_S, pace_s=PACE_S, leaking=True)
    print(soaked)
    assert soaked.tally.exact
    assert {("agent", MEMORY), ("agent", FILES)} <= set(soaked.growing), soaked
