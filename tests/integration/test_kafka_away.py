"""Kafka is killed under load and begun again, also while a group shares its work out anew and MQTT is away.

Its records are in an object store and outlive it, as those of a Kafka do that has replicas.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Unavailable
from tests.counting.bridge import Bridge
from tests.counting.consumers import BROKER
from tests.counting.group import APPLIED, PARTITIONS, SESSION_S, TOPIC, group_member
from tests.counting.ledger import SITE, Fleet, Wire, compare, doubled
from tests.servers.inventory import RunningInventory
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.object_store import ObjectStore
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.servers.tcp_proxy import TcpProxy
from tests.tiers import SEED, sized
from tests.waiting import PATIENCE_S

STAGED: dict[str, Any] = sized(
    test={"events": 300, "devices": 8, "within": 50, "seed": 3, "rounds": 1, "patience_s": 400},
    nightly={"events": 3000, "devices": 50, "within": 200, "seed": SEED, "rounds": 6, "patience_s": 3000},
)
AHEAD = 40  # Events without an answer at most.

OUTAGES = 3  # The kinds of them.

AWAY_S = 4.0  # So long a server is gone: the others notice, and try again.


class Outages:
    """What is taken from two running consumers, one after the other, and given back."""

    def __init__(self, kafka: Kafka, mqtt: TcpProxy, consumers: list[RunningInventory]) -> None:
        self._kafka, self._mqtt, self._consumers = kafka, mqtt, consumers
        self._over = threading.Event()
        self.begun: list[str] = []

    def run(self, rounds: int) -> None:
        """All of them, so many times."""
        for number in range(rounds):
            for outage in (self.kafka, self.mqtt_while_shared_out_anew, self.kafka_and_mqtt_while_shared_out_anew):
                if self._over.wait(AWAY_S):
                    return
                self.begun.append(outage.__name__)
                outage(self._consumers[number % len(self._consumers)])

    def stop(self) -> None:
        """No more than the one that is going on."""
        self._over.set()

    def kafka(self, _: RunningInventory) -> None:
        self._kafka.kill()
        time.sleep(AWAY_S)
        self._kafka.start()

    def mqtt_while_shared_out_anew(self, victim: RunningInventory) -> None:
        victim.kill()
        self._mqtt.down()
        time.sleep(SESSION_S + AWAY_S)  # its partitions go to the other one, which has no way for receipts
        self._mqtt.up()
        self._comes_up(victim)

    def kafka_and_mqtt_while_shared_out_anew(self, victim: RunningInventory) -> None:
        victim.kill()
        self._mqtt.down()
        time.sleep(SESSION_S / 2)
        self._kafka.kill()
        time.sleep(AWAY_S)
        self._kafka.start()
        time.sleep(AWAY_S)
        self._mqtt.up()
        self._comes_up(victim)

    def _comes_up(self, victim: RunningInventory) -> None:
        victim.start(wait=False)
        while not victim.comes_up(PATIENCE_S):
            victim.start(wait=False)


@pytest.mark.timeout(4 * 3600)
def test_what_is_said_while_kafka_comes_and_goes_is_applied_once(tmp_path: Path, postgresql: PostgreSQL) -> None:
    fleet = Fleet(STAGED["seed"], STAGED["devices"])
    ledger = fleet.say(STAGED["events"])
    copies = doubled(ledger, random.Random(STAGED["seed"]), STAGED["within"])
    with ExitStack() as held:
        url = held.enter_context(postgresql.database())
        broker = held.enter_context(Mosquitto(tmp_path / "broker", held.enter_context(held_port()), options=BROKER))
        store = held.enter_context(ObjectStore(tmp_path / "store"))
        kafka = held.enter_context(Kafka(tmp_path, held.enter_context(held_port()), store))
        kafka.create(TOPIC, PARTITIONS)
        kafka.create(APPLIED, PARTITIONS)
        held.enter_context(Bridge(broker.port, kafka.servers, TOPIC))
        mqtt = held.enter_context(TcpProxy(broker.port))
        keys = fleet.enrol(tmp_path / "keys")
        running = [
            held.enter_context(RunningInventory(mqtt.port, tmp_path / name, url, environment=told))
            for name in ("inventory-1", "inventory-2")
            for told in (group_member(name, keys, kafka.servers),)
        ]
        wire = held.enter_context(Wire(broker.port))
        outages = Outages(kafka, mqtt, running)
        work = held.enter_context(ThreadPoolExecutor(1))
        taking = work.submit(outages.run, STAGED["rounds"])
        held.callback(outages.stop)

        def check() -> None:
            if taking.done():
                taking.result()

        expected: int = OUTAGES * STAGED["rounds"]

        def share() -> float:
            """A part is said before the first outage, and one in each."""
            return (len(outages.begun) + 1) / (expected + 1)

        began = time.monotonic()
        wire.settle(ledger, copies, STAGED["patience_s"], ahead=AHEAD, going_on=check, share=share)
        print(f"{time.monotonic() - began:.0f} s, {outages.begun}, {dict(wire.outcomes)}")
        taking.result()
        assert compare(ledger, url)["events"] == STAGED["events"]
        assert len(outages.begun) == expected
        codes = [one.stop() for one in running]
        assert codes == [0, 0]
        assert {one.id for one in ledger.events} >= {record for _, record in kafka.records(APPLIED)}
        assert {key for key, _ in kafka.records(APPLIED)} == {f"{SITE}/{one.device}" for one in ledger.events}


def ends(running: RunningInventory) -> int:
    """Its exit code, once it has ended by itself."""
    assert not running.comes_up(PATIENCE_S)
    return running.stop()


@pytest.mark.parametrize("lacking", ["kafka", "topic", "applied"])
def test_what_is_lacking_at_the_start_ends_it_with_the_key(
    tmp_path: Path, free_port: Callable[[], int], lacking: str
) -> None:
    with ExitStack() as held:
        servers, told = "127.0.0.1:1", "127.0.0.1:1 does not answer: kafka.servers: "
        if lacking != "kafka":
            kafka = held.enter_context(Kafka(tmp_path, free_port()))
            servers, topics = kafka.servers, {"topic": TOPIC, "applied": APPLIED}
            told = f"kafka.{lacking}: {topics.pop(lacking)} at {servers}: "
            for topic in topics.values():
                kafka.create(topic, 1)
        member = group_member("inventory-1", tmp_path / "keys", servers)
        running = held.enter_context(RunningInventory(1, tmp_path / "1", wait=False, environment=member))
        assert ends(running) == Unavailable.exit_code
        assert told in running.log.read_text()
        assert ("; create it" in running.log.read_text()) == (lacking != "kafka")


def test_one_that_is_stopped_while_kafka_is_away_ends_in_peace(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with ExitStack() as held:
        kafka = held.enter_context(Kafka(tmp_path, free_port()))
        kafka.create(TOPIC, PARTITIONS)
        kafka.create(APPLIED, PARTITIONS)
        broker = held.enter_context(Mosquitto(tmp_path / "broker", free_port()))
        member = group_member("inventory-1", tmp_path / "keys", kafka.servers)
        running = held.enter_context(RunningInventory(broker.port, tmp_path / "1", environment=member))
        kafka.kill()
        time.sleep(AWAY_S)
        assert running.stop() == 0
        warned = [line.split(" WARNING ")[1] for line in running.log.read_text().splitlines() if "kafka: " in line]
        assert warned
        assert len(warned) <= 10, warned
