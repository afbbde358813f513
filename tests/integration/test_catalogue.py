"""Master data over a real broker: from the inventory's tables to what devices take, refuse, keep and go back to."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import delete
from typer.testing import CliRunner

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics, make_status, to_json_bytes
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.hash_chain import PublicKey, Signer
from dockvoice_protocol.mqtt import MessageReceived, Session
from dockvoice_protocol.records.master import Cells, MasterData
from dockvoice_protocol.signed import sign_master_data
from edge.agent.delivery import Delivery
from edge.agent.parts import Parts, load_named_form
from edge.agent.site_publications import CatalogueActivation, SiteCatalogue, load_site_catalogue, override_files
from edge.config import Deliver, Settings
from edge.keep import database as journal_database
from edge.keep.database import JournalDatabase
from edge.keep.device_key import KEY
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import SignedLists
from inventory.cli.main import commands
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.site.catalogue import Version
from inventory.site.catalogue_publishing import (
    DeclinedVersion,
    ReportedVersions,
    parse_reported_versions,
    publish,
    read_reported_versions,
)
from inventory.store.tables import catalogue as versions
from tests.dictated import ANOTHER
from tests.fakes import ScriptedInterpreter
from tests.integration.test_business_replies import Shift, shift
from tests.integration.test_expected import NOW, is_told, office
from tests.integration.test_expected import publish as publish_to
from tests.servers.mosquitto import Mosquitto
from tests.tiers import sized
from tests.waiting import until, while_running

__all__ = ["office", "publish_to"]  # fixtures

A, B, K, TWELVE = ({"value": value} for value in ("A", "B", "K", "12"))
HERE = Topics.catalogue("dockvoice", "hall", "docks")


def docks(version: int, *rows: Cells) -> MasterData:
    return MasterData("hall", "docks", version, rows)


def delivering(directory: Path, port: int, executor: JournalThread, forms: tuple[Form, ...] = ()) -> Delivery:
    """A device that fills these forms, and says what it works with."""
    deliver = Deliver(decisions_key=directory / "office.pem", mqtt=Mqtt(host="127.0.0.1", port=port))
    settings = Settings(site="hall", device="dock-1", deliver=deliver)
    works_with = [Catalogue({})]

    def ready(catalogue: Catalogue) -> None:
        works_with[:] = [catalogue]
        made.publish_roster_and_catalogue_versions()

    renewal = CatalogueActivation(
        partial(override_files, Catalogue({}), forms=forms), ready, lambda: works_with[0].versions
    )
    made = Delivery(settings, executor, lambda _: None, renewal=renewal)
    return made


class InMemory:
    """An executor for one of very many devices: what is taken is in the same table, and on no disk."""

    def __init__(self, made: Path, opened: ExitStack) -> None:
        memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        database = opened.enter_context(closing(memory))
        database.executescript((Path(journal_database.__file__).parent / "migrations" / "01_tables.sql").read_text())
        self.catalogue = SignedLists(JournalDatabase(database, made), "catalogue")

    def run(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    async def __call__(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    async def retry_while_disk_full(self, work: Callable[[], Any], *_: object) -> Any:
        return await work()


class Device:
    """One of very many: its way from the message to what it works with, and its status."""

    def __init__(
        self, name: str, directory: Path, files: Catalogue, key: PublicKey, forms: tuple[Form, ...], opened: ExitStack
    ) -> None:
        self.name = name
        self._key = key
        works_with = [files]
        settings = Settings(site="hall", device=name)
        renewal = CatalogueActivation(
            partial(override_files, files, forms=forms),
            lambda catalogue: works_with.__setitem__(0, catalogue),
            lambda: works_with[0].versions,
        )
        executor: Any = InMemory(directory / "office.pem", opened)
        self.catalogue = SiteCatalogue(settings, key, executor, lambda: None, renewal)

    @property
    def status(self) -> bytes:
        told = self.catalogue.status()
        return to_json_bytes(
            make_status("online", site="hall", device=self.name, key=self._key, catalogue=told, time=NOW)
        )


class Fleet:
    """Many devices behind one connection to the broker: each takes every message that comes, and says what it runs."""

    def __init__(self, port: int, devices: list[Device]) -> None:
        self._devices = devices
        self._news: SimpleQueue[object] = SimpleQueue()
        filters = sorted({topic for device in devices for topic in device.catalogue.inbox.topics})
        self._session = Session(
            Mqtt(host="127.0.0.1", port=port), client_id=devices[0].name, receive=self._news.put, subscriptions=filters
        )

    def work(self, done: Callable[[], bool]) -> None:
        """Take what comes, until it is done."""
        self._session.start()
        until(lambda: self._session.is_connected, "the fleet never connected")
        try:
            while not done():
                with suppress(Empty):
                    if isinstance(message := self._news.get(timeout=0.05), MessageReceived):
                        asyncio.run(self._take(message))
        finally:
            self._session.stop()

    async def _take(self, message: MessageReceived) -> None:
        before = {device.name: device.status for device in self._devices}
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(device.catalogue.inbox.verify_and_store(message))
        for device in self._devices:
            if (said := device.status) != before[device.name]:
                topic = Topics("dockvoice", "hall", device.name).status
                until(partial(self._session.publish, topic, said, tag=device.name, retain=True), "not published")


@pytest.fixture
def statuses(broker: Mosquitto) -> Iterator[dict[str, ReportedVersions]]:
    """What each device has said last of its master data."""
    found: dict[str, ReportedVersions] = {}

    def receive(event: object) -> None:
        if (
            isinstance(event, MessageReceived)
            and (said := parse_reported_versions(event.topic, event.payload, "dockvoice")) is not None
        ):
            found[said.device] = said

    everyone = Topics("dockvoice", "hall", "+").status
    session = Session(
        Mqtt(host="127.0.0.1", port=broker.port), client_id="watch", receive=receive, subscriptions=[everyone]
    )
    session.start()
    until(lambda: session.is_connected, "never connected")
    yield found
    session.stop()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What is open until the test has ended."""
    with ExitStack() as stack:
        yield stack


def test_a_change_reaches_many_devices_one_that_was_off_and_not_one_that_cannot_take_it_and_is_rolled_back(
    tmp_path: Path,
    broker: Mosquitto,
    office: Signer,
    statuses: dict[str, ReportedVersions],
    repository: Path,
    opened: ExitStack,
) -> None:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    settings = InventorySettings(database=SecretStr(url), mqtt=Mqtt(host="127.0.0.1", port=broker.port))
    files = Catalogue.load(repository / "config" / "catalogue")
    strict = load_named_form(Settings(), "pallet-move")  # whose docks are letters
    names = [f"dock-{number}" for number in range(sized(test=40, nightly=200))]
    odd, away = names[3], names[7]
    forms = {odd: (strict,)}
    devices = [Device(name, tmp_path, files, office.public, forms.get(name, ()), opened) for name in names]

    def all_run(wanted: Version, *others: str) -> bool:
        runs = {name: one.versions.get("docks") for name, one in dict(statuses).items()}
        return all(runs.get(name) == wanted.version for name in names if name not in others)

    with closing(Store.open(url)) as store:
        north = store.catalogue("hall")
        there = [device for device in devices if device.name != away]
        first = north.put("docks", [("", A), ("", B)], "ben", "begun", "docks.csv")
        publish(settings, north, office)
        Fleet(broker.port, there).work(lambda: all_run(first, away))
        second = north.edit("docks", "", TWELVE, "ana", "a new door")
        publish(settings, north, office)
        Fleet(broker.port, there).work(lambda: all_run(second, away, odd) and bool(statuses[odd].declined))
        told = "form 'pallet-move': catalogue 'docks': '12' breaks the rules of field 'dock'; mend one of the two"
        assert statuses[odd].versions == {"docks": first.version}
        assert statuses[odd].declined == {"docks": DeclinedVersion("breaks_form", second.version, told)}
        assert statuses[odd].kinds_not_run([second]) == ["docks"]
        assert away not in statuses
        Fleet(broker.port, [device for device in devices if device.name == away]).work(lambda: all_run(second, odd))
        third = north.rollback("docks", first.version, "ana", "the door is not there yet")
        publish(settings, north, office)
        Fleet(broker.port, devices).work(lambda: all_run(third))
        assert third.version > second.version
        assert not statuses[odd].declined
        found = read_reported_versions(settings, "hall")
    assert {one.device for one in found} == {*names}
    assert {one.versions["docks"] for one in found} == {third.version}
    assert not any(one.kinds_not_run([third]) for one in found)


def changing(settings: Settings) -> Parts:
    """The parts of a device that takes master data, with nobody who hears."""
    form = load_named_form(settings, settings.forms.active)

    def parts(catalogue: Catalogue) -> Parts:
        return Parts(settings, form, catalogue, ScriptedInterpreter(), renew=renew)

    def renew(published: tuple[MasterData, ...]) -> Parts:
        return parts(override_files(Catalogue.load(settings.catalogue_directory), published, (form,)))

    return parts(load_site_catalogue(settings, (form,)))


def test_a_running_agent_changes_its_docks_between_two_entries_and_keeps_them_without_a_network(
    tmp_path: Path,
    broker: Mosquitto,
    office: Signer,
    publish_to: Callable[[str, bytes], None],
    statuses: dict[str, ReportedVersions],
    caplog: pytest.LogCaptureFixture,
) -> None:
    agree = {"conversation": True, "undo_s": 1}
    key = tmp_path / "office.pem"

    def is_in_force(version: int | None) -> Callable[[], bool]:
        return lambda: "dock-1" in statuses and statuses["dock-1"].versions.get("docks") == version

    async def sees(version: int | None) -> None:
        await asyncio.to_thread(until, is_in_force(version), lambda: f"{statuses}")

    async def refuses(operator: Shift) -> None:
        await asyncio.to_thread(until, lambda: any("There is no" in one for one in operator.said), "it took dock D")

    async def work(operator: Shift) -> None:
        await operator.type("pallet 742, twelve units")
        await operator.hears("Which dock?")
        publish_to(HERE, sign_master_data(docks(5, A, B), office, NOW))  # the shipped ones are A to H
        await asyncio.to_thread(until, partial(is_told, caplog, "docks: version 5, 2 rows"), "not taken")
        await operator.type("dock D")  # within the entry that is open it is as it was
        await operator.hears("7 4 2, 12 units, dock delta.")
        assert not is_in_force(5)()
        await operator.type("yes")
        await sees(5)
        await operator.type("pallet 743, twelve units, dock D")
        await refuses(operator)
        await operator.type("dock B")
        await operator.hears("7 4 3, 12 units, dock bravo.")
        await operator.type("yes")
        publish_to(HERE, sign_master_data(docks(6, {"value": "12"}), office, NOW))
        await asyncio.to_thread(until, lambda: bool(statuses["dock-1"].declined), "not refused")
        declined = statuses["dock-1"].declined["docks"]
        assert (declined.reason, declined.version) == ("breaks_form", 6)

    async def work_without_a_broker(operator: Shift) -> None:
        await operator.type("pallet 744, twelve units, dock D")
        await refuses(operator)
        await operator.type("cancel")

    async def work_again(operator: Shift) -> None:
        await sees(5)
        publish_to(HERE, sign_master_data(docks(7), office, NOW))  # withdrawn: the files are in force again
        await sees(None)
        await operator.type("pallet 744, twelve units, dock D")
        await operator.hears("7 4 4, 12 units, dock delta.")
        await operator.type("yes")

    caplog.set_level("INFO")
    at = {"settle_s": 0, "decisions_key": key, "made_of": changing, "agree": agree}
    shift(tmp_path / "dock", broker.port, work, **at)  # type: ignore[arg-type]
    shift(tmp_path / "dock", 1, work_without_a_broker, **at)  # type: ignore[arg-type]
    shift(tmp_path / "dock", broker.port, work_again, **at)  # type: ignore[arg-type]
    with Journal.inspect(tmp_path / "dock") as journal:
        found = [one.fields for one in journal.queries.histories()]
    assert [(one["pallet_id"], one["dock"]) for one in found] == [("742", "D"), ("743", "B"), ("744", "D")]


def test_only_newer_master_data_with_the_offices_signature_for_this_very_kind_are_taken(
    tmp_path: Path,
    broker: Mosquitto,
    office: Signer,
    publish_to: Callable[[str, bytes], None],
    statuses: dict[str, ReportedVersions],
) -> None:
    forged = json.loads(sign_master_data(docks(9, A), office, NOW))
    forged["rows"] = [K]
    refused = [  # neighbours differ, so that each answer is seen
        (sign_master_data(docks(9, A), ANOTHER, NOW), "forged"),
        (sign_master_data(docks(4, A), office, NOW), "old"),
        (sign_master_data(replace(docks(9, A), kind="doors"), office, NOW), "malformed"),
        (json.dumps(forged).encode(), "forged"),
        (sign_master_data(docks(5, K), office, NOW), "old"),
        (sign_master_data(replace(docks(9, A), site="south"), office, NOW), "malformed"),
        (sign_master_data(docks(9, {"value": "A", "spoken": "Blue!"}), office, NOW), "breaks_form"),
        (b"{", "malformed"),
    ]

    def said() -> Mapping[str, Any]:
        one = statuses.get("dock-1")
        return {} if one is None else {**one.versions, **{kind: of.reason for kind, of in one.declined.items()}}

    def meanwhile() -> None:
        publish_to(HERE, sign_master_data(docks(5, A), office, NOW))
        until(lambda: said() == {"docks": 5}, "not taken")
        for payload, why in refused:
            publish_to(HERE, payload)
            until(lambda why=why: said() == {"docks": why}, f"{why} was not told: {statuses}")  # type: ignore[misc]
            assert statuses["dock-1"].versions == {"docks": 5}
        publish_to(HERE, sign_master_data(docks(10, A, K), office, NOW))
        until(lambda: said() == {"docks": 10}, "not replaced")

    with JournalThread(tmp_path / "state") as executor:
        while_running(delivering(tmp_path, broker.port, executor).run(), meanwhile)


def test_the_inventorys_command_imports_shows_and_goes_back(tmp_path: Path, broker: Mosquitto, office: Signer) -> None:
    url, file = f"sqlite:///{tmp_path / 'inventory.db'}", tmp_path / "docks.csv"
    Store.open(url).close()
    at = ("--site", "hall", "--database", url)
    signed = ("--broker", f"127.0.0.1:{broker.port}", "--sign", str(tmp_path / KEY))

    def run(*arguments: str, fails: bool = False) -> str:
        done = CliRunner().invoke(commands, ["catalogue", *arguments, *at])
        assert (done.exception is not None) == fails, done.output
        return done.output if done.exception is None else f"{done.output}{done.exception}"

    file.write_text("value,spoken\nA,Blue\nA,\n", encoding="utf-8")
    told = run("import", "docks", str(file), "--reason", "x", fails=True)
    assert f"{file}: line 2, column spoken: 'Blue' must be words in small letters" in told
    assert f"{file}: line 3, column value: 'A' stands here a second time" in told
    assert "2 faults; nothing was changed" in told
    file.write_text("value,spoken\nA,\nN1,north one\n", encoding="utf-8")
    told = run("import", "docks", str(file), "--reason", "x", fails=True)
    assert f"{file}: line 3, column value: 'N1' breaks the rules of field 'dock'" in told
    with closing(Store.open(url)) as store:  # by a program that did not look
        store.catalogue("hall").put("docks", [("", {"value": "N1", "spoken": "north one"})], "ana", "x", "old.csv")
    assert "row 'N1', column value: 'N1' breaks the rules of field 'dock'" in run("publish", *signed, fails=True)
    with closing(Store.open(url)) as store, store.transaction() as transaction:
        transaction.execute(delete(versions))
    file.write_text("value,spoken\nA,blue door\nB,\n", encoding="utf-8")
    assert "no device has it yet" in run("import", "docks", str(file), "--reason", "begun")
    assert "published, 2 rows" in run("publish", *signed)
    assert "nothing is to be published" in run("publish", *signed)
    file.write_text("value,spoken\nA,\nC,\n", encoding="utf-8")
    assert "published, 2 rows" in run("import", "docks", str(file), "--reason", "moved", *signed)
    new, old = (json.loads(line) for line in run("history", "docks", "--json").splitlines())
    assert (old["what"], new["what"]) == (
        "imported docks.csv: 2 added",
        "imported docks.csv: 1 added, 1 changed, 1 removed",
    )
    assert run("diff", "docks", str(old["version"]), str(new["version"])).splitlines() == [
        *("- value=B", "+ value=C", "- value=A spoken=blue door", "+ value=A", "1 added, 1 changed, 1 removed")
    ]
    assert "published, 2 rows" in run("rollback", "docks", str(old["version"]), "--reason", "too early", *signed)
    assert "blue door" in run("show", "docks")
    assert "withdrawn" in run("withdraw", "docks", "--reason", "files", *signed)
    assert "there is no such kind at hall; there are docks" in run("show", "doors", fails=True)


def test_the_inventorys_command_says_sent_of_what_the_broker_has_taken(
    tmp_path: Path, broker: Mosquitto, office: Signer, free_port: Callable[[], int]
) -> None:
    url, file = f"sqlite:///{tmp_path / 'inventory.db'}", tmp_path / "docks.csv"
    Store.open(url).close()

    def run(*arguments: str, port: int = broker.port) -> str:
        server = ("--broker", f"127.0.0.1:{port}", "--sign", str(tmp_path / KEY))
        shared = ("--site", "hall", "--database", url, *(server if arguments[0] in {"import", "publish"} else ()))
        done = CliRunner().invoke(commands, ["catalogue", *arguments, *shared])
        return f"{done.output}{done.exception or ''}"

    def sent() -> list[str]:
        return [line.split()[-1] for line in run("history", "docks").splitlines() if line.startswith("docks ")]

    for value in "AB":
        file.write_text(f"value\n{value}\n", encoding="utf-8")
        assert "it is kept" in run("import", "docks", str(file), "--reason", "x", port=free_port())
    assert sent() == ["no", "replaced"]
    assert run("show").splitlines()[-1].split()[-1] == "no"
    assert "docks: signed, and the broker has not taken it yet" in run("publish")
    file.write_text("value\nC\n", encoding="utf-8")
    assert "published, 1 row" in run("import", "docks", str(file), "--reason", "x")
    assert sent() == ["yes", "replaced", "replaced"]
    assert "the broker has taken every current version" in run("publish")
