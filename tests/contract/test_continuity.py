"""An event that does not continue the one before it, and a number that jumps, are told when they come."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import delete

from dockvoice_protocol import hash_chain
from dockvoice_protocol.hash_chain import GENESIS
from inventory.queries import fleet
from inventory.records import Applied, Buffered, Early, Event, Outcome
from inventory.repository import Store
from inventory.reviews.flags import FlagState
from inventory.store.tables import entries, events
from tests.dictated import KEY, cancelled, identity, recorded
from tests.store import Read

Apply = Callable[[Store, Sequence[Event]], list[Outcome]]


def one_by_one(store: Store, said: Sequence[Event]) -> list[Outcome]:
    return [store.apply(event) for event in said]


def at_once(store: Store, said: Sequence[Event]) -> list[Outcome]:
    became = store.batches.try_apply_all(said)
    assert became is not None
    return [one for _, one in became if not isinstance(one, Buffered)]


each_way = pytest.mark.parametrize("apply", [one_by_one, at_once])


def chained(said: Sequence[dict[str, Any]], link: str = GENESIS) -> list[dict[str, Any]]:
    """As one journal makes them."""
    made: list[dict[str, Any]] = []
    for event in said:
        made.append(hash_chain.seal_event(event, link, event["data"]["utterance"]["audio_sha256"], "", KEY))
        link = made[-1]["chain"]
    return made


def alarms(store: Store) -> dict[str, list[str]]:
    with store.transaction() as transaction:
        found = fleet.load_devices(transaction, [("north", "dock-3"), ("north", "dock-4")])
    return {one.name: [*one.odd] for one in found}


@each_way
def test_events_that_follow_one_another_raise_no_alarm(url: str, event: Read, apply: Apply) -> None:
    said = [event(one) for one in chained([recorded(1), recorded(2), cancelled(3, 1), recorded(4)])]
    with closing(Store.open(url)) as store:
        assert apply(store, said[:2]) + apply(store, said[2:]) == [Applied()] * 4
        assert (store.flags.all(every=True), alarms(store)) == ([], {"dock-3": [], "dock-4": []})


@each_way
def test_an_event_that_does_not_continue_its_chain_is_told_when_it_comes(
    url: str, event: Read, apply: Apply, caplog: pytest.LogCaptureFixture
) -> None:
    """The key was copied: its holder has gone on elsewhere, from the same beginning."""
    ours = chained([recorded(1), recorded(2), recorded(3)])
    theirs = chained([recorded(4, quantity=4999), recorded(5)], link="f" * 64)
    caplog.set_level(logging.WARNING)
    with closing(Store.open(url)) as store:
        assert apply(store, [event(one) for one in ours]) == [Applied()] * 3
        assert apply(store, [event(one) for one in theirs]) == [Applied()] * 2  # it is signed, and on record
        assert [(one.rule, one.event_id, one.reason, one.other) for one in store.flags.all()] == [
            ("chain", identity(1, 4), "not_continued", identity(1, 3))
        ]
        assert "number 4 of north/dock-3: does not continue number 3 that is here" in caplog.text
        assert alarms(store) == {"dock-3": ["chain"], "dock-4": []}
        store.flags.decide(identity(1, 4), FlagState.STRUCK, "ben", "the headset was stolen on Monday")
        assert alarms(store)["dock-3"] == []
        apply(store, [event(one) for one in theirs])  # again: nothing is told anew
        assert store.flags.all() == []


@each_way
def test_a_cancellation_and_a_refused_event_that_do_not_continue_are_told_too(
    url: str, event: Read, apply: Apply
) -> None:
    with closing(Store.open(url)) as store:
        apply(store, [event(one) for one in chained([recorded(1)])])
        apply(store, [event(one) for one in chained([cancelled(2, 1)], link="e" * 64)])
        apply(store, [event(one) for one in chained([cancelled(3, 1)], link="d" * 64)])  # refused: it is cancelled
        assert [one.event_id for one in store.flags.all()] == [identity(1, 2), identity(1, 3)]


@each_way
def test_a_chain_goes_on_behind_a_refused_event(url: str, event: Read, apply: Apply) -> None:
    said = chained([recorded(1), cancelled(2, 1), cancelled(3, 1), recorded(4)])
    with closing(Store.open(url)) as store:
        for one in said:
            apply(store, [event(one)])
        assert store.flags.all(every=True) == []


def test_the_first_event_continues_the_beginning(url: str, event: Read) -> None:
    with closing(Store.open(url)) as store:
        store.apply(event(chained([recorded(1)], link="a" * 64)[0]))
        assert alarms(store)["dock-3"] == ["chain"]


@each_way
def test_what_is_not_known_of_the_event_before_says_nothing(url: str, event: Read, apply: Apply) -> None:
    """The site has deleted it."""
    with closing(Store.open(url)) as store:
        assert apply(store, [event(recorded(1))]) == [Applied()]
        with store.engine.begin() as transaction:
            for table in (entries, events):
                transaction.execute(delete(table))
        assert apply(store, [event(one) for one in chained([recorded(2)], link="b" * 64)]) == [Applied()]
        assert store.flags.all(every=True) == []


@each_way
def test_a_number_that_jumps_is_told_once_and_says_nothing_of_how_far_the_device_is(
    url: str, event: Read, apply: Apply, caplog: pytest.LogCaptureFixture
) -> None:
    far = {**recorded(2), "sequence": "9999999999", "id": identity(9, 9)}
    farther = {**recorded(2), "sequence": "9999999998", "id": identity(9, 8)}
    with closing(Store.open(url)) as store:
        apply(store, [event(recorded(1))])
        assert apply(store, [event(far), event(farther), event(far)]) == [Early(expected=2)] * 3
        (progress,) = store.progress()
        assert (progress.highest, progress.missing) == (1, None)
        (flag,) = store.flags.all()
        assert (flag.rule, flag.reason) == ("number", "number_jumps:9999999999")
        assert alarms(store)["dock-3"] == ["number"]
        assert caplog.text.count("and 2 is the next one") == 1
        assert apply(store, [event(recorded(2)), event({**recorded(4)})]) == [Applied(), Early(expected=3)]
        assert store.progress()[0].missing == (3, 4)


def test_nobody_gets_another_devices_entry_flagged(url: str, event: Read) -> None:
    """The id of an event is its sender's claim."""
    with closing(Store.open(url)) as store:
        store.apply(event(recorded(1, at=("north", "dock-4"))))
        claimed = {**recorded(2), "sequence": "9999999999", "id": identity(1, 1, "dock-4")}
        store.apply(event(claimed))
        (flag,) = store.flags.all()
        assert flag.event_id != identity(1, 1, "dock-4")
        assert (flag.device, alarms(store)) == ("dock-3", {"dock-3": ["number"], "dock-4": []})
