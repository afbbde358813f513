"""The console's lists in a real browser: entries arrive by themselves, and each page is without barriers."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from inventory.console.people import Role
from tests.browser import barriers, browser, tab
from tests.console import console, served
from tests.console_dock import morning

__all__ = ["browser"]

PAGES = {
    "/entries": "Entries",
    "/trailers": "Trailers",
    "/trailers/north/5501": "Trailer 5501",
    "/devices": "Devices",
    "/alarms": "Alarms",
    "/search?pallet=743": "Search",
    "/figures": "Figures",
    "/catalogue": "Catalogue",
    "/catalogue/north/docks?row=B": "docks",
    "/roster": "Roster",
    "/roster/north?row=op-18": "Roster",
    "/drill": "Drill",
    "/people": "People",
    "/deeds": "Audit",
}


def test_every_list_is_without_barriers_and_entries_arrive_by_themselves(tmp_path: Path, browser: Browser) -> None:
    with console(tmp_path) as site, served(site) as address:
        dock = morning(site)
        page = tab(browser, address, site.signed_in("ana", Role.ADMIN))
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        for path, title in PAGES.items():
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_contain_text(title)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert barriers(page) == [], (path, scheme)
        page.goto("/entries?trailer=5501")
        expect(page.get_by_role("row")).to_have_count(6)
        dock.says("dock-3", "ben", "receive-notice", 0, pallet_id="748", quantity=3, uom="CS", trailer="5501")
        expect(page.get_by_role("row")).to_have_count(7)
        expect(page.locator("tr.new")).to_have_count(1)
        dock.says("dock-3", "ben", "receive-notice", 0, pallet_id="749", quantity=3, uom="CS", trailer="5501")
        expect(page.get_by_role("row")).to_have_count(8)  # the part that came asks for the next one too
        _search_with_the_keyboard(page)
        page.goto("/devices")
        dock.is_well("dock-5")
        expect(page.get_by_text("3 devices, 3 linked, 2 with something amiss")).to_be_visible()
        assert said == []
        page.context.close()


def _search_with_the_keyboard(page: Page) -> None:
    page.goto("/search")
    page.get_by_label("Pallet").focus()
    page.keyboard.type("743")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_role("link", name="corrects this one").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/entries/*")
    assert barriers(page) == [], "the page of an entry"
