"""The console's pages in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from dockvoice_protocol.signed import verify_decision
from inventory.console import accounts
from inventory.console.accounts import Role
from tests.console import PASSWORD, Broker, Console, Folder, console, served
from tests.console.browser import barriers, browser, tab
from tests.console.story import doubtful, put_aside
from tests.dictated import KEY, identity

__all__ = ["browser"]


def test_somebody_signs_in_with_the_keyboard_alone_and_out_again(site: Console, browser: Browser) -> None:
    with site.place.transaction() as transaction:
        accounts.add_user(transaction, "ana", Role.ADMIN, PASSWORD, site.place.now())
    with served(site) as address:
        page = tab(browser, address)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto("/audit")
        assert barriers(page) == []
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("ana")
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Audit")).to_be_visible()
        expect(page.get_by_role("row").nth(1)).to_contain_text("signed in")
        assert barriers(page) == []
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []
        page.get_by_role("button", name="Deutsch").click()
        expect(page.get_by_role("heading", name="Protokoll")).to_be_visible()
        page.get_by_role("button", name="Abmelden").click()
        expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
        assert [one for one in said if "401" not in one] == []
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
