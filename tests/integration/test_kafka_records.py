"""Records of a topic that are no entries, and what was applied and is not written to Kafka yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from dockvoice_protocol.plain_file import shipped_directory
from inventory.forms import load_forms
from inventory.ingest import kafka as product
from inventory.ingest.kafka import KafkaBroker
from inventory.ingest.validation import ValidMessage, validate
from inventory.records import Applied
from inventory.repository import Store
from inventory.settings import KafkaSettings
from tests.counting.group import APPLIED, TOPIC, group_member, records_of
from tests.counting.ledger import SITE, Fleet, Ledger
from tests.servers.inventory import RunningInventory
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.tcp_proxy import TcpProxy
from tests.store import KINDS, database
from tests.waiting import until

SMALLEST_LIMIT = 1000  # Bytes: the smallest limit that librdkafka takes. An event has more.

EVENTS = 20

PRODUCE = b"\x00\x00"
"""Kafka's number of the request that writes records; it stands behind the request's length, of four bytes."""


@dataclass(frozen=True)
class Site:
    """A broker, a Kafka and a topic of one partition, so that records are taken in the order in which they came."""

    kafka: Kafka
    link: TcpProxy  # The inventory's to Kafka.
    running: RunningInventory
    fleet: Fleet
    url: str

    def committed(self) -> int:
        return self.kafka.committed(TOPIC, "inventory").get(0, 0)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from database(request, tmp_path)


@pytest.fixture
def site(tmp_path: Path, url: str) -> Iterator[Site]:
    fleet = Fleet(1, 1)
    with ExitStack() as held:
        kafka = Kafka(tmp_path, held.enter_context(held_port()))
        held.callback(kafka.kill)
        link = held.enter_context(TcpProxy(kafka.port, port=held.enter_context(held_port())))
        kafka.start(advertised=link.port)
        kafka.create(TOPIC, 1)
        kafka.create(APPLIED, 1)
        broker = held.enter_context(Mosquitto(tmp_path / "broker", held.enter_context(held_port())))
        member = group_member("inventory-1", fleet.enrol(tmp_path / "keys"), kafka.servers)
        running = held.enter_context(RunningInventory(broker.port, tmp_path / "1", url, environment=member))
        yield Site(kafka, link, running, fleet, url)


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


def test_what_was_applied_and_not_written_when_it_was_killed_is_written_in_order_at_the_next_start(site: Site) -> None:
    """All but the first come before their turn: their offsets are committed before they are applied."""
    ledger = site.fleet.say(EVENTS)
    first, *others = records_of(ledger)
    site.kafka.write(TOPIC, others)
    until(lambda: site.committed() == len(others), site.running.log.read_text)
    site.link.swallow(lambda piece: piece[4:6] == PRODUCE and APPLIED.encode() in piece)
    site.kafka.write(TOPIC, [first])
    with closing(Store.open(site.url, create=False)) as store:
        until(lambda: store.count().events == EVENTS and site.link.swallowed > 0, site.running.log.read_text)
        site.running.kill()
        assert site.kafka.records(APPLIED) == []
        site.link.swallow(lambda _: False)
        site.running.start()
        until(lambda: not store.kafka_outbox.length(), site.running.log.read_text)
    assert site.kafka.records(APPLIED) == [(f"{SITE}/{one.device}", one.id) for one in ledger.events]


def test_an_applied_event_that_is_too_large_ends_it_and_is_written_once_it_may(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tansu takes records of any size, and for any topic: here the client refuses, with the reason that Kafka gives."""
    ledger = site.fleet.say(1)
    with applied(site, ledger) as store:
        with monkeypatch.context() as smaller:
            smaller.setattr(product, "_LARGEST", SMALLEST_LIMIT)
            with (
                another_member(site, store) as (broker, _),
                pytest.raises(Unavailable, match=rf"kafka\.applied: {APPLIED}: .*size too large"),
            ):
                until(lambda: broker.is_connected and False, "it goes on")
        assert store.kafka_outbox.length() == 1
        with another_member(site, store):
            until(lambda: not store.kafka_outbox.length(), "it is not written")
    assert [told for _, told in site.kafka.records(APPLIED)] == [ledger.events[0].id]


def test_nothing_more_is_read_while_too_much_is_not_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "_MOST_UNWRITTEN", 0)
    monkeypatch.setattr(product, "_DELIVERED_IN_S", 2.0)
    ledger = site.fleet.say(1)
    site.link.swallow(lambda piece: piece[4:6] == PRODUCE and APPLIED.encode() in piece)
    with applied(site, ledger) as store, another_member(site, store) as (_, came):
        until(lambda: site.link.swallowed > 0, "it does not try to write")
        site.kafka.write(TOPIC, records_of(ledger))
        tries = site.link.swallowed
        until(lambda: site.link.swallowed > tries + 1, "it does not try again")
        assert not any(isinstance(one, MessageReceived) for one in came)
        site.link.swallow(lambda _: False)
        site.link.cut()  # its connection is lost, too
        until(lambda: any(isinstance(one, MessageReceived) for one in came), "it goes on reading nothing")
        assert not store.kafka_outbox.length()


@contextmanager
def applied(site: Site, ledger: Ledger) -> Iterator[Store]:
    """A store that has applied these events, which nothing writes to Kafka."""
    site.running.stop()
    forms = load_forms(shipped_directory("schemas") / "forms")
    with closing(Store.open(site.url, feeds_kafka=True)) as store:
        for topic, payload in records_of(ledger):
            judged = validate(payload, topic, "dockvoice", forms)
            assert isinstance(judged, ValidMessage)
            assert store.apply(judged.event) == Applied()
        yield store


@contextmanager
def another_member(site: Site, store: Store) -> Iterator[tuple[KafkaBroker, list[SessionEvent]]]:
    """A consumer's broker in a group of its own, and what it received."""
    came: list[SessionEvent] = []
    make = partial(Session, Mqtt(host="127.0.0.1", port=site.running.broker_port), client_id="other")
    settings = KafkaSettings(servers=site.kafka.servers, topic=TOPIC, group="other", applied=APPLIED)
    broker = KafkaBroker(settings, 10, came.append, lambda receive: make(receive=receive), store.kafka_outbox)
    broker.start()
    try:
        yield broker, came
    finally:
        broker.stop(1)
