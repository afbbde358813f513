"""What an event becomes in each store of the inventory, SQLite and PostgreSQL alike: a row, a change or a refusal."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from dockvoice_protocol.events import Topics
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace
from inventory.records import Applied, Duplicate, Refused, TableCounts
from inventory.repository import ROW, RejectedLimits, Store
from inventory.reviews.reviews import read_review
from tests.dictated import amended, cancelled, identity, payload, recorded, reviewed, signed
from tests.servers.postgresql import PostgreSQL
from tests.store import Lists, Read


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_every_moment_comes_back_whatever_the_servers_time_zone(url: str, zone: str, event: Read) -> None:
    """PostgreSQL tells a moment in the zone of its session, where the year 1 may be one before Christ."""
    beside = "" if url.startswith("sqlite") else f"?options=-c%20timezone%3D{quote(zone, safe='')}"
    moments = ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]
    with closing(Store.open(url + beside)) as store:
        for number, moment in enumerate(moments, 1):
            store.apply(event(recorded(number) | {"time": moment}))
        assert sorted(rfc3339(row.recorded_at) for row in store.rows()) == moments


def test_a_list_of_expected_receipts_is_replaced_marked_and_withdrawn(url: str, event: Read) -> None:
    now = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
    place, other = ReceivingPlace(PlaceKind.TRAILER, "5501"), ReceivingPlace(PlaceKind.DOOR, "12")
    mine = ExpectedLine("4550012", "0742", "A100", 12, "CS", lot_needed=False)  # the pallet of every event here
    next_one = replace(mine, pallet="0743")
    fields = {"pallet-move": "pallet_id"}
    with closing(Store.open(url, now=lambda: now)) as store:
        lists = Lists(store)
        store.apply(event(recorded(1)))  # a pallet of this number came before anything was announced
        now += timedelta(hours=1)
        (first,) = lists.replace("north", {place: [mine, next_one]})
        assert first == ExpectedList("north", place, int(now.timestamp()), (mine, next_one))
        assert lists.replace("south", {place: [mine]})[0].site == "south"
        assert lists.mark_received_lines(fields) == []

        now += timedelta(hours=1)
        store.apply(event(recorded(2)))
        (marked,) = lists.mark_received_lines(fields)
        assert (marked.site, marked.version) == ("north", first.version + 1 * 3600 * 2 - 3600)
        assert [line.received for line in marked.lines] == [True, False]
        assert lists.mark_received_lines({}) != []  # no form says so any more
        (marked,) = lists.mark_received_lines(fields)
        assert [line.received for line in marked.lines] == [True, False]

        (again,) = lists.replace("north", {place: [mine, replace(next_one, quantity=2.5)]})  # the same notice, mended
        assert [line.received for line in again.lines] == [True, False]
        assert again.version > marked.version
        store.apply(event(cancelled(3, 2)))
        undone = lists.mark_received_lines(fields)
        assert [line.received for line in undone[0].lines] == [False, False]

        (withdrawn,) = lists.replace("north", {place: []})
        assert (withdrawn.lines, withdrawn.version > undone[0].version) == ((), True)
        (back,) = lists.replace("north", {place: [replace(mine, notice="4550013")]})  # another trailer of that number
        assert (back.version > withdrawn.version, lists.mark_received_lines(fields)) == (True, [])
        assert lists.replace("north", {other: [mine]})[0].place == other


def test_of_a_review_the_latest_word_counts_whenever_it_comes(store: Store) -> None:
    sender = Topics("dockvoice", "north", "dock-3")

    def take(number: int, state: str = "open", **of: int) -> Applied | Duplicate:
        return store.review(read_review(signed(reviewed(number, state, **of)), sender))

    assert [take(1), take(2, of=2), take(3, "recorded")] == [Applied(), Applied(), Applied()]
    (waits,) = store.reviews()
    assert (waits.utterance_id, waits.doubtful) == (identity(2, 2), {"dock": "field_missing"})
    assert [take(1), take(3, "recorded")] == [Duplicate(), Duplicate()]  # sent again, and late
    assert [one.state for one in store.reviews(every=True)] == ["open", "recorded"]
    assert take(1, life=2) == Applied()  # of a journal that was rebuilt, and counts anew
    assert take(9, "dropped") == Duplicate()  # of the one before
    assert len(store.reviews()) == 2
    assert (store.count().events, store.progress()) == (0, [])  # no entry is made or numbered by it


def test_values_of_every_kind_come_back_digit_for_digit(store: Store, event: Read) -> None:
    fields: dict[str, Any] = {
        "weight": 52.5,
        "fine": 0.000001,
        "long": 123456789.012345,
        "below": -18.0,
        "sealed": False,
        "expiry": "2027-03-05",
        "serials": ["A1234", "0007"],
    }
    message = recorded(1)
    message["data"]["fields"] = fields
    store.apply(replace(event(recorded(1)), fields=fields, body=payload(message)))
    (row,) = store.rows()
    assert row.fields == fields
    assert [type(value) for value in row.fields.values()] == [type(fields[name]) for name in row.fields]


def test_the_same_event_again_changes_nothing_and_another_under_its_id_or_number_is_refused(
    store: Store, event: Read
) -> None:
    first = event(recorded(1))
    store.apply(first)
    assert store.apply(first) == Duplicate()
    assert store.apply(replace(first, body=first.body.replace(b',"', b', "'))) == Duplicate(), (
        "blanks count for nothing"
    )
    assert store.apply(event(recorded(1, quantity=13))) == Refused(("conflicting_event",))
    assert store.apply(event(recorded(2) | {"sequence": "1"})) == Refused(("sequence_reused",))
    assert [row.fields["quantity"] for row in store.rows()] == [12]
    assert store.count() == TableCounts(rows=1, amended=0, cancelled=0, events=1, repeated=0, refused=0, rejected=2)


def test_an_amendment_takes_the_place_of_the_entry_and_can_itself_be_amended_and_cancelled(
    store: Store, event: Read
) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(amended(2, 1, quantity=15))) == Applied()
    old, new = store.rows()
    assert (old.state, old.fields["quantity"]) == ("amended", 12)
    assert (new.state, new.fields["quantity"], new.replaces) == ("current", 15, old.event_id)
    assert [store.apply(event(message)) for message in (amended(3, 2), cancelled(4, 3))] == [Applied()] * 2
    assert [row.state for row in store.rows()] == ["amended", "amended", "cancelled"]
    assert store.count() == TableCounts(rows=0, amended=2, cancelled=1, events=4, repeated=0, refused=0, rejected=0)


@pytest.mark.parametrize("change", [amended, cancelled])
def test_a_change_of_what_is_not_there_is_refused_and_changes_nothing(store: Store, event: Read, change: Any) -> None:
    assert store.apply(event(change(1, 9))) == Refused(("unknown_event",))
    assert store.count() == TableCounts(rows=0, amended=0, cancelled=0, events=0, repeated=0, refused=1, rejected=0)


def test_no_device_changes_what_another_recorded(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    theirs = cancelled(1, 1, at=("north", "dock-4"))
    theirs["data"]["cancels"] = identity(1, 1)
    assert store.apply(event(theirs)) == Refused(("unknown_event",))
    assert [row.state for row in store.rows()] == ["current"]


@pytest.mark.parametrize(("first", "reason"), [(amended, "already_amended"), (cancelled, "already_cancelled")])
def test_what_no_longer_stands_cannot_be_changed(store: Store, event: Read, first: Any, reason: str) -> None:
    store.apply(event(recorded(1)))
    store.apply(event(first(2, 1)))
    assert store.apply(event(amended(3, 1))) == Refused((reason,))


def test_what_no_database_can_hold_is_refused_rather_than_tried_for_ever(store: Store, event: Read) -> None:
    assert store.apply(replace(event(recorded(1)), operator="\ud800")) == Refused(("unstorable",))
    assert store.apply(event(recorded(2))) == Applied()
    assert (store.count().events, store.count().refused) == (1, 1)


def test_what_is_put_aside_is_bounded_in_size_number_and_age(url: str) -> None:
    now = [datetime(2026, 11, 20, tzinfo=UTC)]
    aside = RejectedLimits(message=1000, bytes=10_000, kept=timedelta(days=30))
    with closing(Store.open(url, now=lambda: now[0], aside=aside)) as store:
        for number in range(100):
            store.keep_rejected(b"%03d" % number + b"x" * 5000, "t" * 60_000, "is not JSON")
        with store.engine.begin() as transaction:
            kept = transaction.execute(text("SELECT payload, topic FROM rejected ORDER BY id")).all()
        assert [bytes(payload)[:3] for payload, _ in kept] == [b"%03d" % number for number in range(94, 100)]
        assert {len(payload) for payload, _ in kept} == {1000}
        assert {len(topic) for _, topic in kept} == {100}
        for _ in range(100):
            store.keep_rejected(b"", "t", "is not JSON")
        assert store.count().rejected <= 10_000 / ROW
        now[0] += timedelta(days=31)
        store.keep_rejected(b"new", "t", "is not JSON")
        assert store.count().rejected == 1


def test_what_operators_said_is_for_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with closing(Store.open(f"sqlite:///{tmp_path}/made/inventory.db")) as store:
            store.keep_rejected(b"x", "t", "is not JSON")
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "made").iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("inventory.db", "inventory.db-wal", "inventory.db-shm"), 0o600)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_rows_stand_in_the_order_in_which_they_came_however_the_clock_is_set(url: str, event: Read) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    steps = iter(noon + timedelta(days=days) for days in (0, 0, 1, 1, -1, -1, 0, 0))
    sent = (recorded(1), recorded(1, at=("north", "dock-4")), recorded(2), recorded(2, at=("north", "dock-4")))
    with closing(Store.open(url, now=lambda: next(steps, noon))) as store:
        assert [store.apply(event(message)) for message in sent] == [Applied()] * 4
        came = [(row.device, row.sequence) for row in store.rows()]
        assert came == [("dock-3", 1), ("dock-4", 1), ("dock-3", 2), ("dock-4", 2)]
        assert [(row.device, row.sequence) for row in store.rows(limit=1)] == came[-1:]
        assert [row.received_at for row in store.rows()] != sorted(row.received_at for row in store.rows())


def test_a_server_that_counts_arrivals_anew_refuses_nothing(postgresql: PostgreSQL, event: Read) -> None:
    with postgresql.database() as url, closing(Store.open(url)) as store:
        store.apply(event(recorded(1)))
        with store.engine.begin() as transaction:
            transaction.execute(text("ALTER SEQUENCE event_arrivals RESTART"))
        assert store.apply(event(recorded(2))) == Applied()


def test_two_entries_of_one_utterance_are_counted_as_repeated(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    store.apply(replace(event(recorded(2)), utterance_id=identity(2, 1)))
    assert store.count().repeated == 1
