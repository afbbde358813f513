"""Records of a topic that are no entries, and a Kafka that does not take what was applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from dockvoice_protocol.plain_file import shipped_directory
from inventory.forms import load_forms
from inventory.ingest import kafka as product
from inventory.ingest.kafka import KafkaBroker
from inventory.ingest.validation import ValidMessage, validate
from inventory.settings import KafkaSettings
from tests.counting.group import APPLIED, TOPIC, group_member, records_of
from tests.counting.ledger import SITE, Fleet
from tests.servers.inventory import RunningInventory
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.waiting import PATIENCE_S, until

SMALLEST_LIMIT = 1000
"""Bytes: the smallest limit that librdkafka takes. An event has more."""


@dataclass(frozen=True)
class Site:
    """A broker, a Kafka and a topic of one partition, so that records are taken in the order in which they came."""

    kafka: Kafka
    running: RunningInventory
    fleet: Fleet

    def committed(self) -> int:
        return self.kafka.committed(TOPIC, "inventory").get(0, 0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    fleet = Fleet(1, 1)
    with ExitStack() as held:
        kafka = held.enter_context(Kafka(tmp_path, held.enter_context(held_port())))
        kafka.create(TOPIC, 1)
        kafka.create(APPLIED, 1)
        broker = held.enter_context(Mosquitto(tmp_path / "broker", held.enter_context(held_port())))
        member = group_member("inventory-1", fleet.enrol(tmp_path / "keys"), kafka.servers)
        running = held.enter_context(RunningInventory(broker.port, tmp_path / "1", environment=member))
        yield Site(kafka, running, fleet)


def test_records_that_are_no_entries_are_put_aside_with_a_reason_and_committed_past(site: Site) -> None:
    ledger = site.fleet.say(1)
    ((key, entry),) = records_of(ledger)
    wrong: list[tuple[str | None, bytes]] = [
        (None, entry),
        ("", entry),
        (f"other/{SITE}/dock-1/entries", entry),
        (f"dockvoice/{SITE}/dock-2/entries", entry),
        ("dock-1", entry),
        (key, b""),
        (key, b"\xff{"),
    ]
    site.kafka.write(TOPIC, [*wrong, (key, entry)])
    until(lambda: site.committed() == len(wrong) + 1, site.running.log.read_text)
    assert len(site.running.rows()) == 1
    told = [line for line in site.running.log.read_text().splitlines() if "kept aside from" in line]
    assert len(told) == len(wrong)
    for number, line in enumerate(told[:2]):
        assert f"kept aside from kafka {TOPIC} 0 {number}: " in line
    assert all(line.partition("kept aside from ")[2].partition(": ")[2] for line in told), told


def test_an_applied_event_that_is_too_large_ends_it_and_nothing_behind_it_is_committed(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tansu takes records of any size, and for any topic: here the client refuses, with the reason that Kafka gives."""
    monkeypatch.setattr(product, "_LARGEST", SMALLEST_LIMIT)
    site.running.stop()
    ledger = site.fleet.say(1)
    forms = load_forms(shipped_directory("schemas") / "forms")
    came: SimpleQueue[SessionEvent] = SimpleQueue()
    mqtt = Mqtt(host="127.0.0.1", port=site.running.broker_port)
    settings = KafkaSettings(servers=site.kafka.servers, topic=TOPIC, group="other", applied=APPLIED)
    broker = KafkaBroker(settings, 10, came.put, lambda receive: Session(mqtt, client_id="other", receive=receive))
    broker.start()
    try:
        site.kafka.write(TOPIC, records_of(ledger))
        while not isinstance(record := came.get(timeout=PATIENCE_S), MessageReceived):
            pass
        assert len(record.payload) > SMALLEST_LIMIT
        judged = validate(record.payload, record.topic, "dockvoice", forms)
        assert isinstance(judged, ValidMessage)
        broker.note_applied(judged.event)
        broker.acknowledge(record)
        with pytest.raises(Unavailable, match=rf"kafka\.applied: {APPLIED}: .*size too large"):
            until(lambda: not broker.is_connected, "it goes on")
    finally:
        broker.stop(1)
    assert site.kafka.committed(TOPIC, "other") == {}
