"""The console's lists in a real browser: entries arrive by themselves, and each page is without barriers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from inventory.console.accounts import Role
from inventory.console.app import PAGES
from inventory.words import all_texts
from tests.console import console, served
from tests.console.browser import barriers, browser, tab
from tests.console.dock import morning
from tests.tiers import sized

__all__ = ["browser"]

SHOWN = {page.path: all_texts("en")[f"{page.name}.title"] for page in PAGES if page.tab} | {
    "/trailers/north/5501": "Trailer 5501",
    "/search?pallet=743": "Search",
    "/catalogue/north/docks?row=B": "docks",
    "/words/one?site=north&form=pallet-move&language=en&word=door&meaning=label/dock/": "door",
    "/roster/north?row=op-18": "Roster",
}


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
"""By day one page is shown by the one, the next by the other."""


def test_every_list_is_without_barriers_and_entries_arrive_by_themselves(tmp_path: Path, browser: Browser) -> None:
    with console(tmp_path) as site, served(site) as address:
        dock = morning(site)
        page = tab(browser, address, site.signed_in("ana", Role.ADMIN))
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        for at, (path, title) in enumerate(SHOWN.items()):
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_contain_text(title)
            for scheme in sized(test=SCHEMES[at % 2 :][:1], nightly=SCHEMES):
                page.emulate_media(color_scheme=scheme)
                assert barriers(page) == [], (path, scheme)
        page.goto("/entries?trailer=5501")
        expect(page.get_by_role("row")).to_have_count(8)
        dock.says("dock-3", "ben", "receive-notice", 0, pallet_id="748", quantity=3, uom="CS", trailer="5501")
        expect(page.get_by_role("row")).to_have_count(9)
        expect(page.locator("tr.new")).to_have_count(1)
        dock.says("dock-3", "ben", "receive-notice", 0, pallet_id="749", quantity=3, uom="CS", trailer="5501")
        expect(page.get_by_role("row")).to_have_count(10)  # the part that came asks for the next one too
        _search_with_the_keyboard(page)
        _find_right_with_the_keyboard(page)
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


def _find_right_with_the_keyboard(page: Page) -> None:
    page.goto("/morning")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_text("Listen").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The recording (3.2 s) is on the device")).to_be_visible()
    page.get_by_role("button", name="Right").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_text("found right by ana")).to_be_visible()
    page.wait_for_load_state()  # its style, too
    assert barriers(page) == [], "the morning list with what was found right"
    page.get_by_role("button", name="Put it back").press("Enter")
    expect(page.get_by_role("row")).to_have_count(3)
