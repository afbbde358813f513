"""The console's drill: what was counted before the plug was pulled is held against what came after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from inventory.console.accounts import Role
from tests.console import Console, console, send
from tests.console.browser import go_to, without_barriers
from tests.console.dock import Dock
from tests.dictated import amended, recorded
from tests.store import Read, reader


@pytest.fixture
def site(tmp_path: Path, repository: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        found.store.apply(reader(repository)(recorded(1)))
        yield found


def row(browser: Any) -> list[str]:
    """Of the latest drill: made, came, twice, still to come, and what it came to."""
    found = re.findall(r"<tr>(<td>.*?)</tr>", browser.get("/drill/part").text, re.DOTALL)[0]
    return [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall("<td.*?</td>", found, re.DOTALL)][3:]


def test_what_was_said_without_a_link_is_counted_once_it_came(site: Console, event: Read) -> None:
    with site.client("ana", Role.REVIEWER) as browser:
        for _ in range(2):  # a second click begins no second one
            assert send(browser, "/drill/begin", device="north/dock-3").status_code == 303
        site.store.apply(event(recorded(3)))  # early: number 2 is still to come
        assert row(browser) == ["-", "0", "0", "2", "goes on"]
        for one in (recorded(2), recorded(3), amended(4, 2, quantity=13), recorded(3)):
            site.store.apply(event(one))
        assert row(browser) == ["-", "2", "0", "0", "goes on"]
        send(browser, "/drill/end", number="1", said="2")
        assert row(browser) == ["2", "2", "0", "0", "nothing lost, nothing twice"]
        site.store.apply(event(recorded(5)))
        assert row(browser) == ["2", "2", "0", "0", "nothing lost, nothing twice"]
        send(browser, "/drill/end", number="1", said="3")  # it is over
        assert row(browser)[0] == "2"


def test_what_is_lost_or_doubled_shows(site: Console, event: Read) -> None:
    with site.client("ana", Role.REVIEWER) as browser:
        send(browser, "/drill/begin", device="north/dock-3")
        again = recorded(2)
        again["data"]["utterance"] = recorded(1)["data"]["utterance"]
        site.store.apply(event(again))
        send(browser, "/drill/end", number="1", said="1")
        assert row(browser) == ["1", "1", "1", "0", "differs"]
        send(browser, "/drill/begin", device="north/dock-3")
        send(browser, "/drill/end", number="2", said="1")
        assert row(browser) == ["1", "0", "0", "0", "differs"]


def walk(page: Page, dock: Dock) -> None:
    """Begin a drill, make an entry and end it; called by the test that does every action, and for the pictures."""
    go_to(page, "Drill")
    page.get_by_label("Device").select_option("north/dock-3")
    page.get_by_role("button", name="Note the counts").press("Enter")
    said = page.get_by_label("Entries made at north/dock-3")
    expect(said).to_be_visible()
    without_barriers(page)
    dock.says("dock-3", "ben", "receive-notice", 0, pallet_id="748", quantity=3, uom="CS", trailer="5502")
    said.fill("1")
    page.get_by_role("button", name="Compare").press("Enter")
    expect(page.get_by_text("nothing lost, nothing twice")).to_be_visible()
    without_barriers(page)
