"""When the wall clock may be believed: somebody vouches for it, it was not set meanwhile, and it is not in the past."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from edge.agent.clock import RELEASED, Clock, ClockReading, ClockWatch, read_clocks
from tests.rows import each_of

NOON = RELEASED + 1_000_000.0


def at(steady: float, *, ahead: float = 0.0, vouched: bool = True) -> ClockReading:
    """The clocks after so many seconds, the wall clock `ahead` of what it showed at first."""
    return ClockReading(NOON + steady + ahead, steady, vouched)


@each_of(
    ("first", "believed"),
    [
        (at(0), True),
        (at(0, vouched=False), False),
        (at(0, ahead=RELEASED - NOON), True),
        (at(0, ahead=RELEASED - NOON - 1), False),
        (ClockReading(0.0, 0.0, vouched=True), False),
    ],
    ids=["vouched for", "nobody vouches", "the day of the release", "before the release", "1970"],
)
def test_at_first_it_is_what_the_system_says_unless_that_cannot_be(first: ClockReading, believed: bool) -> None:
    assert ClockWatch(first).is_believed is believed


@each_of(("by", "noticed"), [(0.45, False), (0.55, True), (-86_400.0, True), (-0.4, False)])
def test_a_step_is_told_once_and_what_a_daemon_adjusts_is_none(by: float, noticed: bool) -> None:
    watch = ClockWatch(at(0))
    steps = [watch.detect_step_s(at(1)), watch.detect_step_s(at(2, ahead=by)), watch.detect_step_s(at(3, ahead=by))]
    assert steps == [0.0, pytest.approx(by) if noticed else 0.0, 0.0]
    assert watch.is_believed is not noticed


def test_after_a_step_it_is_believed_again_when_it_was_synchronised_again() -> None:
    watch = ClockWatch(at(0))
    watch.detect_step_s(at(1, ahead=60, vouched=False))
    watch.detect_step_s(at(2, ahead=60, vouched=False))
    assert not watch.is_believed
    watch.detect_step_s(at(3, ahead=60))
    assert watch.is_believed


def test_a_step_the_kernel_knew_nothing_of_is_doubted_until_a_daemon_must_have_looked() -> None:
    watch = ClockWatch(at(0))
    watch.detect_step_s(at(1, ahead=60))
    watch.detect_step_s(at(2048.0, ahead=60))
    assert not watch.is_believed
    watch.detect_step_s(at(2049.0, ahead=60))
    assert watch.is_believed


def test_each_step_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    looks: Iterator[ClockReading] = iter([at(0), at(1), at(2, ahead=-3600), at(3, ahead=-3600), at(4)])
    with caplog.at_level(logging.WARNING):
        clock = Clock(lambda: next(looks))
        assert [clock.is_believed() for _ in range(4)] == [True, False, False, False]
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(";")[0] for line in told] == [
        "the clock of this device was set back by 3600.0 s",
        "the clock of this device was set forward by 3600.0 s",
    ]


def test_the_clocks_of_this_machine_are_read() -> None:
    first, second = read_clocks(), read_clocks()
    assert abs(first.wall - time.time()) < 60
    assert second.steady >= first.steady
