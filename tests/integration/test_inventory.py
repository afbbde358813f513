"""The receiving side as a service: a real broker, a real database, devices that send, and what goes wrong between."""

from __future__ import annotations

import queue
import random
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import EarlyAnswer, Topics, UntrustedAnswer, parse_answer
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from inventory.records import TableCounts
from inventory.repository import Store
from tests.dictated import amended, cancelled, identity, recorded, signed
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.store import KINDS, database
from tests.tiers import sized

WITHIN_S = 60  # Everything here happens in a second or two; a busy machine may need longer.

WATCHED = {"WATCHDOG_USEC": "3000000"}
"""As systemd tells a program that it must give a sign of life every three seconds."""


class Device:
    """Sends events, and keeps the outcomes of their receipts by event id; `expected` as it was last told."""

    def __init__(self, broker: Mosquitto, site: str = "north", device: str = "dock-3") -> None:
        self.topics = Topics("dockvoice", site, device)
        self.outcomes: defaultdict[str, list[str]] = defaultdict(list)
        self.expected: int | None = None
        self.distrusted: list[str] = []
        self._news: queue.SimpleQueue[SessionEvent] = queue.SimpleQueue()
        self._session = Session(
            Mqtt(host="127.0.0.1", port=broker.port, reconnect_maximum_s=1),
            client_id=device,
            receive=self._news.put,
            subscriptions=(self.topics.receipts,),
        )

    def __enter__(self) -> Self:
        self._session.start()
        self.wait_for(lambda: self._session.is_connected)
        return self

    def __exit__(self, *_fault: object) -> None:
        self._session.stop()

    def send(self, *messages: dict[str, Any] | bytes) -> None:
        for message in messages:
            body = message if isinstance(message, bytes) else signed(message)
            self.wait_for(partial(self._session.publish, self.topics.entries, body, tag="event"))

    def has_receipts_for(self, number: int) -> bool:
        return len(self.outcomes) >= number

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Take the news until `condition` holds."""
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, dict(self.outcomes)
            try:
                self._take(self._news.get(timeout=0.05))
            except queue.Empty:
                continue

    def settle(self, messages: list[dict[str, Any]]) -> None:
        """Send what has no receipt again and again, as a device does, until all have one."""
        deadline = time.monotonic() + WITHIN_S
        while owed := [message for message in messages if message["id"] not in self.outcomes]:
            assert time.monotonic() < deadline, f"{len(owed)} of {len(messages)} without a receipt"
            self.send(*owed)
            self.wait_a_moment_for(lambda: all(message["id"] in self.outcomes for message in owed))

    def wait_a_moment_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 2
        self.wait_for(lambda: condition() or time.monotonic() > until)

    def _take(self, news: SessionEvent) -> None:
        if isinstance(news, MessageReceived):
            answer = parse_answer(news.payload)
            if isinstance(answer, EarlyAnswer):
                self.expected = answer.expected
            elif isinstance(answer, UntrustedAnswer):
                self.distrusted.append(answer.reason)
            else:
                self.outcomes[answer.event_id].append(answer.outcome)


@pytest.fixture(params=sized(test=KINDS[:1], nightly=KINDS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from database(request, tmp_path)


@contextmanager
def looking(url: str) -> Iterator[Store]:
    with closing(Store.open(url, create=False)) as store:
        yield store


def count(url: str) -> TableCounts:
    with looking(url) as store:
        return store.count()


def test_entries_become_rows_and_the_device_gets_receipts(broker: Mosquitto, url: str, tmp_path: Path) -> None:
    sent = [recorded(1), recorded(2, quantity=0), amended(3, 1, quantity=15), cancelled(4, 3), recorded(5), recorded(5)]
    with (
        RunningInventory(broker.port, tmp_path, url),
        Device(broker) as device,
        Device(broker, device="dock-4") as other,
    ):
        device.send(*sent)
        other.send(recorded(1), recorded(2, at=("north", "dock-4")))
        device.wait_for(lambda: sum(map(len, device.outcomes.values())) == len(sent))
        other.wait_for(lambda: sum(map(len, other.outcomes.values())) == 2)

    assert device.outcomes == {
        identity(1, 1): ["applied"],
        identity(1, 2): ["refused"],
        identity(1, 3): ["applied"],
        identity(1, 4): ["applied"],
        identity(1, 5): ["applied", "duplicate"],
    }
    assert other.outcomes == {identity(1, 1): ["refused"], identity(1, 2, "dock-4"): ["applied"]}
    assert count(url) == TableCounts(rows=2, amended=1, cancelled=1, events=5, repeated=0, refused=2, rejected=0)


def test_a_message_that_is_no_event_is_kept_and_holds_nothing_up(broker: Mosquitto, url: str, tmp_path: Path) -> None:
    with RunningInventory(broker.port, tmp_path, url) as inventory, Device(broker) as device:
        device.send(b"hello", recorded(1))
        device.wait_for(lambda: device.outcomes == {identity(1, 1): ["applied"]})
        assert inventory.stop() == 0
    assert (count(url).rejected, count(url).rows) == (1, 1)
    assert "kept aside from dockvoice/north/dock-3/entries" in inventory.log.read_text()


def test_killed_again_and_again_every_event_is_applied_once(broker: Mosquitto, url: str, tmp_path: Path) -> None:
    chance = random.Random(2026)
    sent = [recorded(number) for number in range(1, 181)]
    with RunningInventory(broker.port, tmp_path, url) as inventory, Device(broker) as device:
        for begin in range(0, 180, 60):
            device.send(*sent[begin : begin + 60])
            device.wait_for(partial(device.has_receipts_for, begin + chance.randrange(60)))
            inventory.kill()
            inventory.start(wait=False)
        device.settle(sent)
        inventory.hear("READY=1")  # all may have been answered before the last kill, and it only be starting
        assert inventory.stop() == 0

    with looking(url) as store:
        assert sorted(row.sequence for row in store.rows()) == list(range(1, 181))
    applied = [outcomes.count("applied") for outcomes in device.outcomes.values()]
    assert max(applied) == 1


def test_while_the_database_is_away_nothing_is_answered_and_afterwards_all_is(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with (
        PostgreSQL() as database,
        RunningInventory(broker.port, tmp_path, database.url) as inventory,
        Device(broker) as device,
    ):
        device.send(recorded(1))
        device.wait_for(lambda: len(device.outcomes) == 1)
        database.stop()
        device.send(recorded(2), recorded(3))
        device.wait_for(lambda: "kept for later" in inventory.log.read_text())
        assert len(device.outcomes) == 1
        database.start()
        device.wait_for(lambda: len(device.outcomes) == 3)
        assert inventory.stop() == 0
        assert device.outcomes == {identity(1, number): ["applied"] for number in (1, 2, 3)}
        assert count(database.url).rows == 3
    assert inventory.log.read_text().count("connected to the broker") == 1, "the session stayed up"


def test_a_broker_that_comes_late_is_waited_for_and_systemd_is_told_of_life_and_stop(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    broker = Mosquitto(tmp_path / "broker", free_port())
    with RunningInventory(broker.port, tmp_path, wait=False, environment=WATCHED) as inventory:
        inventory.hear("WATCHDOG=1")
        with broker:
            inventory.hear("READY=1")
            assert inventory.stop() == 0
            inventory.hear("STOPPING=1")


def test_two_consumers_under_two_names_apply_each_event_once(broker: Mosquitto, url: str, tmp_path: Path) -> None:
    sent = [recorded(number) for number in range(1, 101)]
    second = RunningInventory(broker.port, tmp_path / "b", url, environment={"DOCKVOICE_INVENTORY_CLIENT_ID": "second"})
    with RunningInventory(broker.port, tmp_path / "a", url), second, Device(broker) as device:
        device.send(*sent)
        device.wait_for(lambda: sum(map(len, device.outcomes.values())) == 200)
    assert all(sorted(outcomes) == ["applied", "duplicate"] for outcomes in device.outcomes.values())
    assert count(url).rows == 100


UNSUPPORTED = bytes.fromhex("20 02 00 01")  # CONNACK of MQTT 3.1.1: unacceptable protocol version.


def test_consumers_that_share_ask_for_no_older_mqtt(tmp_path: Path, free_port: Callable[[], int]) -> None:
    # RabbitMQ 3.10 and NATS take a shared subscription for one to a topic of that name, to which nobody publishes.
    port, levels = free_port(), list[int]()
    share = {"DOCKVOICE_INVENTORY_CONSUMER__SHARE": "office"}
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(WITHIN_S)
        with RunningInventory(port, tmp_path / "inventory", wait=False, environment=share):
            for _ in range(3):
                with server.accept()[0] as connection:
                    _, _, level = connection.recv(1024).partition(b"MQTT")
                    levels.append(level[0])
                    connection.sendall(UNSUPPORTED)
    assert levels == [5, 5, 5]
