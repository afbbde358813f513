"""The console's lists: entries as they come and as they are searched for, on odd questions and hostile words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from inventory.console.accounts import Role
from inventory.queries import listing
from inventory.queries.listing import EntryFilter
from inventory.reviews.flags import FlagState
from tests.console import Console
from tests.console.dock import Dock
from tests.dictated import amended, cancelled, identity, recorded
from tests.rows import every
from tests.store import Read, publish

HOSTILE = (
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "'; DROP TABLE entries; --",
    "%",
    "\0",
    "\ud800",
    "9" * 40,
    "x" * 5000,
)

PARAMETERS = ("form", "device", "operator", "trailer", "pallet", "state", "since", "until", "before", "event", "seen")


def of(number: int, *, device: str = "dock-3", operator: str = "op-17", **fields: Any) -> dict[str, Any]:
    made = recorded(number, at=("north", device), **fields)
    made["data"]["operator"] = operator
    return made


def found(site: Console, wanted: EntryFilter, most: int = 50) -> list[int]:
    """The sequences of what a list holds, by the last digits of the events."""
    with site.place.transaction() as transaction:
        lines = listing.load_entries(transaction, wanted, site.place.roles, most)
    return [int(line.event_id[-12:]) for line in lines]


def test_what_is_wanted_is_found_and_nothing_else(site: Console, event: Read) -> None:
    said = [
        of(1),
        of(2, pallet_id="0743"),
        of(1, device="dock-4", operator="op-18", dock="C"),
        amended(3, 1, quantity=13),
    ]
    late = of(4, pallet_id="0755") | {"time": "2026-11-21T07:00:00.000Z"}
    for one in [*said, cancelled(4, 2), late | {"sequence": "5", "id": identity(1, 5)}]:
        site.store.apply(event(one))
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    rows: dict[str, tuple[EntryFilter, list[int]]] = {
        "all": (EntryFilter(), [5, 3, 1, 2, 1]),
        "form": (EntryFilter(form="pallet-move"), [5, 3, 1, 2, 1]),
        "no such form": (EntryFilter(form="none"), []),
        "device": (EntryFilter(device=("north", "dock-4")), [1]),
        "operator": (EntryFilter(operator="op-18"), [1]),
        "pallet": (EntryFilter(pallet="0743"), [2]),
        "a pallet said twice": (EntryFilter(pallet="0742"), [3, 1, 1]),
        "no such trailer": (EntryFilter(trailer="5501"), []),
        "stands": (EntryFilter(state="current"), [5, 3, 1]),
        "since": (EntryFilter(since=midnight), [5]),
        "until": (EntryFilter(until=midnight), [3, 1, 2, 1]),
        "never": (EntryFilter(since=midnight + timedelta(days=9)), []),
    }

    def holds(row: tuple[EntryFilter, list[int]]) -> None:
        assert found(site, row[0]) == row[1]

    every(rows, holds)


def test_every_entry_is_on_one_page_however_many_there_are(site: Console, event: Read) -> None:
    for number in range(1, 8):
        site.store.apply(event(of(number)))
    with site.place.transaction() as transaction:
        transaction.execute(
            text("UPDATE entries SET arrival = 3 WHERE arrival IN (2, 4)")
        )  # restored without a sequence
        seen, before = [], None
        while lines := listing.load_entries(transaction, EntryFilter(), site.place.roles, 2, before):
            seen += [line.event_id for line in lines]
            before = lines[-1].place
    assert len(seen) == len(set(seen)) == 7


def test_the_list_tells_of_each_entry_what_became_of_it(site: Console, event: Read) -> None:
    asked_back = of(1)
    asked_back["data"]["support"] = [asked_back["data"]["utterance"]] * 2
    for one in [asked_back, amended(2, 1, quantity=13)]:
        site.store.apply(event(one))
    with site.client("ana", Role.VIEWER) as browser:
        page = browser.get("/entries").text
        assert f'href="/entries/{identity(1, 1)}">corrects this one</a>' in page
        assert f'href="/entries/{identity(1, 2)}">corrected by this one</a>' in page
        assert '<td class="n">2</td>' in page
        assert "Gesagt" in browser.get("/entries", headers={"accept-language": "de"}).text


def test_the_live_part_marks_what_came_since_it_was_asked_for_last(site: Console, event: Read) -> None:
    site.store.apply(event(of(1)))
    with site.client("ana", Role.VIEWER) as browser:
        (again,) = re.findall(r'hx-get="([^"]+)" hx-trigger="sse:entries', browser.get("/entries?operator=op-17").text)
        site.store.apply(event(of(2)))
        part = browser.get(again.replace("&amp;", "&")).text
    assert part.count("<tr") == 3
    assert part.count('<tr class="new">') == 1
    assert "<html" not in part


def test_an_odd_question_is_answered_and_never_run(site: Console, event: Read) -> None:
    site.store.apply(event(of(1)))
    with site.client("ana", Role.VIEWER) as browser:

        def survives(asked: tuple[str, str, str]) -> None:
            path, name, given = asked
            answer = browser.get(path, params={name: given.encode("utf-8", "surrogatepass")})
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text

        every(
            [
                (path, name, odd)
                for path in ("/entries", "/entries/part", "/search")
                for name in PARAMETERS
                for odd in HOSTILE
            ],
            survives,
        )
    assert site.store.count().rows == 1


def test_what_was_said_is_shown_as_text_whatever_it_is(site: Console, event: Read) -> None:
    hostile = of(1, operator='"><img src=x onerror=alert(1)>')
    site.store.apply(event(hostile))
    with site.place.transaction() as transaction:
        transaction.execute(
            text("UPDATE entries SET fields = :odd"), {"odd": '{"<b>": ["<i>", null], "dock": {"<u>": 1}}'}
        )
    with site.client("ana", Role.VIEWER) as browser:
        page = browser.get("/entries").text
    assert not re.search("<(img|b|i|u)>", page)
    assert "&lt;b&gt;" in page


def test_what_a_rule_speaks_against_says_so_and_what_somebody_decided_about_it(site: Console) -> None:
    north, dock = site.store.catalogue("north"), Dock(site)
    rule = {"rule": "duplicate", "on": "yes", "hours": "72", "forms": ""}
    publish(north, north.put("rules", [("duplicate", rule)], "eva", "so it is agreed", "rules.csv"))
    said: dict[str, Any] = {"pallet_id": "742", "quantity": 12, "uom": "CS", "trailer": "5501"}
    dock.says("dock-3", "ana", "receive", 20, **said)
    dock.says("dock-4", "ben", "receive", 10, **said)
    first, second = identity(1, 1), identity(1, 1, "dock-4")

    def shown(path: str) -> str:
        with site.client("cem", Role.VIEWER) as browser:
            return str(browser.get(path).text)

    def everywhere(told: str, *, stands: int) -> None:
        for path in ("/entries", "/entries/part", "/search?pallet=742"):
            page = shown(path)
            assert told in page, path
            assert f'<a href="/entries/{first}">the other entry</a>' in page
            assert page.count(">stands</span>") == stands, path
        page = shown(f"/entries/{second}")
        assert told in page
        assert "received already: dock-3" in " ".join(page.split()).replace("</small>", "")
        assert page.count(">stands</span>") == stands - 1

    assert "flagged" not in shown(f"/entries/{first}")
    everywhere("flagged by a rule", stands=2)
    site.store.flags.decide(second, FlagState.STRUCK, "eva", HOSTILE[0])
    everywhere("struck, does not count", stands=1)
    everywhere("<b>eva</b> “&lt;script&gt;alert(1)&lt;/script&gt;”", stands=1)
    site.store.flags.decide(second, FlagState.STANDS, "dora", "two pallets had one label")
    everywhere("flagged, and kept", stands=2)
    everywhere("<b>dora</b> “two pallets had one label”", stands=2)
