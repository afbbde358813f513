from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from edge.agent import watchdog
from edge.agent.watchdog import DiskLevel, DiskWatch, Supervisor
from edge.config import Settings


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
    assert watch.update_level(free) is (level is not DiskLevel.AMPLE)
    assert watch.level is level


def test_a_level_is_left_for_a_better_one_only_with_clearly_more_room(watch: DiskWatch) -> None:
    levels = []
    for free in (99, 100, 124, 125, 100, 99, 624, 625, 500, 499):
        watch.update_level(free)
        levels.append(watch.level)
    out, low, ample = DiskLevel.OUT, DiskLevel.LOW, DiskLevel.AMPLE
    assert levels == [out, out, out, low, low, out, low, ample, ample, low]


def test_that_a_doubtful_clock_removes_nothing_is_said_once_and_again_only_when_it_is_doubted_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "DISK_EVERY_S", 0)
    monkeypatch.setattr(watchdog, "SYNCHRONISED_S", 0)
    believed = [False, False, True, False, False]
    executor, clock = Mock(free_disk_space=AsyncMock(return_value=10**12)), Mock(spec_set=["is_believed"])
    clock.is_believed.side_effect = [*believed, KeyboardInterrupt]
    free: list[int] = []
    room = Supervisor(Settings(state_directory=tmp_path), executor, Mock(), Mock(), clock, Mock(), free.append)
    with suppress(KeyboardInterrupt):
        asyncio.run(room.manage_disk_space())
    assert [call.kwargs["believed"] for call in executor.free_disk_space.await_args_list] == believed
    assert caplog.text.count("no recording is removed for its age") == 2
    assert free == [10**12] * len(believed)
