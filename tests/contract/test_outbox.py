"""The inventory's outbox on SQLite and PostgreSQL: what is entered is published, again where it must, and not twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dockvoice_protocol.mqtt import PubackReceived
from inventory.ingest.publisher import Publisher
from inventory.repository import Store
from inventory.store import outbox
from inventory.store.outbox import CONFIRMATION_TIME, HELD_BACK_FOR, STUCK_AFTER, Message, MessageKind
from tests.dictated import KEY

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOPIC = "dockvoice/north/expected/trailer/5501"
LIST = Message(MessageKind.EXPECTED, "north", "", "trailer/5501", TOPIC, b"1", KEY.public, retain=True)
DECISION = Message(MessageKind.DECISION, "north", "dock-3", "review-1", "north/decisions", b"yes", KEY.public)


class Site:
    """A database, a broker, and the service between them."""

    is_connected = True
    trouble: str | None = None

    def __init__(self, store: Store) -> None:
        self.store = store
        self.passed = timedelta()
        self.published: list[tuple[str, bytes, str]] = []
        self.has_room = True
        self.refused: list[str] = []
        self.publisher = self.service()

    def service(self) -> Publisher:
        made = Publisher(self, self.store.outbox, lambda: self.passed / timedelta(seconds=1), lambda *_: None)  # type: ignore[arg-type]
        made.handle_connect()
        return made

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        self.published += [(topic, payload, tag)] if self.has_room else []
        return self.has_room

    def enter(self, *messages: Message, **options: Any) -> list[int]:
        with self.store.transaction() as transaction:
            return outbox.insert_messages(transaction, messages, NOON + self.passed, **options)

    def bodies(self, seconds: float = 1, code: int | None = 0) -> list[bytes]:
        """What is published when so long has passed; the broker answers with this code, or not."""
        self.passed += timedelta(seconds=seconds)
        self.published.clear()
        self.publisher.record_pubacks_and_publish()
        for _, _, tag in () if code is None else tuple(self.published):
            self.publisher.queue_puback(PubackReceived(tag, code or 0))
        self.publisher.record_pubacks_and_publish()
        return [body for _, body, _ in self.published]


@pytest.fixture
def site(url: str) -> Iterator[Site]:
    of: list[Site] = []
    with closing(Store.open(url, now=lambda: NOON + of[0].passed if of else NOON)) as store:
        of.append(Site(store))
        yield of[0]


def test_what_the_broker_has_is_published_once_and_gone(site: Site) -> None:
    site.enter(LIST, DECISION)
    assert site.bodies() == [b"1", b"yes"]
    assert site.bodies(3600) == []
    assert site.store.outbox.count_pending_by_kind() == []


def test_of_one_thing_the_latest_is_published(site: Site) -> None:
    site.enter(LIST)
    site.enter(replace(LIST, body=b"2"))
    assert site.bodies() == [b"2"]


def test_a_later_message_stays_though_the_broker_takes_the_one_before(site: Site) -> None:
    site.enter(LIST)
    assert site.bodies(code=None) == [b"1"]
    taken = site.published[0][2]
    site.enter(replace(LIST, body=b"2"))
    site.publisher.queue_puback(PubackReceived(taken, 0))
    assert site.bodies() == [b"2"]


def test_what_the_broker_refuses_waits_longer_and_longer_and_a_person_sees_it(site: Site) -> None:
    site.enter(LIST)
    assert site.bodies(code=135) == [b"1"]
    assert site.bodies(3, code=135) == []
    assert site.bodies(2, code=135) == [b"1"]
    assert site.bodies(6, code=135) == []
    assert site.bodies(4, code=135) == [b"1"]
    (waits,) = site.store.outbox.count_pending_by_kind()
    assert (waits.kind, waits.number, waits.oldest, waits.attempts) == ("expected_list", 1, NOON, 3)
    assert waits.error == "the broker refuses it: not authorized"
    assert (waits.is_stuck(NOON + STUCK_AFTER), waits.is_stuck(NOON + 2 * STUCK_AFTER)) == (False, True)


def test_a_connection_that_was_lost_and_a_service_that_was_killed_lose_nothing(site: Site) -> None:
    site.enter(LIST, DECISION)
    assert site.bodies(code=None) == [b"1", b"yes"]
    site.publisher.handle_connect()
    assert site.bodies(code=None) == [b"1", b"yes"]
    site.publisher = site.service()
    assert site.bodies() == [b"1", b"yes"]
    assert site.bodies(3600) == []


def test_a_broker_that_hangs_up_over_a_message_is_not_given_it_at_each_connection(site: Site) -> None:
    site.enter(LIST)
    published = 0
    for _ in range(20):
        site.publisher.handle_connect()
        published += len(site.bodies(1, code=None))
    assert published == 4
    site.enter(replace(LIST, body=b"2"))
    assert site.bodies(code=149) == [b"2"]
    site.publisher.handle_connect()
    assert site.bodies(code=149) == []


def test_without_room_at_the_broker_it_goes_later(site: Site) -> None:
    site.enter(LIST)
    site.has_room = False
    assert site.bodies() == []
    site.has_room = True
    assert site.bodies(5) == [b"1"]


def test_what_a_command_publishes_itself_is_left_to_it(site: Site) -> None:
    site.bodies()
    (row,) = site.enter(LIST, held=HELD_BACK_FOR)
    assert site.bodies() == []
    with site.store.transaction() as transaction:
        outbox.record_failure(transaction, [row], "no broker", NOON + site.passed)
    assert site.bodies() == [b"1"]
    site.enter(LIST, held=HELD_BACK_FOR)
    assert site.bodies(HELD_BACK_FOR.total_seconds()) == [b"1"], "the command was killed"


def test_what_a_device_lacks_is_published_again_unless_it_confirms(site: Site) -> None:
    its = (MessageKind.DECISION, "north", "dock-3", "review-1")
    site.enter(DECISION)
    assert site.bodies() == [b"yes"]
    with site.store.transaction() as transaction:
        outbox.schedule_republish(transaction, *its, NOON + site.passed)
    assert site.bodies() == [], "the broker may just be handing it over"
    assert site.bodies(CONFIRMATION_TIME.total_seconds()) == [b"yes"]
    with site.store.transaction() as transaction:
        outbox.schedule_republish(transaction, *its, NOON + site.passed)
        outbox.delete_confirmed(transaction, *its)
    assert site.bodies(3600) == []


def test_what_is_stuck_is_an_alarm_once_until_it_goes(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    def alarms() -> int:
        return sum(one.levelname == "ERROR" for one in caplog.records)

    site.enter(LIST)
    for _ in range(20):
        site.bodies(60, code=135)
    assert alarms() == 1
    assert "expected_list: 1 pending, the oldest since 2026-11-20 12:00:00+00:00" in caplog.text
    assert "not authorized" in caplog.text
    assert site.bodies(600) == [b"1"]
    site.enter(LIST)
    for _ in range(20):
        site.bodies(60, code=135)
    assert alarms() == 2
