"""What devices lack by their status is published again: once for many, and once for each version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dockvoice_protocol.events import Topics, make_status
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from inventory.repository import Store
from inventory.site import expected
from inventory.site.republishing import RepublishingStatuses
from inventory.store.outbox import Message, MessageKind, insert_messages
from inventory.store.statuses import StatusMessage
from inventory.store.tables import outbox
from tests.dictated import KEY, payload
from tests.store import Lists, drained, publish

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DOCKS = ("dockvoice/north/catalogue/docks/latest", True)
LIST = ("dockvoice/north/expected/trailer/5501", True)


class Site:
    """A store with a catalogue of docks and a list of a trailer, which the broker has, and a clock."""

    def __init__(self, url: str) -> None:
        self.now = NOON
        self.store = Store.open(url, now=lambda: self.now)
        north = self.store.catalogue("north")
        self.docks = north.put("docks", [("line 2", {"value": "A"})], "ana", "begun", "docks.csv")
        publish(north, self.docks)
        place, lines = ReceivingPlace(PlaceKind.TRAILER, "5501"), [ExpectedLine("N-1", "742", "A100", 12, "CS", False)]
        (self.list,) = Lists(self.store).replace("north", {place: lines})
        with self.store.transaction() as transaction:
            expected.enter_in_outbox(transaction, "dockvoice", [self.list], KEY, self.now, held=timedelta())
        self.bodies = {row.body for row in drained(self.store)}
        self.statuses = RepublishingStatuses(self.store.statuses, self.store.engine, "dockvoice", lambda: self.now)

    def hear(self, *devices: str, retained: bool = False, state: Any = "online", **said: Any) -> None:
        """Statuses of these devices, all the same."""
        self.statuses.record(
            [
                StatusMessage.read(
                    payload(make_status(state, site="north", device=device, key=KEY.public) | said),
                    Topics("dockvoice", "north", device),
                    retained=retained,
                )
                for device in devices
            ]
        )

    def published(self, after_s: float) -> list[tuple[str, bool]]:
        """Topic and retention of what is published so many seconds later."""
        self.now += timedelta(seconds=after_s)
        rows = drained(self.store)
        assert {row.body for row in rows} <= self.bodies
        return [(row.topic, row.retain) for row in rows]


@pytest.fixture
def site(url: str) -> Iterator[Site]:
    made = Site(url)
    with closing(made.store):
        yield made


def test_who_comes_without_anything_is_given_all_and_many_at_once_are_one(site: Site) -> None:
    site.hear(*(f"dock-{number}" for number in range(200)), expected=0)
    site.hear("late", expected=0)
    assert site.published(4) == []
    assert site.published(2) == [DOCKS, LIST]
    site.hear("dock-1", "late", expected=0)  # asked before, whatever became of it
    site.hear("another", expected=0)
    assert site.published(55) == []
    assert site.published(5) == [DOCKS, LIST]


def test_who_has_it_refused_it_or_takes_nothing_is_given_nothing(site: Site) -> None:
    version = site.docks.version
    has: dict[str, Any] = {"catalogue": {"docks": {"version": version}}, "expected": site.list.version}
    site.hear("has", **has)
    site.hear("waits", **has | {"catalogue": {"docks": {"waits": version}}})
    for refused in ({"reason": "forged"}, {"reason": "breaks_form", "version": version}):
        site.hear("refused", **has | {"catalogue": {"docks": {"refused": refused}}})
    site.hear("takes-nothing")
    site.hear("retained", retained=True, expected=0)
    site.hear("gone", state="offline")
    assert site.published(100) == []
    site.hear("old", **has | {"catalogue": {"docks": {"version": version - 1}}})
    assert site.published(100) == [DOCKS]
    site.hear("refused", **has | {"catalogue": {"docks": {"refused": {"reason": "old", "version": version - 1}}}})
    assert site.published(100) == [DOCKS]


def test_what_is_withdrawn_or_pending_is_not_published_again(site: Site) -> None:
    north = site.store.catalogue("north")
    publish(north, north.withdraw("docks", "ana", "begun anew"))
    Lists(site.store).replace("north", {site.list.place: []})
    drained(site.store)
    site.hear("new", expected=0)
    assert site.published(100) == []
    publish(north, north.put("docks", [("line 2", {"value": "B"})], "ana", "again", "docks.csv"))
    site.hear("new", expected=0)
    assert len(drained(site.store)) == 1  # the one that was pending, at its time


@pytest.mark.parametrize("kind", [MessageKind.DECLINED, MessageKind.CLIP_REQUEST])
def test_what_no_broker_keeps_is_published_again_when_its_device_is_heard_of(site: Site, kind: MessageKind) -> None:
    """A declined posting once, for nobody confirms it; a request until it is confirmed, a week at most."""
    of_device = ("to/dock-1", False)
    site.bodies.add(b"told")
    told = Message(kind, "north", "dock-1", "one", "to/dock-1", b"told", KEY.public)
    with site.store.transaction() as transaction:
        insert_messages(transaction, [told], site.now)
    assert site.published(0) == [of_device]
    site.hear("dock-1", session_kept=False)  # perhaps from before it was published
    assert site.published(5) == []
    site.hear("another", session_kept=False)
    site.hear("dock-1", retained=True, session_kept=False)
    site.hear("dock-1", state="offline")
    assert site.published(0) == []
    site.hear("dock-1", session_kept=False)
    assert site.published(5) == [of_device]
    assert site.published(5) == []
    site.hear("dock-1", session_kept=False)
    assert site.published(0) == ([] if kind is MessageKind.DECLINED else [of_device])
    assert site.published(7 * 24 * 3600) == []
    site.hear("dock-1", session_kept=False)
    assert site.published(0) == []


def test_what_the_broker_keeps_is_not_published_again(site: Site) -> None:
    site.bodies.add(b"told")
    for kind in (MessageKind.DECLINED, MessageKind.CLIP_REQUEST):
        told = Message(kind, "north", "dock-1", "one", "to/dock-1", b"told", KEY.public)
        with site.store.transaction() as transaction:
            insert_messages(transaction, [told], site.now)
    assert len(site.published(0)) == 2
    site.now += timedelta(seconds=5)
    site.hear("dock-1")
    site.hear("dock-1", session_kept=False)  # the request is not confirmed
    assert site.published(0) == [("to/dock-1", False)]


@pytest.mark.parametrize("session_kept", [True, False])
def test_a_declined_posting_goes_after_a_week_though_its_device_never_comes_back(
    site: Site, session_kept: bool
) -> None:
    site.bodies.add(b"told")
    week = timedelta(days=7)
    for after, key in ((timedelta(), "old"), (week, "new")):
        site.now = NOON + after
        told = Message(MessageKind.DECLINED, "north", "dock-1", key, "to/dock-1", b"told", KEY.public)
        with site.store.transaction() as transaction:
            insert_messages(transaction, [told], site.now)
        site.published(0)
    for seconds, kept in ((0, {"old", "new"}), (1, {"new"})):
        site.now = NOON + week + timedelta(seconds=seconds)
        site.hear("another", session_kept=session_kept)
        with site.store.transaction() as transaction:
            assert set(transaction.execute(select(outbox.c.key)).scalars()) == kept
