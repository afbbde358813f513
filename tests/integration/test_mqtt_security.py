"""Delivery to a broker that must not be trusted, or does not trust us: refused, kept, told once, delivered when mended.

Every case has a broker that is wrong for the device, and then one that is right, on the same port; the device is not
touched in between. It settles by the broker's PUBACK, so that nothing but the broker decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.mqtt import Session
from edge.agent.delivery import Delivery
from edge.config import Deliver, Settings, SettleBy
from edge.keep.journal_thread import JournalThread
from inventory.store.keys import KeyDirectory
from tests.sayings import dictated
from tests.servers.certificates import HERE, Authority
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Certificates, Mosquitto
from tests.servers.ports import held_port
from tests.waiting import until, while_running

WATCHED_S = 2.0  # How long a refused device is watched for more alarms and for a storm: several times its longest wait.

ENTRIES = 5

SECRET = "hush"  # noqa: S105 - made up

RIGHT_PASSWORD, OWN_TOPICS = {"dock-1": SECRET}, "pattern readwrite dockvoice/hall/%u/#\n"


@dataclass
class Pki:
    """Everybody's certificates."""

    ours: Authority
    strangers: Authority
    right: Certificates = field(init=False)
    stranger: Certificates = field(init=False)

    def __post_init__(self) -> None:
        server, client = self.ours.sign("server", HERE), self.ours.sign("dock-1")
        authority = self.ours.issued.certificate
        self.right = Certificates(authority, server.certificate, server.key, client.certificate, client.key)
        theirs, guest = self.strangers.sign("server", HERE), self.strangers.sign("dock-1")
        foreign = self.strangers.issued.certificate
        self.stranger = Certificates(foreign, theirs.certificate, theirs.key, guest.certificate, guest.key)

    def server(self, *hosts: str, **options: Any) -> Certificates:
        """The right ones, but for the broker's own."""
        issued = self.ours.sign("server", hosts or HERE, file=uuid4().hex, **options)
        right = self.right
        return Certificates(right.authority, issued.certificate, issued.key, right.client, right.client_key)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(Authority(tmp_path_factory.mktemp("ours")), Authority(tmp_path_factory.mktemp("strangers"), "strangers"))


@dataclass(frozen=True)
class Case:
    """A fault between device and broker."""

    device: dict[str, Any]
    wrong: dict[str, Any]  # Options of the broker that does not fit.
    right: dict[str, Any]
    told: str


def tls(certificates: Certificates, *, client: bool = False) -> dict[str, Any]:
    """Settings of a device that trusts the authority of these."""
    own = {"certificate_file": certificates.client, "key_file": certificates.client_key}
    return {"tls": True, "ca_file": certificates.authority, **(own if client else {})}


CASES: dict[str, Callable[[Pki], Case]] = {
    "wrong authority": lambda pki: Case(
        tls(pki.right), {"tls": pki.stranger}, {"tls": pki.right}, "name the authority that signed it in mqtt.ca_file"
    ),
    "self-signed": lambda pki: Case(
        tls(pki.right), {"tls": pki.server(alone=True)}, {"tls": pki.right}, "the authority that signed it"
    ),
    "another host's name": lambda pki: Case(
        tls(pki.right), {"tls": pki.server("elsewhere.example")}, {"tls": pki.right}, "mqtt.host must be a name"
    ),
    "expired": lambda pki: Case(
        tls(pki.right),
        {"tls": pki.server(ends=timedelta(days=-1))},
        {"tls": pki.right},
        "certificate has expired; renew it",
    ),
    "no certificate of ours": lambda pki: Case(
        tls(pki.right), {"tls": pki.right, "client_certificates": True}, {"tls": pki.right}, "mqtt.certificate_file"
    ),
    "our certificate is another authority's": lambda pki: Case(
        {**tls(pki.stranger, client=True), "ca_file": pki.right.authority},
        {"tls": pki.right, "client_certificates": True},
        {"tls": pki.right},
        "mqtt.certificate_file",
    ),
    "plaintext where TLS is expected": lambda pki: Case(
        tls(pki.right), {}, {"tls": pki.right}, "is this the port for TLS"
    ),
    "TLS where plaintext is expected": lambda pki: Case({}, {"tls": pki.right}, {}, "it may expect TLS (tls = true)"),
    "wrong password": lambda _: Case(
        {"username": "dock-1", "password": SECRET, "insecure": True},
        {"users": {"dock-1": "other"}},
        {"users": RIGHT_PASSWORD},
        "not authorized; check username and password",
    ),
    "no password": lambda _: Case({}, {"users": RIGHT_PASSWORD}, {}, "not authorized; check username and password"),
    "may not publish": lambda _: Case(
        {"username": "dock-1", "password": SECRET, "insecure": True},
        {"users": RIGHT_PASSWORD, "access": "topic read #\n"},
        {"users": RIGHT_PASSWORD, "access": OWN_TOPICS},
        "the broker refuses events: not authorized (135)",
    ),
    "another device's topic": lambda _: Case(
        {"username": "dock-2", "password": SECRET, "insecure": True},
        {"users": {"dock-2": SECRET}, "access": OWN_TOPICS},
        {"users": {"dock-2": SECRET}, "access": f"{OWN_TOPICS}user dock-2\ntopic readwrite dockvoice/hall/dock-1/#\n"},
        "the broker refuses events: not authorized (135)",
    ),
}


def commit(executor: JournalThread, entries: int) -> None:
    for number in range(entries):
        executor.run(partial(dictated, number=number))


def delivery(executor: JournalThread, port: int, settle: SettleBy = SettleBy.BROKER, **mqtt: Any) -> Delivery:
    way = Mqtt(**{"host": "127.0.0.1", "port": port, "reconnect_maximum_s": 1, **mqtt})
    deliver = Deliver(settle=settle, receipt_timeout_s=1, mqtt=way)
    settings = Settings(site="hall", device="dock-1", deliver=deliver)
    return Delivery(settings, executor, lambda _: None)


class Alarms(logging.Handler):
    """What is logged as an error, by the thread in which it happened: the cases run side by side."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.by_thread: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.by_thread.setdefault(record.thread or 0, []).append(record.getMessage())

    @property
    def here(self) -> list[str]:
        return self.by_thread.setdefault(threading.get_ident(), [])


@pytest.fixture(scope="module")
def alarms() -> Iterator[Alarms]:
    handler = Alarms()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@dataclass
class Played:
    """What became of a case."""

    alarms: list[str]
    kept: int = 0  # Entries still owed after the alarm.
    tries_a_second: float = 0.0
    owed: int = -1  # Entries still owed when it was mended.


def play(case: Case, directory: Path, port: int, alarms: Alarms) -> Played:
    played = Played(alarms.here)

    def meanwhile() -> None:
        with Mosquitto(directory / "wrong", port, **case.wrong) as broker:
            until(lambda: bool(played.alarms), lambda: f"no alarm: {broker.log}")
            began, tries = time.monotonic(), broker.log.count("New connection")
            time.sleep(WATCHED_S)  # nothing else may happen
            tried = broker.log.count("New connection") - tries
            played.tries_a_second = tried / (time.monotonic() - began)
            played.kept = executor.run(lambda journal: journal.outbox.count_unsettled())
        played.alarms = played.alarms[:]
        with Mosquitto(directory / "right", port, **case.right):
            until(
                lambda: executor.run(lambda journal: journal.outbox.count_unsettled()) == 0,
                lambda: f"not delivered when mended: {alarms.by_thread}",
            )
        played.owed = executor.run(lambda journal: journal.outbox.count_unsettled())

    with JournalThread(directory / "state") as executor:
        commit(executor, ENTRIES)
        while_running(delivery(executor, port, **case.device).run(), meanwhile)
    return played


@pytest.fixture(scope="module")
def plays(pki: Pki, tmp_path_factory: pytest.TempPathFactory, alarms: Alarms) -> Iterator[dict[str, Future[Played]]]:
    """All cases, begun at once: each is mostly waiting."""
    with ThreadPoolExecutor(len(CASES)) as stages, ExitStack() as held:
        ports = {name: held.enter_context(held_port()) for name in CASES}
        yield {
            name: stages.submit(play, case(pki), tmp_path_factory.mktemp("case"), ports[name], alarms)
            for name, case in CASES.items()
        }


@pytest.mark.parametrize("name", CASES)
def test_refused_and_kept_with_one_alarm_and_delivered_by_itself_once_mended(
    name: str, plays: dict[str, Future[Played]], pki: Pki
) -> None:
    played = plays[name].result()
    assert len(played.alarms) == 1, played.alarms
    assert CASES[name](pki).told in played.alarms[0]
    assert SECRET not in played.alarms[0]
    assert played.kept == ENTRIES
    # Half of the longest wait is the shortest between two tries; and one may fall on the brink.
    assert played.tries_a_second <= 1 / 0.5 + 1 / WATCHED_S, "a storm of connections"
    assert played.owed == 0


def test_what_mqtt_3_1_1_swallows_is_kept_and_told(
    tmp_path: Path, free_port: Callable[[], int], alarms: Alarms
) -> None:
    def meanwhile() -> None:
        until(lambda: bool(told), "no alarm")
        assert executor.run(lambda journal: journal.outbox.count_unsettled()) == ENTRIES

    denying: dict[str, Any] = {"users": {"dock-1": SECRET}, "access": "topic read #\n"}
    told = alarms.here
    told.clear()
    with (
        Mosquitto(tmp_path / "broker", free_port(), **denying) as broker,
        JournalThread(tmp_path / "state") as executor,
    ):
        commit(executor, ENTRIES)
        login = {"username": "dock-1", "password": SECRET, "insecure": True}
        while_running(delivery(executor, broker.port, SettleBy.RECEIPT, version="3.1.1", **login).run(), meanwhile)
    assert len(told) == 1
    assert "no receipts come" in told[0]
    assert "write to dockvoice/hall/dock-1/entries and read dockvoice/hall/dock-1/receipts" in told[0]


def test_with_the_access_rules_of_the_manual_a_device_speaks_for_itself_and_for_nobody_else(
    repository: Path, tmp_path: Path, free_port: Callable[[], int], pki: Pki, alarms: Alarms
) -> None:
    manual = (repository / "docs" / "install.md").read_text(encoding="utf-8")
    rules = manual.split("dockvoice.acl <<'END'\n")[1].split("END\n")[0].replace("/north/", "/hall/")
    inventory = pki.ours.sign("inventory")
    environment = {
        "DOCKVOICE_INVENTORY_MQTT__TLS": "true",
        "DOCKVOICE_INVENTORY_MQTT__CA_FILE": str(pki.right.authority),
        "DOCKVOICE_INVENTORY_MQTT__CERTIFICATE_FILE": str(inventory.certificate),
        "DOCKVOICE_INVENTORY_MQTT__KEY_FILE": str(inventory.key),
        "DOCKVOICE_INVENTORY_TRUST_FIRST_USE": "false",  # by these rules it need not read who a device says it is
    }
    other = pki.ours.sign("dock-2")
    told = alarms.here
    told.clear()
    with (
        Mosquitto(tmp_path / "broker", free_port(), tls=pki.right, client_certificates=True, access=rules) as broker,
        RunningInventory(broker.port, tmp_path / "inventory", environment=environment) as running,
        JournalThread(tmp_path / "state") as executor,
    ):
        KeyDirectory(running.keys).enrol("hall", "dock-1", executor.run(lambda journal: journal.public_key))
        commit(executor, ENTRIES)
        posing = {**tls(pki.right), "certificate_file": other.certificate, "key_file": other.key}
        posed = delivery(executor, broker.port, SettleBy.RECEIPT, **posing)
        while_running(posed.run(), lambda: until(lambda: bool(told), "no alarm"))
        assert (len(told), executor.run(lambda journal: journal.outbox.count_unsettled()), running.rows()) == (
            1,
            ENTRIES,
            [],
        )
        assert "the broker refuses events: not authorized (135)" in told[0]
        itself = delivery(executor, broker.port, SettleBy.RECEIPT, **tls(pki.right, client=True))
        settled = lambda: executor.run(lambda journal: journal.outbox.count_unsettled() == 0)  # noqa: E731
        while_running(itself.run(), partial(until, settled, lambda: f"not delivered: {told}"))
        assert [row["sequence"] for row in running.rows()] == list(range(1, ENTRIES + 1))


@pytest.mark.parametrize(("settle", "spoken"), [(SettleBy.BROKER, "5"), (SettleBy.RECEIPT, "auto")])
def test_where_the_brokers_word_settles_only_mqtt_5_is_spoken(tmp_path: Path, settle: SettleBy, spoken: str) -> None:
    opened: list[Mqtt] = []

    def session(settings: Mqtt, **options: Any) -> Session:
        opened.append(settings)
        return Session(settings, **options)

    with JournalThread(tmp_path) as executor:
        settings = Settings(deliver=Deliver(settle=settle))
        Delivery(settings, executor, lambda _: None, session=session)
    assert [each.version for each in opened] == [spoken]
