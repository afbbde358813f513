"""The pictures of docs/console.md, taken of a console with a story in it: `python -m tests.console.screenshots`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright

from inventory.console.accounts import Role
from inventory.console.app import PAGES
from tests.console import Console, Folder, console, served
from tests.console.browser import CHROMIUM, tab, walks
from tests.console.dock import morning
from tests.console.story import doubtful, received
from tests.dictated import identity
from tests.integration.test_console_words_page import COUNTED, counts, waits
from tests.sharing import ROOT

HERE = ROOT / "docs" / "console"
TABLET = {"width": 1024, "height": 600}


def take(page: Page, name: str, path: str | None = None) -> None:
    """One picture, of all of the page."""
    if path is not None:
        page.goto(path)
    page.wait_for_timeout(300)  # what is told live is there
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.screenshot(path=HERE / f"{name}.png", full_page=True)


def story(site: Console, page: Page, dark: Page) -> None:
    """What waits, is listened to, corrected and recorded."""
    take(dark, "sign-in", "/sign-in")
    take(page, "reviews", "/reviews")
    page.get_by_role("row").nth(1).get_by_role("link").click()
    page.get_by_role("button", name="Listen").click()
    page.locator("audio").wait_for()
    page.get_by_label("Dock").fill("D")
    page.get_by_label("Why, in your words").fill("listened to it")
    take(page, "review")
    page.get_by_role("button", name="Record as corrected").click()
    page.get_by_text("Decided and kept here.").wait_for()
    take(page, "entry", f"/entries/{identity(1, 2)}")
    take(page, "people", "/people")
    take(page, "audit", "/audit")


WORD = "/words/one?site=north&form=pallet-move&language=en&word=door&meaning=label/dock/"

STORY = {"reviews", "words", "people", "audit"}
LISTS = {page.name: page.path for page in PAGES if page.tab and page.name not in STORY} | {
    "trailer": "/trailers/north/5501",
    "search": "/search?trailer=5501",
    "catalogue": "/catalogue/north/docks?row=B",
    "roster": "/roster/north?row=op-18",
}


def main() -> None:
    """Take them all; with `--dark FOLDER` the lists in dark, to look at."""
    parser = argparse.ArgumentParser("python -m tests.console.screenshots", description=__doc__)
    parser.add_argument("--dark", type=Path, metavar="FOLDER", help="Take the lists in dark there, too, to look at.")
    dark_folder = parser.parse_args().dark
    HERE.mkdir(exist_ok=True)
    _lists(dark_folder)
    with (
        TemporaryDirectory() as directory,
        console(Path(directory), sounds=Folder(), zone="Europe/Berlin") as site,
        served(site) as address,
        sync_playwright() as playwright,
    ):
        doubtful(site)
        received(site)
        site.signed_in("ben", Role.REVIEWER)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = tab(browser, address, site.signed_in("ana", Role.ADMIN), viewport=TABLET)
        story(site, page, tab(browser, address, viewport=TABLET, color_scheme="dark"))
        browser.close()
    print(*sorted(HERE.iterdir()), sep="\n", file=sys.stderr)


def _lists(dark: Path | None) -> None:
    with (
        TemporaryDirectory() as directory,
        console(Path(directory), zone="Europe/Berlin") as site,
        served(site) as address,
        sync_playwright() as playwright,
    ):
        dock = morning(site)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = tab(browser, address, site.signed_in("ana", Role.ADMIN), viewport=TABLET)
        page.goto("/")
        for walk in walks():
            walk(page, dock)
        for name, path in LISTS.items():
            take(page, name, path)
            if name == "entries":  # of a list that goes on, the beginning
                page.screenshot(path=HERE / "entries.png")
            if dark is not None:
                page.emulate_media(color_scheme="dark")
                page.screenshot(path=dark / f"{name}.png", full_page=True)
                page.emulate_media(color_scheme="light")
        waits(site)
        counts(site, COUNTED)
        take(page, "words", WORD)
        browser.close()


if __name__ == "__main__":
    main()
