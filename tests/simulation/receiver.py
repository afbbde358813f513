"""A simulated inventory: lives of the real consumer on one database."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.events import Topics
from dockvoice_protocol.plain_file import shipped_directory
from inventory.forms import Forms, load_forms
from inventory.ingest.checking import MessageChecker
from inventory.ingest.consumer import Consumer, Inbox, Wake
from inventory.ingest.validation import Validated, validate
from inventory.records import Applied, Event, InvalidEvent, Outcome
from inventory.store.keys import KeyDirectory
from tests.simulation.broker import Broker, Client
from tests.simulation.outbox import Note
from tests.simulation.shelf import Tables
from tests.simulation.virtual import Crash, Fuse, VirtualLoop

REBIRTH_S = 10.0
PREFIX = "dockvoice"


@cache
def forms() -> Forms:
    """The shipped ones."""
    return load_forms(shipped_directory("schemas") / "forms")


@cache
def judged(payload: bytes, topic: str) -> Validated:
    """The verdict on a message depends on nothing else, and the model's events are the same in every run."""
    return validate(payload, topic, PREFIX, forms())


class Shelf:
    """The database as one life of the consumer sees it."""

    def __init__(self, tables: Tables, fuse: Fuse, note: Note) -> None:
        self.away = False
        self.applied: list[int] = []  # The numbers of what was applied, in order.
        self._tables = tables
        self._fuse = fuse
        self._note = note

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        """Handle an event."""
        self.ping()
        self._fuse.burn()
        became = self._tables.apply(event)
        self._note(type(became).__name__, event.sequence)
        if isinstance(became, Applied):
            self.applied.append(event.sequence)
        self._fuse.burn()
        return became

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        """No such message is sent."""
        raise AssertionError(f"{topic}: {reason}")

    def ping(self) -> None:
        """Raises Unavailable while the database is away."""
        if self.away:
            raise Unavailable("the database is away")


class Receiver:
    """The inventory of one run."""

    def __init__(
        self,
        loop: VirtualLoop,
        chance: random.Random,
        broker: Broker,
        tables: Tables,
        note: Note,
        now: Callable[[], datetime],
    ) -> None:
        self.tables = tables
        self._loop = loop
        self._chance = chance
        self._broker = broker
        self.fuse = Fuse(chance)
        self.shelf = Shelf(tables, self.fuse, note)
        self._now = now
        self._alive = False

    def start(self) -> None:
        """A life begins."""
        self.fuse.set(self._broker.weather.crash)
        self._inbox: Inbox = Inbox()
        self._client = Client(
            self._broker,
            self.fuse,
            self._heard,
            client_id="inventory",
            subscriptions=(Topics.all_devices_filters(PREFIX).entries,),
            manual_ack=True,
        )
        self._consumer = Consumer(
            self._client,
            self.shelf,
            forms(),
            self._inbox,
            prefix=PREFIX,
            keys=KeyDirectory(Path("none")),
            clock=self._loop.time,
            now=self._now,
        )
        # No devices but the simulated ones are there, and what signing takes would be most of a run's time.
        self._consumer._checker = MessageChecker(
            lambda message: judged(message.payload, message.topic), lambda *_: None, self._loop.time
        )
        self._alive = True
        self._turn_is_due = False
        self._client.start()

    def restore(self) -> None:
        """Somebody puts a backup in the place of the database, with the consumer stopped."""
        if self._alive:
            self._die()
        self.tables.restore()
        handled = self.tables.handled()
        self.shelf.applied = [number for number in self.shelf.applied if number <= handled]

    def _heard(self, news: object) -> None:
        self._inbox.put(news)  # type: ignore[arg-type] # a SessionEvent
        self._turn_within(0)

    def _turn_within(self, seconds: float) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            consumer = self._consumer
            self._loop.call_later(seconds, lambda: self._turn() if consumer is self._consumer else None)

    def _turn(self) -> None:
        """One turn of the consumer's loop, which need not wait for news here."""
        self._turn_is_due = False
        if not self._alive:
            return
        self._inbox.put(Wake())
        try:
            self._consumer._receive_queued()
            self._consumer._send_and_settle()
        except Crash:
            self._die()
            return
        if self._consumer._waiting or self._consumer._unsent:
            self._turn_within(self._consumer._wait_s())

    def _die(self) -> None:
        self._alive = False
        self._client.die()
        self._broker.forget(self._client)
        self._loop.call_later(self._chance.random() * REBIRTH_S, self.start)
