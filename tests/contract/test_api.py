"""What the API reads on SQLite and PostgreSQL alike: each thing once, in order, while more comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from inventory.api.app import ENDPOINTS
from inventory.api.parameters import encode_cursor
from inventory.api.tokens import Scope
from inventory.store.tables import events
from tests.console import Console, console
from tests.console.api import Program, program
from tests.console.dock import morning
from tests.console.story import put_aside
from tests.dictated import amended, cancelled, identity, recorded
from tests.servers.postgresql import PostgreSQL
from tests.store import reader
from tests.tiers import sized

EVENTS = sized(test=20, nightly=300)  # Of each device.
DEVICES = 3


@pytest.fixture
def site(url: str, tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, url) as found:
        yield found


def pages(asking: Program, address: str, name: str) -> list[Any]:
    """All pages of a list, one behind the other."""
    found, following = [], address
    while following:
        page = asking.get(following).json()
        found += page[name]
        following = page["next"]
    return found


def test_everything_that_can_be_read_is_read_and_every_list_page_by_page_has_each_thing_once(site: Console) -> None:
    morning(site)
    for n in (1, 2, 3):
        put_aside(site, n)
    asking = program(site)
    names = {"event_id": identity(1, 1), "site": "north", "trailer": "5501", "kind": "trailer", "name": "5501"}
    for one in ENDPOINTS:
        if one.method == "GET":
            path = one.path.format(**names | ({"kind": "docks"} if "catalogue" in one.path else {}))
            assert asking.get(path).status_code == 200, path
    for path, name in (("/v1/entries", "entries"), ("/v1/reviews?state=every", "reviews"), ("/v1/flags", "flags"),
                       ("/v1/refusals", "refusals"), ("/v1/trailers", "trailers")):  # fmt: skip
        whole = asking.get(path).json()[name]
        joint = "&" if "?" in path else "?"
        assert whole, path
        assert pages(asking, f"{path}{joint}limit={len(whole) // 4 + 1}", name) == whole, path


def test_what_is_new_comes_once_and_in_order_while_several_apply(site: Console, repository: Path) -> None:
    read, asking = reader(repository), program(site)

    def dictate(device: str) -> None:
        for number in range(1, EVENTS + 1):
            at = ("north", device)
            site.store.apply(read(cancelled(number, number - 1, at=at) if number % 5 == 0 else recorded(number, at=at)))

    found: list[Any] = []
    following = "/v1/events?limit=7"
    with ThreadPoolExecutor(DEVICES) as threads:
        dictating = [threads.submit(dictate, f"dock-{n}") for n in range(DEVICES)]
        while len(found) < EVENTS * DEVICES:
            answer = asking.get(following)
            if answer.status_code == 429:  # it asks for so little at a time that it comes too often
                time.sleep(float(answer.headers["retry-after"]))
                continue
            page = answer.json()
            found += page["events"]
            following = page["next"]
            assert not any(one.done() and one.exception() for one in dictating)
    assert [one["arrival"] for one in found] == sorted(one["arrival"] for one in found)
    ids = [one["event"]["id"] for one in found]
    assert len(set(ids)) == len(ids) == EVENTS * DEVICES
    assert any(one["event"]["type"].endswith("cancelled.v1") for one in found)
    assert asking.get(following).json() == {"events": [], "next": following, "more": False}


def test_none_is_handed_out_before_those_that_came_before_it_are_there(
    postgresql: PostgreSQL, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.api.entries.COMMIT_TIMEOUT_S", 0.2)
    read = reader(repository)
    with postgresql.database() as url, console(tmp_path, url) as site:
        asking = program(site)
        site.store.apply(read(recorded(1)))
        first = asking.get("/v1/events").json()
        with site.engine.connect() as slow:
            number = slow.execute(text("SELECT nextval('event_arrivals')")).scalar_one()
            site.store.apply(read(recorded(1, at=("north", "dock-4"))))
            waits = asking.get(first["next"]).json()
            assert (waits["events"], waits["next"]) == ([], first["next"]), "one that came before it is not there yet"
            body = recorded(2)
            at = {"event_id": body["id"], "site": "north", "device": "dock-3", "sequence": 2, "type": body["type"]}
            slow.execute(insert(events).values(**at, body="{}", received_at=site.place.now(), arrival=number))
            slow.commit()
        behind = asking.get(waits["next"]).json()
    assert [one["arrival"] for one in behind["events"]] == [number, number + 1]


# ---- stock ----

STOCK = "/v1/sites/north/stock"


class Said:
    """What a device says, each thing behind the one before it, with whatever fields a site's own form may have."""

    def __init__(self, site: Console, repository: Path, at: tuple[str, str] = ("north", "dock-3")) -> None:
        self._site, self._read, self._at, self._number = site, reader(repository), at, 0

    def __call__(self, quantity: float, *, amends: int | None = None, form: str = "receive", **fields: str) -> int:
        self._number += 1
        n = self._number
        message = recorded(n, at=self._at) if amends is None else amended(n, amends, at=self._at)
        said = {"quantity": quantity} | fields
        self._site.store.apply(replace(self._read(message), form=form, fields=said))
        return n

    def takes_back(self, named: int) -> None:
        self._number += 1
        self._site.store.apply(self._read(cancelled(self._number, named, at=self._at)))


def stock(asking: Program, query: str = "") -> dict[tuple[str | None, ...], float]:
    """What stands, by pallet, item, unit, lot and location."""
    found = pages(asking, STOCK + query, "stock")
    by = {tuple(one[name] for name in ("pallet", "item", "unit", "lot", "location")): one["quantity"] for one in found}
    assert len(by) == len(found), "each thing once"
    return by


def test_stock_that_cannot_be_asked_for_is_refused_by_the_parameter(site: Console, repository: Path) -> None:
    Said(site, repository, ("south", "dock-9"))(12, pallet_id="742")
    asking = program(site, north=Scope.READ)
    elsewhere = encode_cursor([identity(1, 1, "dock-9"), 1])
    for query, parameter in (
        ("unit=CS", "unit"),
        ("forms=", "forms"),
        ("forms=receive,,load", "forms"),
        ("pallet=", "pallet"),
        ("lot=%00", "lot"),
        ("at=soon", "at"),
        ("limit=0", "limit"),
        ("cursor=WzFd", "cursor"),
        (f"cursor={elsewhere}", "cursor"),
        (f"cursor={encode_cursor([identity(1, 1), 10**18 - 1])}", "cursor"),
        ("site=south", "site"),
    ):
        answer = asking.get(f"{STOCK}?{query}")
        assert answer.status_code == 400, query
        assert [one["parameter"] for one in answer.json()["errors"]] == [parameter], query
    assert asking.get("/v1/sites/south/stock").status_code == 403
    assert asking.get(STOCK).json() == {"next": None, "stock": []}


def test_what_is_corrected_is_moved_and_what_comes_to_nothing_is_left_out(site: Console, repository: Path) -> None:
    said, asking = Said(site, repository), program(site)
    said(12, pallet_id="742", item="A100", uom="CS", lot="7", dock="B")
    of_another = said(3, pallet_id="743", item="A100", uom="CS")
    said(4, pallet_id="743", item="A100", uom="CS", amends=of_another)
    wrong = said(5, pallet_id="744", item="A100", uom="CS")
    said(6, pallet_id="745", item="A100", uom="CS", amends=wrong)
    gone = said(7, pallet_id="746")
    said.takes_back(gone)
    said(1, item="B200")
    said(2, item="B200")
    assert stock(asking) == {
        ("742", "A100", "CS", "7", "B"): 12,
        ("743", "A100", "CS", None, None): 4,
        ("745", "A100", "CS", None, None): 6,
        (None, "B200", None, None, None): 3,
    }
    assert [one["pallet"] for one in asking.get(STOCK).json()["stock"]] == [None, "742", "743", "745"]


def test_fractions_are_summed_digit_by_digit(site: Console, repository: Path) -> None:
    said, asking = Said(site, repository), program(site)
    for quantity in (0.1, 0.2, 0.6, 0.1):
        said(quantity, item="A", uom="KGM")
    tenth, fifth = said(0.1, item="B"), said(0.2, item="B")
    said.takes_back(tenth)
    said.takes_back(fifth)
    said(-0.3, item="C")
    said(0.1, item="C")
    said(0.2, item="C")
    said(100_000_000_000.0, item="D")
    said(0.001, item="D")
    assert asking.get(STOCK).text.count('"quantity":1,') + asking.get(STOCK).text.count('"quantity":1}') == 1
    assert {of[1]: quantity for of, quantity in stock(asking).items()} == {"A": 1, "D": 100_000_000_000.001}


def test_stock_is_narrowed_by_what_it_is_of_by_form_and_by_moment(site: Console, repository: Path) -> None:
    said, asking = Said(site, repository), program(site)
    first = said(12, pallet_id="742", item="A100", lot="7", location="A01")
    site.later = timedelta(hours=1)
    said(3, pallet_id="743", item="A100", dock="B", form="load")
    site.later = timedelta(days=1)
    said.takes_back(first)
    said(9, pallet_id="744", item="B200", door="9", form="stock-count")
    for query, pallets in (
        ("", ["743", "744"]),
        ("?pallet=744", ["744"]),
        ("?item=A100", ["743"]),
        ("?lot=7", []),
        ("?lot=7&at=2026-11-22", ["742"]),
        ("?location=B", ["743"]),
        ("?location=9&item=A100", []),
        ("?forms=load", ["743"]),
        ("?forms=receive,stock-count", ["744"]),
        ("?at=2026-11-22T08:00:00Z", []),
        ("?at=2026-11-22T08:30:00Z", ["742"]),
        ("?at=2026-11-22", ["742", "743"]),
        ("?at=2026-11-23", ["743", "744"]),
    ):
        assert [of[0] for of in stock(asking, query)] == pallets, query


def test_pages_of_stock_have_each_thing_once_whatever_it_is_called(site: Console, repository: Path) -> None:
    said, asking = Said(site, repository), program(site)
    said(1)
    odd = "lot " * 100 + "\u00a0"
    for n in range(6):
        said(2, pallet_id="1", item=f"{n}", lot=odd)
        said(3, item=f"{n}")
    whole = asking.get(STOCK).json()
    assert (len(whole["stock"]), whole["next"]) == (13, None)
    found, following = [], f"{STOCK}?limit=2&at=2026-11-22T08:30:00Z"
    site.later = timedelta(hours=1)
    while following:
        page = asking.get(following).json()
        found += page["stock"]
        following = page["next"]
        said(4, pallet_id="1", item=f"{len(found)} more")
        said(5, pallet_id="1", item="3", lot=odd)
    assert found == whole["stock"]
