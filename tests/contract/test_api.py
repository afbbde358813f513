"""What the API reads on SQLite and PostgreSQL alike: each thing once, in order, while more comes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from inventory.api.app import ENDPOINTS
from inventory.tables import events
from tests import databases
from tests.api import Program, program
from tests.console import Console, console
from tests.console_dock import morning
from tests.console_story import put_aside
from tests.databases import KINDS, reader
from tests.dictated import cancelled, identity, recorded
from tests.postgresql import PostgreSQL
from tests.tiers import sized

EVENTS = sized(test=20, nightly=300)  # Of each device.
DEVICES = 3


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Console]:
    for url in databases.database(request, tmp_path):
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


def test_every_list_is_read_page_by_page_and_has_each_thing_once(site: Console) -> None:
    morning(site)
    for n in (1, 2, 3):
        put_aside(site, n)
    asking = program(site)
    for path, name in (("/v1/entries", "entries"), ("/v1/reviews?state=every", "reviews"), ("/v1/flags", "flags"),
                       ("/v1/refusals", "refusals"), ("/v1/trailers", "trailers")):  # fmt: skip
        whole = asking.get(path).json()[name]
        joint = "&" if "?" in path else "?"
        assert whole, path
        assert pages(asking, f"{path}{joint}limit={len(whole) // 4 + 1}", name) == whole, path


def test_everything_that_can_be_read_is_read(site: Console) -> None:
    morning(site)
    asking = program(site)
    names = {"event_id": identity(1, 1), "site": "north", "trailer": "5501", "kind": "trailer", "name": "5501"}
    for one in ENDPOINTS:
        if one.method == "GET":
            path = one.path.format(**names | ({"kind": "docks"} if "catalogue" in one.path else {}))
            assert asking.get(path).status_code == 200, path


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
            page = asking.get(following).json()
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
    monkeypatch.setattr("inventory.api.events.PATIENCE_S", 0.2)
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
