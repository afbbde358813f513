"""The console's page of one entry: its history, and what proves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from edge.hash_chain import parsed
from tests.console import Console, console
from tests.console_story import apply
from tests.dictated import ANOTHER, amended, cancelled, identity, recorded


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        yield found


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


def test_what_stands_now_is_a_click_away(site: Console) -> None:
    apply(site, recorded(1), amended(2, 1, quantity=13))
    assert f'<a href="/entries/{identity(1, 2)}">What stands now</a>' in shown(site, 1)
    assert "What stands now" not in shown(site, 2)


def test_what_was_refused_says_why(site: Console) -> None:
    apply(site, recorded(1, quantity=0))
    page = shown(site, 1)
    assert "Refused, since it breaks a rule:" in page
    assert "/quantity: breaks minimum 1" in page


def test_what_was_altered_shows(site: Console) -> None:
    apply(site, recorded(1), recorded(2), recorded(3))

    def alter(number: int, **changed: Any) -> None:
        event = identity(1, number)
        with site.engine.begin() as transaction:
            of = {"id": event}
            body = parsed(transaction.execute(text("SELECT body FROM events WHERE event_id = :id"), of).scalar_one())
            new = {"body": json.dumps({**body, **changed}), "id": event}
            transaction.execute(text("UPDATE events SET body = :body WHERE event_id = :id"), new)

    alter(1, time="2026-11-21T07:15:02.417Z")
    assert "was altered, or its signature was not made for it" in shown(site, 1)
    assert "does not continue" not in shown(site, 2), "the link of what was altered still stands in it"
    alter(1, chain="0" * 64)
    assert "does not continue the event before it" in shown(site, 2)
    alter(3, keyid=ANOTHER.public.keyid)
    assert "is signed with a key that is not enrolled" in shown(site, 3)


def test_an_entry_that_is_not_here_is_told(site: Console) -> None:
    assert "There is no event of that id here." in shown(site, 9)
