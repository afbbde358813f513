"""What the inventory says of an entry reaches the operator: a whole agent, typed to, over a real broker.

The agent is the product's own but for microphone and loudspeaker; what it would say is read from where it stands.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from edge.agent.app import Agent, AgentEvent
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.parts import Parts, load_named_form
from edge.config import Settings
from edge.keep import device_key
from edge.keep.device_key import KEY
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.ports import StoppableSource
from edge.records import Frame
from edge.records.speech import Earcon, PlayEarcon, Say
from edge.speak.wording import Phrasing
from inventory.repository import Store
from inventory.reviews.reviews import Review
from tests.fakes import ScriptedInterpreter
from tests.processes.command import dockvoice
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.unit.test_scanner import Bench, events, typed
from tests.waiting import until

WHOLE = "pallet seven four two, twelve units, dock b"


class Nobody(StoppableSource):
    """A microphone in front of which nobody speaks."""

    name = "microphone"
    live = True

    def __init__(self) -> None:
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        self._closed.wait()
        return iter(())

    def close(self) -> None:
        self._closed.set()


class Shift:
    """An operator at the keyboard of one agent."""

    def __init__(self, executor: JournalThread, parts: Parts, language: str) -> None:
        self.agent = Agent(parts, executor, self._told, live=True)
        self.parts = parts
        self._executor = executor
        self._phrasing = Phrasing(parts.form, language)
        self.begun = asyncio.Event()  # The agent has taken up what was open, and takes what is said now.
        self.said: list[str] = []
        self.sounds: list[Earcon] = []

    def _told(self, told: AgentEvent) -> None:
        if isinstance(told, DialogueStatus):
            self.begun.set()
            self.said += [self._phrasing.text(order) for order in told.voice_orders if isinstance(order, Say)]
            self.sounds += [order.earcon for order in told.voice_orders if isinstance(order, PlayEarcon)]

    async def type(self, text: str) -> None:
        await self.agent.process_text(text)

    async def is_settled(self) -> None:
        owed = partial(self._executor.run, lambda journal: journal.outbox.count_unsettled())
        await asyncio.to_thread(until, lambda: owed() == 0, lambda: f"{owed()} are still owed")

    async def hears(self, text: str) -> None:
        await asyncio.to_thread(until, lambda: text in self.said, lambda: f"{text!r} was not said, but {self.said}")


def unchanging(settings: Settings) -> Parts:
    """The parts of a device to which no master data are published."""
    form, catalogue = load_named_form(settings, settings.forms.active), Catalogue.load(settings.catalogue_directory)
    return Parts(settings, form, catalogue, ScriptedInterpreter())


def shift(
    directory: Path,
    port: int,
    play: Callable[[Shift], Awaitable[None]],
    language: str = "en",
    settle_s: float = 20,
    decisions_key: Path | None = None,
    scanner: Path | None = None,
    made_of: Callable[[Settings], Parts] | None = None,
    **more: Mapping[str, object],
) -> None:
    """A shift with this play; it ends when all that is owed is settled."""
    settings = Settings.model_validate(
        {
            "state_directory": directory,
            "site": "hall",
            "device": "dock-1",
            "deliver": {
                "mqtt": {"host": "127.0.0.1", "port": port},
                "receipt_timeout_s": 1,
                "decisions_key": decisions_key,
            },
            "speak": {"enabled": False, "language": language},
            "agree": {"conversation": True},
            "scan": {"device": scanner},
            **more,
        }
    )
    parts = (made_of or unchanging)(settings)

    async def shifted(executor: JournalThread) -> None:
        operator, nobody = Shift(executor, parts, language), Nobody()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(operator.agent.run([nobody], settle_within_s=settle_s))
            try:
                await operator.begun.wait()
                await play(operator)
            finally:
                operator.agent.stop()
                nobody.close()
            await running

    with JournalThread(directory) as executor:
        asyncio.run(shifted(executor))


@pytest.fixture
def strict(repository: Path, tmp_path: Path) -> Path:
    """The forms of an inventory that takes ten units at most, which the device does not know."""
    form = json.loads((repository / "schemas/forms/pallet-move.schema.json").read_text(encoding="utf-8"))
    form["properties"]["quantity"]["maximum"] = 10
    directory = tmp_path / "forms"
    directory.mkdir()
    (directory / "pallet-move.schema.json").write_text(json.dumps(form), encoding="utf-8")
    return directory


def test_a_refusal_of_the_inventory_is_told_with_its_reason_and_corrected(
    broker: Mosquitto, postgresql: PostgreSQL, strict: Path, tmp_path: Path
) -> None:
    refused = "Abgelehnt: Palette 7 4 2, 12 Stück, Tor Berta: gegen die Regeln des Lagersystems."

    async def play(operator: Shift) -> None:
        await operator.type(WHOLE)
        await operator.hears("7 4 2, 12 Stück, Tor Berta.")
        await operator.type("yes")
        await operator.hears(refused)
        assert operator.sounds[-1] is Earcon.REFUSED
        await operator.type("how many waiting")
        await operator.hears("1 abgelehnt, 0 noch nicht gesendet.")
        await operator.type("no nine units")
        await operator.hears("7 4 2, 9 Stück, Tor Berta.")
        await operator.type("yes")
        await asyncio.to_thread(until, lambda: len(inventory.rows()) == 1, "the corrected entry is no row")
        await operator.is_settled()
        await operator.type("how many waiting")
        await operator.hears("Alles gesendet.")
        assert operator.said.count(refused) == 1

    environment = {"DOCKVOICE_INVENTORY_FORMS_DIRECTORY": str(strict)}
    with (
        postgresql.database() as url,
        RunningInventory(broker.port, tmp_path / "inventory", url, environment=environment) as inventory,
    ):
        shift(tmp_path / "state", broker.port, play, "de")
        assert [row["fields"]["quantity"] for row in inventory.rows()] == [9]


def test_what_was_put_aside_is_decided_by_another_process_while_the_agent_runs(
    broker: Mosquitto, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    settings, pinned = tmp_path / "edge.toml", tmp_path / "office.pem"
    pinned.write_bytes(device_key.load_or_create(tmp_path).public.pem)
    settings.write_text(f'state_directory = "{state}"\nsite = "hall"\ndevice = "dock-1"\n', encoding="utf-8")

    def queue(*arguments: str) -> subprocess.CompletedProcess[str]:
        return dockvoice("queue", *arguments, "--config", settings)

    def reviews() -> list[Review]:
        with closing(Store.open(url, create=False)) as store:
            return store.reviews(every=True)

    def waiting() -> list[str]:
        with Journal.inspect(state) as journal:
            return [one.utterance_id for one in journal.review.list_under_review()]

    async def play(operator: Shift) -> None:
        for pallet in ("742", "743"):
            await operator.type(f"pallet {pallet}, twelve units")
            await operator.type("put it aside")
            await operator.hears(f"pallet {' '.join(pallet)} put aside for review.")
        first, second = waiting()
        await asyncio.to_thread(until, lambda: len(reviews()) == 2, "the inventory knows of no review")
        known = {one.utterance_id: one for one in reviews()}
        assert {one.state for one in known.values()} == {"open"}
        assert (known[first].fields, known[first].reason) == ({"pallet_id": "742", "quantity": 12}, "unanswered")
        assert known[first].doubtful == {"dock": "field_missing"}
        # It is asked about just now: the office is sooner, and nobody asks any more.
        await operator.type("what is open")
        await operator.hears("Not finished: pallet 7 4 2.")
        done = await asyncio.to_thread(queue, "accept", first, "--field", "dock=B", "--field", "quantity=13")
        assert done.stdout == f"{first}: is entry 1 (pallet_id 742, quantity 13, dock B), sent by the agent that runs\n"
        await operator.hears("Corrected by the office: pallet 7 4 2, 13 units, 1 3, dock bravo.")
        given_up = await asyncio.to_thread(queue, "discard", second, "--reason", "a test")
        assert given_up.stdout == f"{second}: given up\n"
        await operator.hears("The office dropped pallet 7 4 3.")
        assert waiting() == []
        await operator.type("pallet 744, twelve units")
        await operator.type("put it aside")
        await asyncio.to_thread(until, lambda: len(reviews()) == 3, "the inventory knows of no third review")
        third = next(one.utterance_id for one in reviews() if one.state == "open")
        arguments = ("--field", "dock=C", "--reason", "seen", "--sign", str(tmp_path / KEY), "--database", url)
        ordered = await asyncio.to_thread(
            lambda: dockvoice(
                "inventory", "review", "correct", third, *arguments, "--broker", f"127.0.0.1:{broker.port}"
            )
        )
        assert f"{third}: sent to hall/dock-1" in ordered.stdout, ordered.stderr
        await operator.hears("The office recorded pallet 7 4 4, 12 units, dock charlie.")
        await operator.type("dock b")  # the answer that came too late
        await operator.type("cancel")
        await asyncio.to_thread(until, lambda: not any(one.state == "open" for one in reviews()), "one is still open")

    with postgresql.database() as url, RunningInventory(broker.port, tmp_path / "inventory", url) as inventory:
        shift(state, broker.port, play, decisions_key=pinned)
        row, third = inventory.rows()
        assert row["fields"] == {"pallet_id": "742", "quantity": 13, "dock": "B"}
        ends = [(one.state, one.decided_by, one.entry) for one in reviews()]
        recorded = [("recorded", "office", one["event_id"]) for one in (row, third)]
        assert sorted(ends) == [("dropped", "office", None), *sorted(recorded)]


def test_a_pallet_is_counted_twice_where_it_is_not_as_announced_and_every_device_knows_that_it_is_received(
    broker: Mosquitto, repository: Path, tmp_path: Path
) -> None:
    """From the notice to the inventory's tables: asked blind, both counts and the site's day on record."""
    state, url, asn, pinned = (tmp_path / name for name in ("state", "inventory.db", "asn.csv", "office.pem"))
    forms, catalogue = repository / "tests" / "data" / "forms", repository / "tests" / "playbook" / "catalogue"
    pinned.write_bytes(device_key.load_or_create(tmp_path).public.pem)
    header = "notice,trailer,door,pallet,item,quantity,uom,lot_needed\n"
    asn.write_text(header + "4550012,5501,,742,A100,24,CS,no\n", encoding="utf-8")
    (tmp_path / "inventory.toml").write_text(f'forms_directory = "{forms}"\n', encoding="utf-8")

    def expect(*arguments: str) -> str:
        at = ("--database", f"sqlite:///{url}", "--broker", f"127.0.0.1:{broker.port}", "--sign", str(tmp_path / KEY))
        done = dockvoice("inventory", "expect", *arguments, *at, "--config", str(tmp_path / "inventory.toml"))
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def play(operator: Shift) -> None:
        def known() -> tuple[ExpectedLine, ...]:
            return operator.agent._delivery.expected.current().lines_at(ReceivingPlace(PlaceKind.TRAILER, "5501"))

        await asyncio.to_thread(until, lambda: bool(known()), "the list has not come")
        await operator.type("pallet 742, 22 cases, item A100, trailer 5501")
        await operator.hears("Count pallet 7 4 2 again.")
        await operator.type("23 cases")
        await asyncio.to_thread(until, lambda: any("23 cases" in text for text in operator.said), "not read back")
        await operator.type("yes")
        await asyncio.to_thread(until, lambda: len(inventory.rows()) == 1, "it is no row")
        assert "1 line, 1 received" in await asyncio.to_thread(expect, "--received")
        await asyncio.to_thread(until, lambda: known()[0].received, "the device does not know")
        assert not any("24" in text for text in operator.said)

    environment = {"DOCKVOICE_INVENTORY_FORMS_DIRECTORY": str(forms)}
    with RunningInventory(broker.port, tmp_path / "running", f"sqlite:///{url}", environment=environment) as inventory:
        expect(str(asn), "--site", "hall")
        chosen = {"directory": forms, "catalogue": catalogue, "active": "receive"}
        shift(state, broker.port, play, decisions_key=pinned, forms=chosen, workday={"zone": "Europe/Berlin"})
        (row,) = inventory.rows()
    assert row["fields"] == {"pallet_id": "742", "quantity": 23, "uom": "CS", "item": "A100", "trailer": "5501"}
    with Journal.inspect(state) as journal:
        data = (journal.queries.history(row["event_id"]).event or {})["data"]
    assert data["counted_first"] == {"quantity": 22}
    assert data["converted"] == {"quantity": {"quantity": 276, "uom": "EA", "factor": 12}}
    assert (data["context"], data["workday"]["zone"]) == ({"trailer": "5501"}, "Europe/Berlin")


def test_a_label_by_the_scanner_and_the_rest_by_the_operator_become_one_row(
    broker: Mosquitto, postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, monkeypatch)

    async def play(operator: Shift) -> None:
        os.write(writer, events(*typed("]C100376130321109103421\n]C100376130321109103420\n")))
        await operator.hears("Not taken: its check digit is wrong.")
        await operator.hears("How many units?")
        await operator.type("twelve units, dock B")
        await operator.hears("end 3 4 2 0, 12 units, dock bravo.")
        await operator.type("yes")
        await operator.is_settled()

    writer = bench.plug_in()
    with postgresql.database() as url, RunningInventory(broker.port, tmp_path / "inventory", url) as inventory:
        shift(tmp_path / "state", broker.port, play, scanner=bench.device)
        assert [row["fields"] for row in inventory.rows()] == [
            {"pallet_id": "376130321109103420", "quantity": 12, "dock": "B"}
        ]
    os.close(writer)
