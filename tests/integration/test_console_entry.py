"""The console's page of one entry: its history, and what proves it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy import text

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.hash_chain import parse_event_or_empty
from tests.console import Console, console, send
from tests.console.api import program
from tests.console.story import apply
from tests.dictated import ANOTHER, amended, cancelled, identity, recorded
from tests.rows import every


def shown(site: Console, number: int) -> str:
    with site.client("ana") as browser:
        return str(browser.get(f"/entries/{identity(1, number)}").text)


def test_an_entry_is_shown_with_all_that_became_of_it(site: Console) -> None:
    apply(site, recorded(1), amended(2, 1, quantity=13), cancelled(3, 2))
    for number in (1, 2, 3):
        page = shown(site, number)
        assert [f"/entries/{identity(1, one)}" in page for one in (1, 2, 3)] == [True] * 3
        assert page.count("signed by its device, and continues the event before it") == 3
    assert "corrected since" in shown(site, 1)
    assert "cancelled since" in shown(site, 2)
    assert "Quantity <b>13</b>" in shown(site, 3)


def test_what_was_refused_says_why(site: Console) -> None:
    apply(site, recorded(1, quantity=0))
    page = shown(site, 1)
    assert "Refused, since it breaks a rule:" in page
    assert "/quantity: breaks minimum 1" in page


ODD: tuple[Any, ...] = ("x", None, [1], {"id": []})
PARTS = ("form", "operator", "fields", "utterance", "reading", "support", "amends", "cancels", "converted")


def test_what_was_refused_for_its_shape_has_its_page_and_the_list_too(site: Console) -> None:
    events = [recorded(number) for number in range(1, 2 + len(ODD) * len(PARTS))]
    odd = [(part, value) for part in PARTS for value in ODD]
    for event, (part, value) in zip(events[1:], odd, strict=True):
        event["data"][part] = value
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    events[0]["data"]["fields"] = {"pallet_id": deep}
    apply(site, *events)
    with site.client("ana") as browser:

        def is_shown(number: int) -> None:
            assert browser.get(f"/entries/{identity(1, number)}").status_code == 200

        every(range(1, len(events) + 1), is_shown)
        for path in ("/alarms", "/entries", "/trailers", "/search?operator=op-17", "/morning"):
            assert browser.get(path).status_code == 200


def test_what_was_altered_shows(site: Console) -> None:
    apply(site, recorded(1), recorded(2), recorded(3))

    def alter(number: int, **changed: Any) -> None:
        event = identity(1, number)
        with site.engine.begin() as transaction:
            of = {"id": event}
            body = parse_event_or_empty(
                transaction.execute(text("SELECT body FROM events WHERE event_id = :id"), of).scalar_one()
            )
            new = {"body": json.dumps({**body, **changed}), "id": event}
            transaction.execute(text("UPDATE events SET body = :body WHERE event_id = :id"), new)

    alter(1, time="2026-11-21T07:15:02.417Z")
    assert "was altered, or its signature was not made for it" in shown(site, 1)
    assert "does not continue" not in shown(site, 2), "the link of what was altered still stands in it"
    alter(1, chain="0" * 64)
    assert "does not continue the event before it" in shown(site, 2)
    alter(3, keyid=ANOTHER.public.keyid)
    assert "is signed with a key that is not enrolled" in shown(site, 3)


INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def test_what_turns_the_direction_of_writing_or_is_not_seen_is_written_out_on_every_page(site: Console) -> None:
    """Whoever has a key may send it."""
    event = recorded(1)
    event["data"] |= {"operator": "op\u200b-17", "further": "742 \u202e247"}
    event["data"]["reading"] |= {"interpreter": "a\U000e0041b", "heard": {"dock": "bee\u2060"}}
    refused = recorded(2, quantity=0, dock="\u200bB")
    refused["data"]["operator"] = "op\u200b-17"
    apply(site, event, refused)
    paths = ["/entries", "/alarms", "/morning", "/search?operator=op%E2%80%8B-17", "/figures"]
    with site.client("ana") as browser:
        pages = [browser.get(path).text for path in (*paths, *(f"/entries/{identity(1, n)}" for n in (1, 2)))]
    assert [INVISIBLE.search(page) for page in pages] == [None] * len(pages)
    assert "op\\u200b-17" in pages[0]
    assert "742 \\u202e247" in pages[-2]
    assert "a\\udb40\\udc41b" in pages[-2]


def test_a_name_with_what_is_not_seen_is_taken_by_no_page_and_no_endpoint(tmp_path: Path) -> None:
    with console(tmp_path, mqtt=Mqtt(host="127.0.0.1", port=1)) as site:
        erp, path = program(site), "/v1/sites/north/operators"
        for odd in ("op\u200b-17", "op\u202e-17", "op\U000e0041-17", "op\u2060-17", "\ufeffop-17"):
            told = {"reason": "new", "operators": [{"name": odd, "number": "12"}]}
            assert erp.put(path, json=told).status_code == 400
            rows = {"reason": "new", "rows": [{"value": odd}]}
            assert erp.put("/v1/sites/north/catalogue/docks", json=rows).status_code in {400, 422}
            with site.client("ana") as browser:
                assert (
                    send(browser, "/people", seen="/people", name=odd, by_proxy="yes", role="viewer").status_code == 422
                )
