from __future__ import annotations

import pytest

from edge.agent.supervisor import DiskWatch, Level


@pytest.fixture
def watch() -> DiskWatch:
    return DiskWatch(alarm_free=500, stop_free=100)


@pytest.mark.parametrize(
    ("free", "level"),
    [(0, Level.OUT), (99, Level.OUT), (100, Level.LOW), (499, Level.LOW), (500, Level.AMPLE), (10**12, Level.AMPLE)],
)
def test_the_thresholds(watch: DiskWatch, free: int, level: Level) -> None:
    assert watch.look(free) is (level is not Level.AMPLE)
    assert watch.level is level


def test_a_level_is_left_for_a_better_one_only_with_clearly_more_room(watch: DiskWatch) -> None:
    levels = []
    for free in (99, 100, 124, 125, 100, 99, 624, 625, 500, 499):
        watch.look(free)
        levels.append(watch.level)
    out, low, ample = Level.OUT, Level.LOW, Level.AMPLE
    assert levels == [out, out, out, low, low, out, low, ample, ample, low]


def test_only_a_change_is_news(watch: DiskWatch) -> None:
    assert [watch.look(free) for free in (600, 400, 300, 50, 60, 1000, 1000)] == [
        False,
        True,
        False,
        True,
        False,
        True,
        False,
    ]
