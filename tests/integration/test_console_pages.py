"""The console's pages in a real browser: what comes arrives by itself, and each page is without barriers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, expect

from dockvoice_protocol.signed import verify_decision
from inventory.console.accounts import Role
from inventory.console.app import PAGES
from inventory.words import all_texts
from tests.console import Broker, Folder, console, served
from tests.console.browser import barriers, browser, tab
from tests.console.dock import morning
from tests.console.story import doubtful, put_aside
from tests.dictated import KEY, identity
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
        page.goto("/devices")
        dock.is_well("dock-5")
        expect(page.get_by_text("3 devices, 3 linked, 2 with something amiss")).to_be_visible()
        assert said == []
        page.context.close()


def test_a_review_arrives_by_itself_is_heard_and_corrected_and_the_second_supervisor_is_told(
    tmp_path: Path, browser: Browser
) -> None:
    broker, folder = Broker(), Folder()
    with console(tmp_path, sounds=folder) as site, served(site) as address:
        ana = tab(browser, address, site.signed_in("ana", Role.REVIEWER))
        ben = tab(browser, address, site.signed_in("ben", Role.REVIEWER), color_scheme="dark")
        said: list[str] = []
        for page in (ana, ben):
            page.on("console", lambda message: said.append(message.text))
            page.on("dialog", lambda dialog: said.append(dialog.message))
        ana.goto("/reviews")
        expect(ana.get_by_text("Nothing waits.")).to_be_visible()
        doubtful(site)
        expect(ana.get_by_role("row")).to_have_count(2)  # it came by itself
        assert barriers(ana) == []
        ana.get_by_role("row").nth(1).get_by_role("link").press("Enter")
        expect(ana.get_by_role("heading", name="Every reading")).to_be_visible()
        ben.goto(ana.url)
        assert barriers(ana) + barriers(ben) == []

        ana.get_by_role("button", name="Listen (3.2 s)").press("Enter")
        audio = ana.locator("audio")
        expect(audio).to_be_visible()
        expect(ana.locator(".wave path")).to_have_attribute("d", re.compile(r"^M0 [0-9.]+v[0-9.]+M1 "))
        audio.evaluate("async player => { player.muted = true; await player.play(); }")
        assert audio.evaluate("player => player.duration") > 1
        expect(ana.get_by_role("img", name="How loud")).to_be_visible()
        expect(ben.locator("audio")).to_have_count(0)
        assert folder.asked == [("ana", "review")]
        assert barriers(ana) == []

        ana.get_by_label("Dock").fill("D")
        ana.get_by_label("Why, in your words").fill("listened to it")
        ana.get_by_role("button", name="Record as corrected").press("Enter")
        expect(ana.locator("#fate")).to_contain_text("ana corrected it")
        broker.drain(site.store)
        expect(ana.locator("#fate")).to_contain_text("Sent. Waiting for the device.")
        expect(ben.locator("#fate")).to_contain_text("ana corrected it")  # without having asked
        ben.get_by_label("Dock").fill("B")
        ben.get_by_label("Why, in your words").fill("I know him")
        ben.get_by_role("button", name="Record as corrected").click()
        expect(ben.get_by_role("alert").first).to_contain_text("ana was sooner")
        assert barriers(ben) == []

        put_aside(site, 2, "recorded", by="office", event_id=identity(1, 1))
        for page in (ana, ben):
            expect(page.locator("#fate")).to_contain_text("It is recorded (by the office)")
        ((_, body),) = broker.taken
        assert verify_decision(body, "/sites/north/devices/dock-3", KEY.public).values == {"dock": "D"}
        assert [one for one in said if "409" not in one] == []
    expect(ana.get_by_text("This page is not up to date")).to_be_visible()  # the console has ended
    for page in (ana, ben):
        page.context.close()
