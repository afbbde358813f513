"""The roster from the page to a device at work: a real browser, a real broker, an agent that somebody signs on at."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics
from dockvoice_protocol.mqtt import Delivered, Session
from inventory.console.accounts import Role
from inventory.store.statuses import StatusMessage
from tests.console import Console, console, served
from tests.console.browser import barriers, browser, tab
from tests.dictated import KEY
from tests.integration.test_business_replies import Shift, shift
from tests.servers.mosquitto import Mosquitto
from tests.store import service
from tests.waiting import until

__all__ = ["browser"]


class Office:
    """The inventory's ear for what devices say of themselves."""

    def __init__(self, site: Console, port: int) -> None:
        self.said: list[dict[str, Any]] = []
        self._site = site
        topic = Topics("dockvoice", "hall", "dock-1").status
        mqtt = Mqtt(host="127.0.0.1", port=port)
        self._session = Session(mqtt, client_id="office", receive=self._hear, subscriptions=[topic])
        self._session.start()

    def _hear(self, event: object) -> None:
        if isinstance(event, Delivered):
            self.said.append(json.loads(event.payload))
            self._site.store.statuses.record([StatusMessage.read(event.payload, Topics("dockvoice", "hall", "dock-1"))])

    def runs(self, version: int) -> None:
        """Wait until the device has said that it runs it."""
        wanted = {"version": version}
        until(lambda: any(one.get("roster") == wanted for one in self.said), lambda: str(self.said[-1:]))

    def close(self) -> None:
        self._session.stop()


def test_whom_an_admin_adds_on_the_page_a_device_at_work_lets_in_and_whom_he_takes_out_no_more(
    tmp_path: Path, browser: Browser, free_port: Callable[[], int]
) -> None:
    added, let_in = Event(), Event()
    (tmp_path / "office.pem").write_bytes(KEY.public.pem)

    async def work(operator: Shift) -> None:
        await asyncio.to_thread(until, added.is_set, "nobody was added")
        await operator.type("sign on four seven one")
        await operator.hears("Hello ana.")
        let_in.set()
        await operator.hears("ana is no longer on the roster.")

    def dock() -> None:
        agree = {"conversation": True, "undo_s": 1}
        key = tmp_path / "office.pem"
        shift(tmp_path / "dock", broker.port, work, settle_s=0, decisions_key=key, agree=agree)

    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        console(tmp_path, mqtt=Mqtt(host="127.0.0.1", port=broker.port)) as site,
        service(site.store, site.place.settings),
        served(site) as address,
        ThreadPoolExecutor(1) as running,
    ):
        office = Office(site, broker.port)
        ended = running.submit(dock)
        try:
            until(lambda: bool(office.said), "the device says nothing of itself")
            page = tab(browser, address, site.signed_in("ana", Role.ADMIN))
            page.goto("/roster")
            assert barriers(page) == []
            page.get_by_role("link", name="hall").press("Enter")
            _add(page, "op-17", "471", "ana")
            _add(page, "op-18", "82", "ben")
            office.runs(_published(page))
            expect(page.get_by_role("alert")).to_have_count(0)
            assert barriers(page) == []
            page.emulate_media(color_scheme="dark")
            assert barriers(page) == []
            added.set()
            until(let_in.is_set, "she was not let in")
            page.get_by_role("link", name="Change: op-17").press("Enter")
            _form(page).get_by_label("Why").fill("she left")
            page.get_by_role("button", name="Take out").press("Enter")
            office.runs(_published(page))
            ended.result(60)
            page.goto("/roster/hall")
            expect(page.get_by_role("region", name="Operators")).not_to_contain_text("op-17")
            expect(page.get_by_role("region", name="History")).to_contain_text("removed op-17")
            page.context.close()
        finally:
            added.set()
            office.close()


def _form(page: Page) -> Locator:
    return page.locator("form[action='/roster/edit']")


def _add(page: Page, name: str, number: str, spoken: str) -> None:
    """With the keyboard."""
    form = _form(page)
    form.get_by_label("Name on record").fill(name)
    form.get_by_label("Number").fill(number)
    form.get_by_label("Spoken names").fill(spoken)
    form.get_by_label("Why").fill("begins on Monday")
    form.get_by_label("Why").press("Enter")
    expect(page.get_by_role("region", name="Operators")).to_contain_text(name)


def _published(page: Page) -> int:
    """Publish what is current; its version."""
    page.get_by_role("button", name="Publish to the devices").press("Enter")
    expect(page.get_by_role("button", name="Publish to the devices")).to_have_count(0)
    found = re.search(r"[0-9]{10}", page.get_by_role("region", name="History").inner_text())
    assert found is not None
    return int(found[0])
