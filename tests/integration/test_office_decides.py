"""From a doubtful sentence at the microphone to a supervisor and back to the ear, every link cut on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dockvoice_protocol.hash_chain import Signer
from tests.console import PASSWORD
from tests.console.browser import browser, tab
from tests.dictated import new_key_file
from tests.processes.command import DOCKVOICE, started
from tests.processes.starting import run
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.tcp_proxy import TcpProxy
from tests.sound.earpiece import earpiece
from tests.sound.pulseaudio import Headset, headset
from tests.sound.speaking_agent import Agent, after, at_work
from tests.waiting import until

__all__ = ["browser"]

NO_DOCK = Path("tests/data/speech/conversation/rms-pallet-seven-four-two-twelve-units.flac")

CUT_AFTER = (3_000,)  # Bytes after which the first connection of a device ends: in the middle of what it sends.


@pytest.fixture
def worn(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as server:
        yield server


def test_a_doubtful_sentence_is_decided_once_whatever_link_is_cut(
    worn: Headset, tmp_path: Path, free_port: Callable[[], int], browser: Browser
) -> None:
    private, public = keys(tmp_path)
    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
        TcpProxy(broker.port) as device_line,
        TcpProxy(broker.port) as office_line,
        console(tmp_path, inventory, office_line.port, free_port(), private) as address,
        earpiece(worn) as listening,
        at_work(
            worn,
            tmp_path,
            DOCKVOICE_AGREE__PATIENCE_S="2",  # nobody answers
            DOCKVOICE_DELIVER__MQTT__PORT=str(device_line.port),
            DOCKVOICE_DELIVER__DECISIONS_KEY=str(public),
        ) as agent,
    ):
        ben, eva = (supervisor(browser, address, name) for name in ("ben", "eva"))

        device_line.down()
        worn.say(NO_DOCK)
        assert agent.tells("verdict")["verdict"] == "ask"
        is_told(agent, "put aside")
        expect(ben.get_by_text("Nothing waits")).to_be_visible()

        device_line.budgets(CUT_AFTER)
        device_line.up()
        for page in (ben, eva):
            page.locator("tbody a").first.click()
            expect(row_of(page, "Dock")).to_contain_text("lacking")

        office_line.down()
        device_line.down()
        inventory.kill()
        for name, value in {"Pallet": "742", "Quantity": "12", "Dock": "B"}.items():
            ben.get_by_label(name).fill(value)  # a busy machine may have heard any of them less surely
        ben.get_by_label("Why, in your words").fill("looked at it")
        ben.get_by_role("button", name="Record as corrected").click()
        expect(ben.get_by_text("It goes out as soon as the broker takes it")).to_be_visible()
        eva.get_by_label("Why, in your words").fill("nobody knows the dock")
        eva.get_by_role("button", name="Discard").click()
        expect(eva.get_by_text("ben was sooner")).to_be_visible()

        office_line.up()
        inventory.start()
        expect(ben.get_by_text("Sent. Waiting for the device.")).to_be_visible()
        begins = len(listening.samples)
        device_line.budgets(CUT_AFTER)
        device_line.up()
        is_told(agent, "The office recorded pallet 7 4 2")
        after(listening, begins)  # comes out of the earpiece
        until(lambda: len(inventory.rows()) == 1, "no row came")
        for page in (ben, eva):
            expect(page.get_by_text("It is recorded (by the office)")).to_be_visible()
        ben.get_by_role("link", name="Entry", exact=True).click()
        expect(ben.get_by_role("main")).to_contain_text("742")
    (row,) = inventory.rows()
    assert row["fields"] == {"pallet_id": "742", "quantity": 12, "dock": "B"}


def keys(directory: Path) -> tuple[Path, Path]:
    """The office's key: both halves, as files."""
    private, public = new_key_file(directory / "office.key"), directory / "office.pem"
    public.write_bytes(Signer.from_pem(private.read_bytes()).public.pem)
    return private, public


@contextmanager
def console(directory: Path, inventory: RunningInventory, broker: int, port: int, key: Path) -> Iterator[str]:
    """The console as a site starts it, beside the inventory: its address."""
    settings = directory / "inventory.toml"
    settings.write_text(
        f'database = "sqlite:///{directory / "inventory" / "inventory.db"}"\nkeys_directory = "{inventory.keys}"\n'
        f'[console]\nkey = "{key}"\nport = {port}\n'
    )
    for name in ("ben", "eva"):
        added = [*DOCKVOICE, "console", "--config", str(settings), "user", "add", name, "--role", "reviewer"]
        assert run(added, told=f"{PASSWORD}\n").returncode == 0
    log = directory / "console.log"
    process = started(["console", "--config", settings, "--broker", f"127.0.0.1:{broker}"], log)
    try:
        until(lambda: "open http" in log.read_text(), log.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0, log.read_text()


def supervisor(browser: Browser, address: str, name: str) -> Page:
    """Somebody who has signed in, and looks at what waits."""
    page = tab(browser, address)
    page.goto("/reviews")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Review")).to_be_visible()
    return page


def row_of(page: Page, field: str) -> Locator:
    """What was heard of the field, on the page of a review."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=field, exact=True))


def is_told(agent: Agent, words: str) -> None:
    """The device says it to the operator."""
    while words.lower() not in (agent.tells("dialogue")["said"] or "").lower():
        pass
