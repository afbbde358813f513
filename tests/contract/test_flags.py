"""What a site's rules speak against, on SQLite and on PostgreSQL alike: it is recorded, and a person decides."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dockvoice_protocol.errors import UnreadableInput
from inventory.records import Applied, Duplicate, Event
from inventory.repository import Store
from inventory.reviews.flags import FlagState
from tests.dictated import amended, cancelled, identity, recorded
from tests.store import Read, publish

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
RULES = [
    {"rule": "duplicate", "on": "yes", "hours": "72", "forms": ""},
    {"rule": "stock", "on": "yes", "hours": "720", "forms": "put-away|load"},
]


def publish_rules(store: Store, *rules: dict[str, str]) -> None:
    north = store.catalogue("north")
    publish(north, north.put("rules", [(one["rule"], one) for one in rules], "ben", "so it is agreed", "x.csv"))


class Site:
    """Devices of a site, which count their events."""

    def __init__(self, store: Store, read: Read) -> None:
        self._store = store
        self._read = read
        self._numbers: dict[str, int] = {}

    def says(self, device: str, form: str, message: dict[str, Any] | None = None, **fields: Any) -> str:
        number = self._numbers[device] = self._numbers.get(device, 0) + 1
        said = message or recorded(number, at=("north", device))
        if "fields" in said["data"]:
            said["data"] |= {"form": form, "fields": fields}
        else:
            said["data"] |= {"form": form}
        event: Event = self._read(said)
        assert self._store.apply(event) == Applied()
        assert self._store.apply(event) == Duplicate()
        return identity(1, number, device)

    def receives(self, device: str, pallet: str = "742", trailer: str = "5501", **more: Any) -> str:
        return self.says(device, "receive", pallet_id=pallet, quantity=12, uom="CS", trailer=trailer, **more)


def reasons(store: Store) -> list[tuple[str, str, str | None]]:
    return [(one.event_id, one.reason, one.other) for one in store.flags.all()]


def test_the_same_pallet_on_the_same_trailer_from_another_device_is_recorded_and_flagged(url: str, event: Read) -> None:
    now = [NOW]
    with closing(Store.open(url, now=lambda: now[0])) as store:
        site = Site(store, event)
        site.receives("dock-2", "99")
        site.receives("dock-3", "99")
        assert store.flags.all() == []  # no rule is published
        publish_rules(store, *RULES)
        first = site.receives("dock-3")
        site.receives("dock-3")  # the device itself has asked about it
        site.receives("dock-4", trailer="5502")
        site.receives("dock-4", pallet="743")
        (_, second) = first, site.receives("dock-5")
        (flag,) = store.flags.all()
        assert (flag.event_id, flag.rule, flag.site, flag.device) == (second, "duplicate", "north", "dock-5")
        assert (flag.reason, flag.state, flag.flagged_at) == ("already_received:dock-3", FlagState.OPEN, NOW)
        assert store.count().rows == 7  # nothing was turned away
        now[0] += timedelta(hours=73)
        site.receives("dock-6")
        assert len(store.flags.all()) == 1
        (decided,) = store.flags.decide(second, FlagState.STRUCK, "ana", "I looked at it")
        assert (decided.state, decided.who, decided.why, decided.decided_at) == (
            "struck",
            "ana",
            "I looked at it",
            now[0],
        )
        assert store.flags.all() == []
        assert store.flags.all(every=True) == [decided]
        publish_rules(store, {**RULES[0], "on": "no"})
        site.receives("dock-7")
        assert store.flags.all() == []


def test_what_is_moved_and_not_there_is_recorded_and_flagged(store: Store, event: Read) -> None:
    publish_rules(store, *RULES)
    site = Site(store, event)
    put: dict[str, Any] = {"pallet_id": "742", "location": "A-01-01"}
    unknown = site.says("dock-3", "put-away", **put)
    assert reasons(store) == [(unknown, "not_received", None)]
    site.receives("dock-4")
    site.says("dock-3", "put-away", **put)
    site.says("dock-3", "put-away", **put)  # it may be moved again
    loaded = site.says("dock-4", "load", pallet_id="742", trailer="7701")
    assert reasons(store) == [(unknown, "not_received", None)]
    again = site.says("dock-5", "load", pallet_id="742", trailer="7801")
    assert reasons(store)[1:] == [(again, "already_loaded:dock-4", loaded)]
    site.receives("dock-4", trailer="7901")  # it came back
    site.says("dock-5", "load", pallet_id="742", trailer="8001")
    assert len(reasons(store)) == 2


def test_a_flag_goes_with_its_entry_and_an_amendment_is_looked_at_anew(store: Store, event: Read) -> None:
    publish_rules(store, *RULES)
    site = Site(store, event)
    site.receives("dock-3")
    site.receives("dock-4")
    fields: dict[str, Any] = {"pallet_id": "742", "quantity": 11, "uom": "CS", "trailer": "5501"}
    mended = site.says("dock-4", "receive", amended(2, 1, at=("north", "dock-4")), **fields)
    assert [one for one, *_ in reasons(store)] == [mended]
    site.says("dock-4", "receive", cancelled(3, 2, at=("north", "dock-4")))
    assert reasons(store) == []
    site.receives("dock-5")
    assert [reason for _, reason, _ in reasons(store)] == ["already_received:dock-3"]


def test_a_decision_is_about_a_flagged_entry_and_has_a_reason(store: Store) -> None:
    with pytest.raises(UnreadableInput, match="no reason is given"):
        store.flags.decide("x", FlagState.STANDS, "ana", " ")
    with pytest.raises(UnreadableInput, match="x: no rule speaks against it"):
        store.flags.decide("x", FlagState.STANDS, "ana", "seen")
