"""What a device tells of how loud it is there and of what waits: nothing too soon, nothing old, and not too often."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from edge.agent.conditions import LATEST, PACE_S, Conditions
from edge.records import Acoustics
from tests.rows import each_of, every

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sound(level: float, noise: float) -> Acoustics:
    snr = 10 * math.log10(10 ** ((level - noise) / 10) - 1)
    return Acoustics(snr, level, clipped=0.0, speech_seconds=2.0, second_voice=0.0)


def hears(device: Conditions, level: float, noise: float, now: float = 0, times: int = 5, **more: Any) -> None:
    for _ in range(times):
        device.add_sound(sound(level, noise), now, dictated=more.get("dictated", True))


def hearing(device: Conditions, now: float = 0) -> Any:
    return device.snapshot(now).get("hearing")


@pytest.fixture
def device() -> Conditions:
    return Conditions()


@each_of(
    ("heard", "told"),
    [
        ([(-24, -50, 4, True)], None),
        ([(-24, -50, 5, True)], {"level_db": -24, "noise_db": -50}),
        ([(-24, -50, 5, True), (-3, -12, 2, True)], {"level_db": -24, "noise_db": -50}),  # a shout, a gate
        ([(-45, -50, 5, False)], {"noise_db": -50}),  # talk beside the device: of the hall alone
        ([(-24, -120, 5, True)], {"level_db": -24}),  # a headset that sends zeros between words
    ],
)
def test_what_is_told_of_the_wearer_and_of_the_hall(heard: list[tuple[float, float, int, bool]], told: Any) -> None:
    device = Conditions()
    for level, noise, times, dictated in heard:
        hears(device, level, noise, times=times, dictated=dictated)
    assert hearing(device) == told


def test_what_was_said_before_the_break_is_old_and_only_the_latest_counts(device: Conditions) -> None:
    hears(device, -24, -50)
    assert hearing(device, 1800.0) is not None
    assert hearing(device, 1801.0) is None
    hears(device, -24, -50, now=1800.0, times=LATEST)
    hears(device, -30, -40, now=1800.0, times=LATEST)
    assert hearing(device, 1800.0) == {"level_db": -30, "noise_db": -40}


def test_what_is_on_its_way_is_no_backlog_and_what_is_found_at_the_start_is(device: Conditions) -> None:
    device.set_backlog(12, ("a", NOON), 0)
    assert device.snapshot(0)["backlog"] == {"entries": 12, "since": "2026-11-20T12:00:00.000Z"}
    assert not device.is_poll_due(1)
    for oldest in ("b", "c"):  # each was confirmed before the next look
        device.set_backlog(1, (oldest, NOON), 10)
        assert device.snapshot(10)["backlog"] == {"entries": 0}
    device.set_backlog(2, ("c", NOON), 20)
    assert device.snapshot(20)["backlog"]["entries"] == 2
    device.set_backlog(0, None, 30)
    assert device.snapshot(30)["backlog"] == {"entries": 0}


def told(device: Conditions, now: float = 0) -> None:
    device.mark_published(device.snapshot(now), now)


def is_news(device: Conditions, now: float) -> bool:
    return device.is_due_to_publish(device.snapshot(now), now)


def test_what_has_hardly_changed_is_no_news_and_nothing_is_within_a_minute(device: Conditions) -> None:
    hears(device, -24, -50, times=LATEST)
    device.set_backlog(4, ("a", NOON), 0)
    device.set_free_space(10_000_000_000)
    assert is_news(device, 0)
    told(device)
    assert not is_news(device, PACE_S)
    hears(device, -26, -48, times=LATEST)
    device.set_backlog(7, ("a", NOON), 10)
    device.set_free_space(6_000_000_000)
    assert not is_news(device, PACE_S)
    device.set_backlog(0, None, 20)
    assert not is_news(device, PACE_S - 1)
    assert is_news(device, PACE_S)


def test_each_thing_is_news_when_it_changes_much() -> None:
    def changes(change: Any) -> None:
        one = Conditions()
        hears(one, -24, -50, times=LATEST)
        one.set_backlog(4, ("a", NOON), 0)
        one.set_free_space(10_000_000_000)
        told(one)
        change(one)
        assert is_news(one, PACE_S)

    every(
        {
            "quieter": lambda one: hears(one, -27, -50, times=LATEST),
            "louder there": lambda one: hears(one, -24, -47, times=LATEST),
            "the hall alone": lambda one: hears(one, -24, -50, times=LATEST, dictated=False),
            "twice as many wait": lambda one: one.set_backlog(8, ("a", NOON), 10),
            "none waits": lambda one: one.set_backlog(0, None, 10),
            "half the room": lambda one: one.set_free_space(5_000_000_000),
        },
        changes,
    )
