"""Every way into the console, tried by those who may not go it, from another site's page, and with hostile words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, func, select
from starlette.testclient import TestClient

from inventory.console.accounts import Role
from inventory.console.app import PAGES
from inventory.console.context import Route
from inventory.console.pages import sign_in
from tests.console import CSRF, Console, console
from tests.console.dock import morning
from tests.console.story import put_aside
from tests.dictated import identity
from tests.rows import every

ROUTES: tuple[Route, ...] = (*sign_in.ROUTES, *(route for page in PAGES for route in page.routes()))

NAMED = {
    "site": "north",
    "device": "dock-3",
    "utterance": identity(2, 1),
    "event_id": identity(1, 1),
    "kind": "docks",
    "trailer": "5501",
    "name": "val",
}
"""What is there, for each part of an address that names something."""

HOSTILE = (
    "' OR 1=1 --",
    "'; DROP TABLE events; --",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cetc",
    "%00",
    "%ff%fe",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "x" * 3000,
)

HOLE = re.compile(r"\{(\w+)(?::path)?\}")

TURNED_DOWN = {303, 400, 403, 404, 409, 422}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        morning(found)
        put_aside(found)
        yield found


def address(way: Route, **named: str) -> str:
    return HOLE.sub(lambda hole: {**NAMED, **named}[hole[1]], way.path)


def go(browser: TestClient, way: Route, at: str | None = None, /, **given: str) -> Any:
    headers: dict[str, str] = {name: given.pop(name) for name in ("sec-fetch-site", "origin") if name in given}
    if way.changes:
        return browser.post(at or address(way), data={"a": "b", **given}, headers=headers)
    return browser.get(at or address(way), headers=headers)


def token(browser: TestClient) -> str:
    found = CSRF.search(browser.get("/entries").text)
    assert found is not None
    return found[1]


def kept(site: Console) -> dict[str, int]:
    """How much is in every table, but for what each look at a page leaves behind."""
    there = MetaData()
    there.reflect(site.engine)
    beside = {"dockvoice_console_deeds", "dockvoice_console_sessions", "dockvoice_console_people"}
    with site.engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in there.tables.items()
            if name not in beside
        }


def test_who_has_not_signed_in_or_may_less_gets_no_further_than_the_door(site: Console) -> None:
    before = kept(site)
    lesser = {role: site.client(str(role), role) for role in (Role.VIEWER, Role.REVIEWER)}
    tokens = {role: token(browser) for role, browser in lesser.items()}
    nobody = site.client()

    def is_closed(way: Route) -> None:
        assert way.role is not None
        answer = go(nobody, way, csrf="guessed")
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
        for role, browser in lesser.items():
            if role < way.role:
                assert go(browser, way, csrf=tokens[role]).status_code == 403, role

    closed = [way for way in ROUTES if way.role is not None]
    assert {way.role for way in closed} == set(Role)
    every(closed, is_closed)
    assert kept(site) == before


def test_nothing_is_changed_by_another_sites_page_or_without_the_token(site: Console) -> None:
    before = kept(site)
    browser = site.client("boss")
    mine = token(browser)

    def is_refused(way: Route) -> None:
        assert go(browser, way, csrf=mine, **{"sec-fetch-site": "cross-site"}).status_code == 403
        assert go(browser, way, csrf=mine, origin="https://elsewhere.example").status_code == 403
        if way.role is not None:
            assert go(browser, way).status_code == 403
            assert go(browser, way, csrf="guessed").status_code == 403
        read = [one for one in ROUTES if one.path == way.path and not one.changes]
        if not read:
            assert browser.get(address(way)).status_code in {404, 405}

    changing = [way for way in ROUTES if way.changes]
    assert len(changing) > 12
    every(changing, is_refused)
    assert kept(site) == before
    assert token(browser) == mine, "he is still signed in"


def test_what_an_address_names_is_never_run_opened_or_shown_as_markup(site: Console) -> None:
    before = kept(site)
    browser = site.client("boss")
    mine = token(browser)

    def leads_nowhere(tried: tuple[Route, str, str]) -> None:
        way, part, odd = tried
        answer = go(browser, way, address(way, **{part: odd}), csrf=mine)
        assert answer.status_code in TURNED_DOWN
        assert "<script>alert" not in answer.text
        assert "root:" not in answer.text

    named = [(way, part) for way in ROUTES for part in HOLE.findall(way.path)]
    assert {part for _, part in named} == set(NAMED)
    every([(way, part, odd) for way, part in named for odd in HOSTILE], leads_nowhere)
    assert kept(site) == before


def test_what_a_form_sends_is_never_run_and_breaks_no_page(site: Console) -> None:
    browser = site.client("boss")
    mine = token(browser)
    fields = {
        *("review", "decision", "reason", "of-dock", "back", "next", "language", "site", "kind", "key", "base"),
        *(
            "cell_value",
            "version",
            "device",
            "number",
            "said",
            "trailer",
            "visit",
            "change",
            "role",
            "password",
            "name",
        ),
    }

    def is_answered(tried: tuple[Route, str]) -> None:
        way, odd = tried
        answer = go(browser, way, csrf=mine, **dict.fromkeys(fields, odd))
        assert answer.status_code in {*TURNED_DOWN, 401, 429}
        assert "<script>alert" not in answer.text

    hostile = ["' OR 1=1 --", "<script>alert(1)</script>", "\0", "9" * 40, "../../etc/passwd", "x" * 3000, "a\r\nb: c"]
    leaving = {"/sign-out"}
    tried = [(way, odd) for way in ROUTES if way.changes and way.path not in leaving for odd in hostile]
    before = kept(site)
    every(tried, is_answered)
    assert {name: count for name, count in kept(site).items() if count != before[name]}.keys() <= {
        "dockvoice_console_attempts"
    }
