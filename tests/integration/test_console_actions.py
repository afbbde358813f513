"""Every page of the console and every button on it, gone through in a real browser; no way in is left out."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, expect
from starlette.routing import compile_path

from dockvoice_protocol.config import Mqtt
from inventory.console import accounts
from inventory.console.accounts import Role
from inventory.console.app import PAGES
from inventory.console.context import Route
from inventory.console.pages import recordings, sign_in
from inventory.reviews.reviews import read_review
from inventory.settings import DossierSettings
from inventory.words import all_texts
from tests.console import PASSWORD, Console, Folder, console, served
from tests.console.browser import browser, go_to, tab, walks, without_barriers
from tests.console.dock import morning
from tests.console.story import DEVICE
from tests.dictated import identity, new_key_file, reviewed, signed
from tests.servers.mosquitto import Mosquitto
from tests.store import service
from tests.waiting import until

__all__ = ["browser"]

ROUTES: tuple[Route, ...] = (*sign_in.ROUTES, *(route for page in PAGES for route in page.routes()))

Went = set[tuple[str, str]]  # The method and the path of the way, as it is written there.


def way_of(request: Request) -> tuple[str, str]:
    path = urlsplit(request.url).path
    ours = (
        way for way in ROUTES if way.changes is (request.method == "POST") and compile_path(way.path)[0].match(path)
    )
    return request.method, next((way.path for way in ours), path)


@contextmanager
def open_for_work(directory: Path, broker: Mosquitto) -> Iterator[Console]:
    """A console with a broker, a key for dossiers, a morning's entries and three reviews."""
    key = new_key_file(directory / "office.key")
    with console(directory, sounds=Folder()) as site:
        mqtt = Mqtt(host="127.0.0.1", port=broker.port)
        settings = site.place.settings.model_copy(update={"mqtt": mqtt, "dossier": DossierSettings(key=key)})
        site.place = replace(site.place, settings=settings)
        with site.place.transaction() as transaction:
            accounts.add_user(transaction, "boss", Role.ADMIN, PASSWORD, site.place.now())
        for number in (1, 2, 3):
            told = reviewed(number, of=number)
            told["data"] |= {"fields": {"pallet_id": f"074{number}", "quantity": 12, "dock": "B"}, "doubtful": []}
            site.store.review(read_review(signed(told), DEVICE))
        yield site


def test_every_page_is_walked_and_every_action_done(
    tmp_path: Path, browser: Browser, free_port: Callable[[], int]
) -> None:
    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        open_for_work(tmp_path, broker) as site,
        service(site.store, site.place.settings),
        served(site) as address,
    ):
        dock = morning(site)
        page, went, said = tab(browser, address), Went(), list[str]()
        page.on("request", lambda request: went.add(way_of(request)))
        page.on("console", lambda message: said.append(message.text))
        _sign_in_with_the_keyboard(page)
        _narrow_lists(page)
        _make_a_dossier(page, tmp_path)
        _decide(page)
        _look_through_the_morning(page)
        _change_the_catalogue(page, tmp_path)
        _give_a_word_its_meaning(page)
        _say_who_may_sign_on(page, tmp_path, site)
        for walk in walks():
            walk(page, dock)
        _let_people_in_and_go(page)
        page.get_by_role("link", name="Audit").click()
        expect(page.get_by_role("row").nth(1)).to_contain_text("boss")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert [one for one in said if "401" not in one] == [], "but for the wrong password"
        page.context.close()
    every_way = {("POST" if way.changes else "GET", way.path) for way in ROUTES} | {("GET", "/"), ("GET", "/live")}
    left = {(method, path) for method, path in every_way - went if not path.endswith("/part")}
    # Parts come by themselves where something has changed meanwhile, and so does a recording that is still on its way:
    # the tests of what arrives by itself wait for them.
    assert left == {("GET", f"/sounds{recordings.RECORDING_PATH}")}


def _sign_in_with_the_keyboard(page: Page) -> None:
    page.goto("/")
    without_barriers(page)
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("boss")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Entries")).to_be_visible()
    page.get_by_role("button", name="Español").press("Enter")
    expect(page.get_by_role("heading", name="Registros")).to_be_visible()
    page.get_by_role("button", name="English").press("Enter")
    expect(page.get_by_role("heading", name="Entries")).to_be_visible()


def _narrow_lists(page: Page) -> None:
    page.get_by_role("textbox", name="Trailer").fill("5501")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_role("row")).to_have_count(8)
    page.get_by_role("row").nth(1).get_by_role("link").first.press("Enter")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.get_by_text("The event as it was received").click()
    without_barriers(page)
    for name in (one.name for one in PAGES if one.tab):
        go_to(page, all_texts("en")[f"{name}.title"])
    go_to(page, "Figures")
    page.locator("[name=span]").select_option("week")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_role("heading", name="Entries an hour")).to_be_visible()
    go_to(page, "Search")
    page.get_by_label("Pallet").fill("743")
    page.get_by_role("button", name="Search").press("Enter")
    expect(page.get_by_role("row")).to_have_count(3)


def _make_a_dossier(page: Page, directory: Path) -> None:
    go_to(page, "Trailers")
    page.get_by_role("textbox", name="Trailer").fill("5501")
    page.get_by_role("button", name="Show").press("Enter")
    page.get_by_role("link", name="5501").press("Enter")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Make and download").press("Enter")
    made = directory / "made.zip"
    coming.value.save_as(made)
    assert json.loads(zipfile.ZipFile(made).read("dossier.json"))["trailer"] == "5501"


def _decide(page: Page) -> None:
    for number, (button, told) in enumerate(
        {
            "Accept as understood": "accepted it as understood",
            "Record as corrected": "corrected it",
            "Discard": "discarded it",
        }.items(),
        1,
    ):
        go_to(page, "Review")
        page.locator(f'a[href$="{identity(2, number)}"]').first.press("Enter")
        if number == 1:
            page.get_by_role("button", name="Listen").press("Enter")
            expect(page.locator("audio")).to_be_visible()
        if button == "Record as corrected":
            page.get_by_label("Quantity").fill("13")
        page.get_by_label("Why, in your words").fill("counted again")
        page.get_by_role("button", name=button).press("Enter")
        expect(page.locator("#fate")).to_contain_text(told)
        expect(page.locator("#fate")).to_contain_text("Sent. Waiting for the device.")
    without_barriers(page)


def _look_through_the_morning(page: Page) -> None:
    go_to(page, "Morning list")
    right = page.get_by_role("button", name="Right")
    before = right.count()
    right.first.press("Enter")
    expect(right).to_have_count(before - 1)
    page.get_by_role("button", name="Put it back").press("Enter")
    expect(right).to_have_count(before)


def because(page: Page, action: str, said: str) -> None:
    page.locator(f'form[action="{action}"]').first.get_by_label("Why, in your words").fill(said)


def _give_a_word_its_meaning(page: Page) -> None:
    go_to(page, "Words")
    page.get_by_label("Another word").fill("gantry")
    page.get_by_label("Form").select_option("pallet-move")
    page.get_by_role("button", name="Give it a meaning").press("Enter")
    page.get_by_label("It means").select_option("label/dock/")
    page.get_by_role("button", name="See what would change").press("Enter")
    without_barriers(page)
    page.get_by_role("button", name="Add it").press("Enter")
    expect(page.get_by_role("cell", name="gantry", exact=True)).to_be_visible()


def _say_who_may_sign_on(page: Page, directory: Path, site: Console) -> None:
    operators = page.get_by_role("region", name="Operators")
    go_to(page, "Roster")
    page.get_by_role("link", name="north").press("Enter")
    page.get_by_label("Name on record").fill("op-30")
    page.get_by_label("Spoken names").fill("ida")
    because(page, "/roster/edit", "begins on Monday")
    page.get_by_role("button", name="Save as a new version").press("Enter")
    expect(operators).to_contain_text("op-30")
    page.get_by_role("link", name="Change: op-30").press("Enter")
    because(page, "/roster/edit", "does not begin")
    page.get_by_role("button", name="Take out").press("Enter")
    expect(operators).not_to_contain_text("op-30")
    file = directory / "roster.csv"
    file.write_text("name,number\nop-31,3131\n")
    page.locator('form[action="/roster/file"] [name=file]').set_input_files(file)
    because(page, "/roster/file", "a new crew")
    page.get_by_role("button", name="Import a file").press("Enter")
    expect(operators).to_contain_text("op-31")
    page.get_by_role("button", name="Publish to the devices").press("Enter")
    expect(page.get_by_role("button", name="Publish to the devices")).to_have_count(0)
    until(lambda: not site.store.outbox.count_pending_by_kind(), "the roster is not at the broker")
    because(page, "/roster/take", "as the devices have it")
    page.locator('form[action="/roster/take"] button').press("Enter")
    expect(page.get_by_role("button", name="Publish to the devices")).to_be_visible()
    because(page, "/roster/back", "the crew before")
    page.get_by_role("button", name="Go back to it").first.press("Enter")
    without_barriers(page)
    because(page, "/roster/withdraw", "the devices' own settings again")
    page.locator('form[action="/roster/withdraw"] button').press("Enter")
    expect(operators).not_to_contain_text("op-31")


def _change_the_catalogue(page: Page, directory: Path) -> None:
    def is_version(rows: int, what: str) -> None:
        expect(page.get_by_role("heading", name=f"Rows ({rows})")).to_be_visible()
        expect(page.get_by_role("region", name="History").get_by_role("row").nth(1)).to_contain_text(what)

    go_to(page, "Catalogue")
    page.get_by_label("Kind").fill("docks")
    page.get_by_role("button", name="Open", exact=True).press("Enter")
    page.get_by_role("link", name="Change: B").press("Enter")
    page.locator("[name=cell_spoken]").fill("dock bravo")
    because(page, "/catalogue/edit", "as it is called")
    page.get_by_role("button", name="Save as a new version").press("Enter")
    is_version(4, "as it is called")
    page.locator("[name=cell_value]").fill("E")
    page.locator("[name=cell_spoken]").fill("dock e")
    because(page, "/catalogue/edit", "a new dock")
    page.get_by_role("button", name="Save as a new version").press("Enter")
    is_version(5, "a new dock")
    page.get_by_role("link", name="Change: E").press("Enter")
    because(page, "/catalogue/edit", "not yet built")
    page.get_by_role("button", name="Take this row out").press("Enter")
    is_version(4, "not yet built")
    file = directory / "docks.csv"
    file.write_text("value,spoken\nA,dock a\nB,dock b\n")
    page.get_by_label("All rows, with the columns").set_input_files(file)
    because(page, "/catalogue/file", "two are closed")
    page.get_by_role("button", name="Import a file").press("Enter")
    is_version(2, "two are closed")
    because(page, "/catalogue/back", "open again")
    page.get_by_role("button", name="Go back to it").first.press("Enter")
    is_version(4, "open again")
    without_barriers(page)
    page.get_by_role("button", name="Publish to the devices").press("Enter")
    expect(page.get_by_text("The latest version is not published")).to_have_count(0)


def _let_people_in_and_go(page: Page) -> None:
    go_to(page, "People")
    added = page.get_by_role("region", name="Add somebody")
    added.get_by_label("Name").fill("eva")
    added.get_by_label("Role").select_option("viewer")
    added.get_by_label("New password").fill(PASSWORD)
    added.get_by_role("button", name="Add somebody").press("Enter")
    eva = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="eva"))
    expect(eva.get_by_role("heading")).to_contain_text("viewer")
    eva.get_by_label("Role").select_option("reviewer")
    eva.get_by_role("button", name="Change role").press("Enter")
    expect(eva.get_by_role("heading")).to_contain_text("reviewer")
    eva.get_by_label("New password").fill(f"{PASSWORD} staple")
    eva.get_by_role("button", name="Change password").press("Enter")
    expect(eva.get_by_label("New password")).to_have_value("")
    eva.get_by_text("More").press("Enter")
    without_barriers(page)
    eva.get_by_role("button", name="Remove eva").press("Enter")
    expect(page.get_by_role("heading", name="eva")).to_have_count(0)
