"""Statuses: each word after those before it, and two consumers never wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dockvoice_protocol.events import Topics, make_status
from inventory.queries import fleet
from inventory.repository import Store
from inventory.reviews.reviews import read_review
from inventory.site import retiring
from inventory.store.statuses import StatusMessage, load_statuses
from tests.dictated import KEY, payload, recorded, reviewed, signed
from tests.store import Read

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store.open(url, now=lambda: NOON)) as opened:
        yield opened


def word(state: Any, device: str, minutes: float | None = None) -> StatusMessage:
    time = None if minutes is None else NOON + timedelta(minutes=minutes)
    said = make_status(state, site="north", device=device, key=KEY.public, time=time)
    return StatusMessage.read(payload(said), Topics("dockvoice", "north", device))


def kept(store: Store) -> list[tuple[Any, ...]]:
    """Device, state, minutes after noon since when, and when it was heard."""

    def minutes(at: datetime | None) -> float | None:
        return None if at is None else (at - NOON).total_seconds() / 60

    with store.engine.begin() as transaction:
        return [
            (one.device, one.state, minutes(one.since), minutes(one.heard_at)) for one in load_statuses(transaction)
        ]


def test_each_of_many_words_is_kept_after_those_before_it(store: Store) -> None:
    store.statuses.record([word("offline", "dock-1")])
    store.statuses.record(
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
            consumers.submit(store.statuses.record, [word("online", name, -1) for name in order]) for order in orders
        ]
        for one in done:
            one.result(timeout=60)
    assert len(kept(store)) == 200


def test_who_was_linked_and_is_told_of_no_more_is_away(store: Store) -> None:
    store.statuses.record([word("online", "dock-1", -8), word("online", "dock-2", -8), word("offline", "dock-3")])
    assert store.statuses.mark_missing_offline({("north", "dock-2")}) == [("north", "dock-1")]
    assert [(name, state) for name, state, *_ in kept(store)] == [
        ("dock-1", "offline"),
        ("dock-2", "online"),
        ("dock-3", "offline"),
    ]
    assert store.statuses.mark_missing_offline({("north", "dock-2")}) == []


def test_of_a_device_that_is_retired_nothing_is_told_until_it_is_enrolled_again(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    store.statuses.record([word("online", "dock-3"), word("online", "ghost")])
    at, ghost = ("north", "dock-3"), ("north", "ghost")
    with store.transaction() as transaction:
        assert [
            retiring.find_devices_without_events(transaction),
            retiring.count_data_lost_with(transaction, at).summary,
        ] == [[ghost], ""]
        retiring.delete_and_mark_retired(transaction, at, NOON, enrolled=True)
        retiring.delete_and_mark_retired(transaction, ghost, NOON, enrolled=False)
        assert fleet.load_devices(transaction, []) == []
        assert retiring.find_devices_without_events(transaction) == []
        (back,) = fleet.load_devices(transaction, [at])
    assert (back.linked, back.handled, len(store.rows())) == (False, 1, 1)
    store.statuses.record([word("online", "dock-3")])
    with store.transaction() as transaction:
        assert [one.linked for one in fleet.load_devices(transaction, [at])] == [True]
        assert not retiring.is_known_device(transaction, ghost)


def test_what_a_device_still_has_is_known_before_it_is_retired(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    store.apply(event(recorded(5)))
    said = make_status("online", site="north", device="dock-3", key=KEY.public) | {"backlog": {"entries": 7}}
    store.statuses.record([StatusMessage.read(payload(said), Topics("dockvoice", "north", "dock-3"))])
    store.review(read_review(signed(reviewed(1)), Topics("dockvoice", "north", "dock-3")))
    with store.transaction() as transaction:
        found = retiring.count_data_lost_with(transaction, ("north", "dock-3"))
    assert found == retiring.UnsentData(missing=4, backlog=7, reviews=1)
    assert found.summary == "4 events are missing, 7 entries wait on it, 1 of its utterances wait for a person"
    with store.transaction() as transaction:
        retiring.delete_and_mark_retired(transaction, ("north", "dock-3"), NOON, enrolled=True)
    assert store.reviews() == []
