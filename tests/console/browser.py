"""A real browser, Debian's Chromium, started once for the tests of a file; and axe-core, which finds barriers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from inventory.console.context import COOKIE
from tests.console.dock import Dock
from tests.sharing import ROOT

CHROMIUM = "/usr/bin/chromium"

PATIENCE_MS = 20_000  # What is waited for comes at once; this is for a machine that is busy with something else.

ARGUMENTS = ["--no-sandbox", "--js-flags=--no-opt"]
"""Each page is there for a second: to optimise its scripts takes longer than what that saves."""

SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Each test has a context of its own in it: own cookies, own storage.

    While it is there, Playwright's own loop runs in the thread of the tests, where no other one can.
    """
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


def tab(browser: Browser, address: str, cookie: str | None = None, **options: Any) -> Page:
    """A page on a tablet; of somebody who has signed in, where his cookie is given."""
    context: BrowserContext = browser.new_context(
        base_url=address, **{"viewport": {"width": 1180, "height": 820}, "locale": "en-GB", **options}
    )
    context.set_default_timeout(PATIENCE_MS)
    if cookie is not None:
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
    return context.new_page()


def barriers(page: Page) -> list[str]:
    """What axe-core finds serious on the page as it is now: the rule, and where."""
    folder = Path(str(find_spec("axe_playwright_python").origin)).parent  # type: ignore[union-attr]
    # Not as a script of the page: its policy, rightly, runs none but its own.
    page.evaluate((folder / "axe.min.js").read_text(encoding="utf-8") + ";void 0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def without_barriers(page: Page) -> None:
    """Assert that axe-core finds nothing serious on the page."""
    assert barriers(page) == [], page.url


def go_to(page: Page, name: str) -> None:
    """Open the page of this name by its link in the navigation."""
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def walks() -> list[Callable[[Page, Dock], None]]:
    """The `walk` of each test file of the console that has one: it does every action of its page, from any page on."""
    files = sorted((ROOT / "tests" / "integration").glob("test_console_*.py"))
    modules = [import_module(f"tests.integration.{file.stem}") for file in files if "\ndef walk(" in file.read_text()]
    return [module.walk for module in modules]
