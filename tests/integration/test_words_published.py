"""From a word that nobody understood to a device that does: counted, tried, added, published, and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dockvoice_protocol.config import Mqtt
from edge.agent.parts import assemble_interpretation
from edge.keep import device_key
from tests.console import console, send
from tests.integration.test_business_replies import Shift, shift
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

WORDS = {"site": "hall", "kind": "words"}
DOOR = {"site": "hall", "form": "pallet-move", "language": "en", "word": "door", "meaning": "label/dock/"}


def test_a_word_that_was_put_aside_is_understood_once_it_is_published_and_no_more_when_it_is_taken_back(
    tmp_path: Path, broker: Mosquitto
) -> None:
    pinned, office = tmp_path / "office.pem", device_key.load_or_create(tmp_path)
    pinned.write_bytes(office.public.pem)

    def versions() -> list[int]:
        return [one.version for one in site.store.catalogue("hall").history("words")]

    def add(word: str, base: int) -> None:
        sent = send(browser, "/words/add", **DOOR | {"word": word}, base=str(base), reason="they say so")
        assert sent.status_code == 303, sent.text

    def publish() -> None:
        assert send(browser, "/catalogue/publish", **WORDS).status_code == 303
        runs = lambda: '<td class="n">1 / 1</td>' in browser.get("/catalogue").text  # noqa: E731
        until(runs, lambda: f"the device does not run it: {browser.get('/catalogue/hall/words').text}")

    async def put_aside(operator: Shift, pallet: str) -> None:
        await operator.type(f"pallet {pallet}, twelve units, door b")
        await asyncio.to_thread(until, lambda: bool(operator.said), "nothing is asked")
        await operator.type("put it aside")
        await operator.hears(f"pallet {' '.join(pallet)} put aside for review.")
        operator.said.clear()

    async def play(operator: Shift) -> None:
        await put_aside(operator, "742")
        await asyncio.to_thread(until, lambda: bool(site.store.reviews()), "the inventory knows of no review")
        await asyncio.to_thread(give)
        await operator.type("pallet 743, twelve units, door b")
        await operator.hears("7 4 3, 12 units, dock bravo.")
        await operator.type("yes")
        await asyncio.to_thread(until, lambda: len(inventory.rows()) == 1, "it is no row")
        await asyncio.to_thread(take_back)
        await put_aside(operator, "744")
        await operator.is_settled()

    def give() -> None:
        listed = browser.get("/words").text
        assert "door #" in listed
        assert "door b</a>" in listed, "the sentence that waits"
        add("bay", 0)
        assert "Would be understood: 1" in browser.get("/words/one", params=DOOR).text
        add("door", versions()[0])
        assert "no device has it yet" in browser.get("/words").text
        publish()

    def take_back() -> None:
        assert send(browser, "/catalogue/back", **WORDS, version=str(versions()[-1]), reason="x").status_code == 303
        publish()

    with (
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
        console(tmp_path / "inventory", signer=office) as site,
    ):
        reached = site.place.settings.model_copy(update={"mqtt": Mqtt(port=broker.port)})
        site.place = replace(site.place, settings=reached)
        docks = [("", {"value": value}) for value in "ABCD"]
        site.store.catalogue("hall").put("docks", docks, "ana", "the hall", "docks.csv")
        live: Callable[[Any], Any] = partial(assemble_interpretation, operator_present=True)
        with site.client("ana") as browser:
            shift(tmp_path / "state", broker.port, play, decisions_key=pinned, made_of=live)
        (row,) = inventory.rows()
    assert row["fields"] == {"pallet_id": "743", "quantity": 12, "dock": "B"}
