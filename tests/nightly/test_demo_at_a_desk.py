"""The demo on a terminal, up to a reviewer who listens to what was put aside, decides, and is heard by the device."""

from __future__ import annotations

import os
import re
import sys

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import browser, tab
from tests.sound.terminal import Terminal
from tests.waiting import until

__all__ = ["browser"]

WAITS = re.compile(r"One case waits for a reviewer: (http://[0-9.:]+)(/\S+), sign in as (\S+) with (\S+)")

PLAY_S = 240.0
"""A conversation in real time, on a machine that does something else besides: by itself it takes a minute."""


@pytest.mark.timeout(600)
def test_the_case_that_the_demo_ends_with_is_heard_decided_and_carried_out(browser: Browser) -> None:
    with Terminal([sys.executable, "-m", "edge", "demo"], os.environ, columns=240, lines=100) as terminal:

        def told() -> str:
            return "\n".join(terminal.lines)

        until(lambda: WAITS.search(told()) is not None or terminal.process.poll() is not None, told, PLAY_S)
        found = WAITS.search(told())
        assert found is not None, told()
        address, case, name, password = found.groups()
        terminal.wait_for("Enter ends it")

        page = tab(browser, address)
        page.goto(case)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        expect(page.locator(".readings")).to_contain_text("about thirty cases")
        page.get_by_role("button", name="Listen").click()
        expect(page.locator("audio")).to_be_visible(timeout=PLAY_S * 1000)
        page.get_by_label("Quantity").fill("31")
        page.get_by_label("Why, in your words").fill("counted again")
        page.get_by_role("button", name="Record as corrected").click()
        assert "7 4 3, 31 cases" in terminal.wait_for("office")
        expect(page.locator("#fate")).to_contain_text("It is recorded (by the office)")
        assert terminal.process.poll() is None
        page.goto(f"{address}/trailers/demo/5501")
        expect(page.locator("main")).to_contain_text("closed")
        expect(page.locator("main")).to_contain_text("8 / 8")
        assert "no notice" not in page.locator("main").inner_text()
        page.goto(f"{address}/trailers/demo/5501?visit=2")
        expect(page.locator("h1")).not_to_contain_text("5501", timeout=PLAY_S * 1000)
        terminal.press("\n")
        assert terminal.ended() == 0, told()
        assert "Dossier, version 2: it holds" in told()
        assert "missing" in told()
