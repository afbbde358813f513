"""The inventory's tables in the simulation: a quick model, and the real ones, which must behave just like it."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, event, insert
from sqlalchemy.pool import StaticPool

from dockvoice_protocol.events import WITHHELD
from dockvoice_protocol.records import FieldValue
from inventory.records import Applied, Duplicate, Early, Event, InvalidEvent, Outcome, Refused
from inventory.repository import Store
from inventory.store.tables import VERSION, metadata, versions

Row = tuple[int, dict[str, FieldValue]]  # A number of the device, and what stands in the inventory under it.


class Tables(Protocol):
    """What the simulation asks of an inventory's database."""

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        """Handle an event, in one transaction."""
        ...

    def rows(self) -> list[Row]:
        """The entries in the order in which they came."""
        ...

    def handled(self) -> int:
        """Up to which number the device's events are handled."""
        ...

    def back_up(self) -> None:
        """Make a copy of everything."""
        ...

    def restore(self) -> None:
        """Go back to that copy."""
        ...


@dataclass
class _Kept:
    """Everything in the tables of the model."""

    handled: int = 0
    events: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Type and body of what was applied, by event id."""
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


class ModelTables:
    """The tables of one device in memory. Events that change others do not occur in the simulation."""

    def __init__(self) -> None:
        self._kept = _Kept()
        self._copy = _Kept()

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        became = self._known(event) or self._new(event)
        if event.sequence == self._kept.handled + 1:
            self._kept.handled += 1
        return became

    def rows(self) -> list[Row]:
        return self._kept.rows

    def handled(self) -> int:
        return self._kept.handled

    def back_up(self) -> None:
        self._copy = copy.deepcopy(self._kept)

    def restore(self) -> None:
        self._kept = copy.deepcopy(self._copy)

    def _known(self, event: Event | InvalidEvent) -> Outcome | None:
        if event.event_id in self._kept.refused:
            return Refused(self._kept.refused[event.event_id])
        if event.event_id not in self._kept.events:
            return None
        kind, body = self._kept.events[event.event_id]
        if body == event.body:
            return Duplicate()
        if isinstance(event, InvalidEvent):
            return Refused(event.reasons)
        if event.type == WITHHELD or json.loads(body) == json.loads(event.body):
            return Duplicate()
        return self._keep(event) if kind == WITHHELD else Refused(("conflicting_event",))

    def _new(self, event: Event | InvalidEvent) -> Outcome:
        if event.sequence <= self._kept.handled:
            return Refused(("sequence_reused",))
        if event.sequence > self._kept.handled + 1:
            return Early(expected=self._kept.handled + 1)
        if isinstance(event, InvalidEvent):
            self._kept.refused[event.event_id] = event.reasons
            return Refused(event.reasons)
        return self._keep(event)

    def _keep(self, event: Event) -> Applied:
        self._kept.events[event.event_id] = (event.type, event.body)
        if event.fields is not None:
            self._kept.rows.append((event.sequence, dict(event.fields)))
        return Applied()


class RealTables:
    """The inventory's own store, on SQLite in memory."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._engine = _engine()
        self._store = Store(self._engine, now)
        self._copy = sqlite3.connect(":memory:")
        self.apply = self._store.apply
        with self._raw() as database:
            _empty().backup(database)
        self.back_up()

    def rows(self) -> list[Row]:
        return [(row.sequence, dict(row.fields)) for row in self._store.rows()]

    def handled(self) -> int:
        return next((progress.handled for progress in self._store.progress()), 0)

    def back_up(self) -> None:
        with self._raw() as database:
            database.backup(self._copy)

    def restore(self) -> None:
        with self._raw() as database:
            self._copy.backup(database)

    def close(self) -> None:
        """The run is over."""
        self._copy.close()
        self._engine.dispose()

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        with closing(self._engine.raw_connection()) as borrowed:
            database = borrowed.driver_connection
            assert isinstance(database, sqlite3.Connection)
            yield database


def _engine() -> Engine:
    """As `inventory.store.database` makes it, but in memory: what a process commits outlives it there too."""
    engine = create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _strict(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _immediate(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@cache
def _empty() -> sqlite3.Connection:
    """Tables with nothing in them, to be copied: making them takes longer than a whole run."""
    engine = _engine()
    metadata.create_all(engine)
    with engine.begin() as transaction:
        transaction.execute(insert(versions).values(version=VERSION))
    made = engine.raw_connection().driver_connection
    assert isinstance(made, sqlite3.Connection)
    return made
