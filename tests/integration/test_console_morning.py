"""The morning list on the console: what is doubted and why, and who found it right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from inventory.console.accounts import Role
from inventory.console.pages import morning
from inventory.reviews.flags import FlagState
from inventory.store.tables import flags
from tests.console import Console, console, send
from tests.dictated import amended, cancelled, identity, recorded
from tests.rows import every
from tests.store import Read

DAY = "day=2026-11-20"


@pytest.fixture
def site(url: str, tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, url) as found:
        yield found


def heard(event: dict[str, Any], answers: int = 0, operator: str = "op-17", **reading: Any) -> dict[str, Any]:
    event["data"]["reading"] |= reading
    event["data"]["operator"] = operator
    if answers:
        event["data"]["support"] = [event["data"]["utterance"]] * answers
    return event


def counted(event: dict[str, Any], **first: Any) -> dict[str, Any]:
    event["data"]["counted_first"] = first
    return event


def doubted(site: Console) -> dict[int, list[tuple[str, str, str]]]:
    """Of each entry that is doubted, by the number of its event, the reasons; the most doubtful first."""
    now = site.place.now()
    with site.place.read_transaction() as transaction:
        found = morning.load_doubted_entries(transaction, now - timedelta(days=9), now)
    return {int(one.entry.event_id[-3:]): [(why.code, why.field, why.detail) for why in one.why] for one in found.open}


def flag(site: Console, number: int, state: str = "open", **said: str) -> None:
    said = {"rule": "duplicate_receive", "reason": "already_received:dock-4", "state": state} | said
    with site.place.transaction() as transaction:
        own = {"event_id": identity(1, number), "site": "north", "device": "dock-3", "flagged_at": site.place.now()}
        transaction.execute(insert(flags).values(**own, **said))


def test_what_anything_speaks_against_is_doubted_the_most_first_and_nothing_else(site: Console, event: Read) -> None:
    said = [
        heard(recorded(1), confidence={"quantity": 0.95, "dock": 1.0}),
        heard(recorded(2), confidence={"quantity": 0.7, "dock": 0.65}),
        counted(recorded(3), quantity=11),
        heard(recorded(4), answers=4),
        heard(recorded(5), answers=2),
        recorded(6),
        heard(amended(7, 1, quantity=13), operator="ben"),
        amended(8, 5, quantity=14),
        heard(recorded(9), confidence={"quantity": 0.1}),
        cancelled(10, 9),
        counted(recorded(11), quantity=12),
    ]
    for one in said:
        site.store.apply(event(one))
    flag(site, 6)
    flag(site, 11, "stands")
    assert list(doubted(site).items()) == [
        (6, [("flagged", "", "already_received:dock-4")]),
        (3, [("recounted", "quantity", "11")]),
        (2, [("unsure", "dock", "65")]),
        (7, [("colleague", "", "op-17")]),
        (4, [("asked", "", "4")]),
    ]


@pytest.mark.parametrize(
    ("language", "tag", "reason"),
    [
        ("en", "declined by tryton", "not taken by the connected system, lot missing: a lot, please"),
        ("de", "von tryton abgelehnt", "vom verbundenen System nicht angenommen, Charge fehlt: a lot, please"),
    ],
)
def test_what_a_connected_system_declined_names_it_with_the_reason_until_somebody_decides(
    site: Console, event: Read, language: str, tag: str, reason: str
) -> None:
    site.store.apply(event(recorded(1)))
    flag(site, 1, rule="connect:tryton", reason="lot_missing:a lot, please")
    with site.client("ben", Role.REVIEWER) as browser:
        browser.headers["accept-language"] = language
        assert f"<li>tryton: {reason}</li>" in browser.get(f"/morning?{DAY}").text
        for path in (f"/entries/{identity(1, 1)}", "/entries"):
            page = browser.get(path).text
            assert f">{tag}</span>" in page, path
            assert reason in page, path
        site.store.flags.decide(identity(1, 1), FlagState.STANDS, "ben", "the lot is entered")
        assert doubted(site) == {}
        assert tag not in browser.get("/entries").text


def test_what_somebody_found_right_leaves_the_list_and_can_be_put_back(site: Console, event: Read) -> None:
    for number in (1, 2):
        site.store.apply(event(heard(recorded(number), confidence={"dock": 0.5 + number / 10})))
    seen, back = f"/morning?{DAY}", f"/morning?{DAY}"
    with site.client("ben", Role.REVIEWER) as browser:
        assert 'href="/entries/' in browser.get(seen).text
        assert "2 of 2 that something speaks against; 2 entries stand." in browser.get(seen).text
        for right in ("yes", "yes"):
            answer = send(browser, "/morning", seen=seen, event=identity(1, 1), right=right, back=back)
            assert (answer.status_code, answer.headers["location"]) == (303, back)
        assert list(doubted(site)) == [2]
        page = browser.get(seen).text
        assert "found right by ben," in page
        assert "found an entry of the morning list right" in browser.get(f"/entries/{identity(1, 1)}").text
        send(browser, "/morning", seen=seen, event=identity(1, 1), right="no", back="https://elsewhere.example")
        assert list(doubted(site)) == [1, 2]
        assert send(browser, "/morning", seen=seen, event="none", right="yes").status_code == 404
    with site.place.read_transaction() as transaction:
        done = transaction.execute(text("SELECT who, deed FROM dockvoice_console_deeds ORDER BY number")).all()
    assert [tuple(one) for one in done] == [("ben", "looked_right"), ("ben", "looked_again")]


def test_odd_days_odd_events_and_hostile_words_are_answered(site: Console, event: Read) -> None:
    hostile = "<script>alert(1)</script>"
    said = counted(heard(recorded(1), confidence={hostile: 0.5}, operator=hostile), **{hostile: 7})
    site.store.apply(event(said))
    site.store.apply(event(heard(recorded(2), confidence={"dock": 0.4})))
    with site.place.transaction() as transaction:
        transaction.execute(text("UPDATE events SET body = 'no json' WHERE sequence = 2"))

    def answers(query: str) -> None:
        answer = browser.get(f"/morning?{query}")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text

    with site.client("ana", Role.ADMIN) as browser:
        every(["", DAY, "day=x", "day=9998-12-31", "day=1971-01-01", "device=%00", f"{DAY}&device=a/b"], answers)
        assert not re.search(r"<(script|img)>alert", browser.get(f"/morning?{DAY}").text)
        assert "Nothing speaks against any of the 0 entries" in browser.get("/morning?day=2026-10-01").text
        for page in ("/morning", "/figures"):
            no_day = browser.get(f"{page}?day=2026-13-45").text
            assert "2026-13-45 is no day of the calendar" in no_day
            assert '<p class="empty">' not in no_day, "what was found would be of another day"
