from __future__ import annotations

import pytest

from edge.agent.watchdog import DiskLevel, DiskWatch


@pytest.fixture
def watch() -> DiskWatch:
    return DiskWatch(alarm_free=500, stop_free=100)


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (0, DiskLevel.OUT),
        (99, DiskLevel.OUT),
        (100, DiskLevel.LOW),
        (499, DiskLevel.LOW),
        (500, DiskLevel.AMPLE),
        (10**12, DiskLevel.AMPLE),
    ],
)
def test_the_thresholds(watch: DiskWatch, free: int, level: DiskLevel) -> None:
    assert watch.look(free) is (level is not DiskLevel.AMPLE)
    assert watch.level is level


def test_a_level_is_left_for_a_better_one_only_with_clearly_more_room(watch: DiskWatch) -> None:
    levels = []
    for free in (99, 100, 124, 125, 100, 99, 624, 625, 500, 499):
        watch.look(free)
        levels.append(watch.level)
    out, low, ample = DiskLevel.OUT, DiskLevel.LOW, DiskLevel.AMPLE
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
