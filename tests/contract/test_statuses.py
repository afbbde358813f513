"""Statuses: each word after those before it, and two consumers never wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge.deliver.events import Topics, status
from inventory.statuses import StatusWord, told
from inventory.store import Store
from tests.dictated import KEY, payload

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store.open(url, now=lambda: NOON)) as opened:
        yield opened


def word(state: Any, device: str, minutes: float | None = None) -> StatusWord:
    time = None if minutes is None else NOON + timedelta(minutes=minutes)
    said = status(state, site="north", device=device, key=KEY.public, time=time)
    return StatusWord.read(payload(said), Topics("dockvoice", "north", device))


def kept(store: Store) -> list[tuple[Any, ...]]:
    """Device, state, minutes after noon since when, and when it was heard."""

    def minutes(at: datetime | None) -> float | None:
        return None if at is None else (at - NOON).total_seconds() / 60

    with store.engine.begin() as transaction:
        return [(one.device, one.state, minutes(one.since), minutes(one.heard_at)) for one in told(transaction)]


def test_each_of_many_words_is_kept_after_those_before_it(store: Store) -> None:
    store.statuses.heard([word("offline", "dock-1")])
    store.statuses.heard(
        [
            *(word("online", "dock-2", -8), word("offline", "dock-2"), word("online", "dock-1", -7)),
            *(word("online", "dock-3", -6), word("online", "dock-3", -5), word("offline", "dock-4")),
            *(word("online", "dock-5", 3), word("online", "dock-6")),  # a clock that is ahead, and none
        ]
    )
    assert kept(store) == [
        ("dock-1", "online", -7, -7),
        ("dock-2", "offline", 0, -8),
        ("dock-3", "online", -6, -5),
        ("dock-4", "offline", 0, None),
        ("dock-5", "online", 0, 0),
        ("dock-6", "online", 0, 0),
    ]


def test_consumers_that_hear_the_same_devices_in_other_orders_wait_for_none(store: Store) -> None:
    names = [f"dock-{number}" for number in range(200)]
    with ThreadPoolExecutor(4) as consumers:
        orders = [names, names[::-1], names[100:] + names[:100], names[::2]]
        done = [
            consumers.submit(store.statuses.heard, [word("online", name, -1) for name in order]) for order in orders
        ]
        for one in done:
            one.result(timeout=60)
    assert len(kept(store)) == 200
