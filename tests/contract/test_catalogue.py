"""The catalogue of a site on SQLite and on PostgreSQL alike: every change is a version, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import Topics, make_status
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.records.master import Row
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.site.catalogue import EditConflict, FaultyRows, SiteCatalogue, UnfilledKind
from inventory.site.numbering import RefusedByDevices, last_published_versions, record_sent_version
from inventory.store.statuses import StatusMessage
from tests.dictated import ANOTHER, KEY, payload
from tests.store import drained, publish

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
FIRST = int(NOW.timestamp())


def rows(*cells: dict[str, str]) -> list[Row]:
    return [(f"line {at}", one) for at, one in enumerate(cells, 2)]


A, B = {"value": "A", "spoken": "blue door"}, {"value": "B"}


def test_every_change_is_a_version_with_who_why_and_what(url: str) -> None:
    with closing(Store.open(url, now=lambda: NOW)) as store:
        north = store.catalogue("north")
        put = north.put("docks", rows(A, {**B, "check": ""}), "ben", "the new hall", "docks.csv")
        assert (put.version, put.rows, put.what) == (FIRST, (A, B), "imported docks.csv: 2 added")
        north.edit("docks", "B", {"value": "B", "check": "61"}, "ana", "a sign hangs there", base=put.version)
        north.edit("docks", "", {"value": "C"}, "ana", "opened")
        north.edit("docks", "A", None, "ana", "walled up")
        back = north.rollback("docks", put.version, "ben", "the wall is gone")
        assert (back.version, back.rows) == (FIRST + 4, (A, B))  # within one second, and higher all the same
        history = north.history("docks")
        assert [(one.version - FIRST, one.who, one.reason, one.what) for one in history] == [
            (4, "ben", "the wall is gone", f"back to version {FIRST}: 1 added, 1 changed, 1 removed"),
            (3, "ana", "walled up", "removed A: 1 removed"),
            (2, "ana", "opened", "added C: 1 added"),
            (1, "ana", "a sign hangs there", "changed B: 1 changed"),
            (0, "ben", "the new hall", "imported docks.csv: 2 added"),
        ]
        assert {one.made_at for one in history} == {NOW}
        differs = north.compare_versions("docks", FIRST, FIRST + 3)
        assert (differs.added, differs.removed) == ({"C": {"value": "C"}}, {"A": A})
        assert differs.changed == {"B": (B, {"value": "B", "check": "61"})}
        assert store.catalogue("south").current_versions() == []


def test_what_was_published_is_known_apart_from_what_was_changed_since(store: Store) -> None:
    north = store.catalogue("north")
    put = north.put("docks", rows(A), "ben", "begun", "docks.csv")
    assert north.published("docks") is None
    (sent,) = publish(north, put, key=ANOTHER.public)
    assert north.is_pending("docks"), "the broker has not taken it"
    drained(store)
    assert not north.is_pending("docks")
    assert north.published("docks") == north.get_version("docks", put.version)
    assert sent.published_at is not None
    assert PublicKey(bytes.fromhex(north.current("docks").signed_by or "")).keyid == ANOTHER.public.keyid
    after = north.withdraw("docks", "ben", "the files are right again")
    assert (after.rows, after.what) == ((), "withdrawn: 1 removed")
    assert north.current("docks") == after
    published = north.published("docks")
    assert published is not None
    assert published.version == put.version


Deed = Callable[[SiteCatalogue], Any]


@pytest.mark.parametrize(
    ("deed", "raised", "told"),
    [
        (
            lambda on: on.put("docks", rows(A, A), "ben", "x", "f"),
            FaultyRows,
            "line 3, column value: 'A' stands here a",
        ),
        (lambda on: on.put("docks", [], "ben", "x", "f"), FaultyRows, "holds no row"),
        (lambda on: on.put("docks", rows(A), "ben", " ", "f"), UnreadableInput, "docks: no reason is given; say why"),
        (lambda on: on.put("roster", rows(A), "ben", "x", "f"), UnreadableInput, "'roster': is no kind of master data"),
        (lambda on: on.put("../x", rows(A), "ben", "x", "f"), UnreadableInput, "'../x': is no kind of master data"),
        (
            lambda on: on.put("docks", rows(*({"value": f"{n}"} for n in range(5001))), "ben", "x", "f"),
            FaultyRows,
            "has 5,001 rows, which make a message of 84,507 bytes; 5,000 and 128,000 at most, which brokers take",
        ),
        (
            lambda on: on.put(
                "items.units", rows({"value": "A9", "unit": "CS", "factor": "0", "base": "EA"}), "b", "x", "f"
            ),
            FaultyRows,
            "line 2, column value: 'A9' is not in the list; add it there; line 2, column factor: '0' must be a number",
        ),
        (
            lambda on: on.put("rules", rows({"rule": "stok", "on": "maybe", "hours": "0"}), "b", "x", "f"),
            FaultyRows,
            "column rule: found 'stok'; allowed are duplicate and stock; line 2, column on: found 'maybe'",
        ),
        (lambda on: on.edit("items", "A1", {"value": "a\x07"}, "b", "x"), FaultyRows, "holds control characters"),
        (lambda on: on.edit("items", "A2", None, "b", "x"), UnreadableInput, "'A2' is not in version"),
        (lambda on: on.edit("items", "A1", None, "b", "x", base=1), EditConflict, "ana has made version"),
        (lambda on: on.rollback("items", 1, "b", "x"), UnreadableInput, "items: there is no version 1 at north"),
        (lambda on: on.current("doors"), UnreadableInput, "doors: there is no such kind at north; there are items"),
    ],
)
def test_what_is_wrong_is_told_and_makes_no_version(
    store: Store, deed: Deed, raised: type[Exception], told: str
) -> None:
    north = store.catalogue("north")
    before = [north.put("items", rows({"value": "A1"}), "ana", "begun", "items.csv")]
    with pytest.raises(raised) as caught:
        deed(north)
    assert told in str(caught.value)
    assert north.current_versions() == before == north.history("items")


def says_that_it_has(store: Store, version: int, device: str = "dock-3") -> None:
    topics = Topics("dockvoice", "north", device)
    said = make_status("online", site="north", device=device, key=KEY.public)
    told = {"roster": {"version": version}, "catalogue": {"docks": {"version": version}}}
    store.statuses.record([StatusMessage.read(payload(said | told), topics)])


def test_versions_count_on_from_what_was_sent_and_from_what_devices_have(url: str) -> None:
    """A clock that was wrong, a broker that lost its store, a database that was lost: nothing begins again below."""
    now = [NOW + timedelta(days=3650)]
    with closing(Store.open(url, now=lambda: now[0])) as store:
        north = store.catalogue("north")

        def sent(above: int = 0, site: str = "north") -> int:
            with store.transaction() as transaction:
                return record_sent_version(transaction, site, "roster", "ben", above, now[0])

        ahead = sent()
        now[0] = NOW
        assert sent() == ahead + 1
        assert sent(ahead + 7) == ahead + 8
        assert sent(site="south") == int(NOW.timestamp())
        assert north.put("docks", [("line 2", {"value": "A"})], "ben", "begun", "x.csv").version == int(NOW.timestamp())
        says_that_it_has(store, ahead + 50)
        assert sent() == ahead + 51
        assert north.put("docks", [("line 2", {"value": "B"})], "ben", "more", "x.csv").version == ahead + 51
        assert north.current_versions()[0].kind == "docks"  # the roster is none of these
        assert len(north.current_versions()) == 1
        with store.transaction() as transaction:  # the docks were not published yet
            assert last_published_versions(transaction, "north") == {"roster": ahead + 51}


def test_what_a_later_one_was_sent_of_is_not_published_without_a_word(url: str) -> None:
    """The roster of the console, made before one that the command sent: no device has said yet what it has."""
    with closing(Store.open(url, now=lambda: NOW)) as store:
        north = store.catalogue("north")
        made = north.put("docks", [("line 2", {"value": "A"})], "ben", "begun", "x.csv")
        with store.transaction() as transaction:
            later = record_sent_version(transaction, "north", "docks", "ben", 0, NOW)
        with pytest.raises(RefusedByDevices, match=f"version {later} was sent since"):
            publish(north, made)
        publish(north, north.rollback("docks", made.version, "ben", "a later one was sent"))


def test_a_version_that_devices_would_refuse_is_not_published_without_a_word(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Store.open(url, now=lambda: NOW)) as store:
        north = store.catalogue("north")
        made = north.put("docks", [("line 2", {"value": "A"})], "ben", "begun", "x.csv")
        publish(north, made)
        says_that_it_has(store, made.version + 5)
        told = rf"1 device would refuse version {made.version} as old \(dock-3 has {made.version + 5}\)"
        with pytest.raises(RefusedByDevices, match=told):
            publish(north, made)
        publish(north, north.rollback("docks", made.version, "ben", "devices have a later one"))
        says_that_it_has(store, 9_000_000_000_000_000)  # a status carries no signature, and must not use them up
        again = north.rollback("docks", made.version, "ben", "once more")
        assert again.version < 3_000_000_000
        publish(north, again)
        assert "says that it has a version that nobody made" in caplog.text


def test_a_list_that_does_not_fit_the_words_of_the_site_is_refused_at_the_import(store: Store) -> None:
    """The word was taught first: devices would take none of a list in which it is the name of a value."""
    north = store.catalogue("north", InventorySettings().forms)
    north.put("docks", rows(A), "ben", "begun", "docks.csv")
    word = {"form": "pallet-move", "field": "pallet_id", "as": "label", "word": "bay", "language": "en"}
    north.put("words", rows(word), "ben", "what we call it", "words.csv")
    with pytest.raises(FaultyRows, match="'bay': says 'C' of 'dock' already"):
        north.put("docks", rows(A, B, {"value": "C", "spoken": "bay"}), "ben", "a new door", "docks.csv")
    assert north.put("docks", rows(A, B, {"value": "C", "spoken": "yard"}), "ben", "a new door", "docks.csv").rows


def test_a_list_from_which_no_form_is_filled_is_refused_with_the_names_of_those_that_are(store: Store) -> None:
    """A name that is misspelt would go to all devices, which have no use for it, and nobody would be told."""
    north = store.catalogue("north", InventorySettings().forms)
    unit = {"value": "A", "unit": "CS", "factor": "2", "base": "EA"}
    allowed = "allowed are docks, doors, items, locations, slots, each with .units for its units, rules and words"
    for kind, cells in (("dock", A), ("dock.units", unit)):
        with pytest.raises(UnfilledKind, match=f"kind: found {kind!r}, from which no form in .* is filled; {allowed}"):
            north.put(kind, rows(cells), "ben", "begun", "docks.csv")
        with pytest.raises(UnfilledKind):
            north.edit(kind, "", cells, "ben", "begun")
    assert north.current_versions() == []
    store.catalogue("north").put("dock", rows(A), "ben", "as it was taken before", "docks.csv")
    assert north.withdraw("dock", "ben", "misspelt").rows == ()
