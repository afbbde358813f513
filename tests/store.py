"""The inventory's store in tests: databases on SQLite and PostgreSQL, events as its consumer reads them, its outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.records import ExpectedLine, ExpectedList, ReceivingPlace
from inventory.forms import load_forms
from inventory.ingest.validation import ValidMessage, validate
from inventory.records import Event
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.site.catalogue import SiteCatalogue, Version
from inventory.site.expected import mark_received_lines, note_signed, replace_list
from inventory.site.sending import publish_messages
from inventory.store.outbox import DueRow, Message, MessageKind
from tests.dictated import KEY, payload
from tests.servers.postgresql import PostgreSQL

KINDS = ("sqlite", "postgresql")  # What a fixture over `database` has as its params.

Read = Callable[[dict[str, Any]], Event]


def database(request: pytest.FixtureRequest, directory: Path) -> Iterator[str]:
    """The URL of an empty database of the kind that `request` asks for."""
    if request.param == "sqlite":
        yield f"sqlite:///{directory / 'inventory.db'}"
    else:
        cluster: PostgreSQL = request.getfixturevalue("postgresql")
        with cluster.database() as url:
            yield url


def reader(repository: Path) -> Read:
    """What the consumer makes of a message."""
    forms = load_forms(repository / "schemas" / "forms")

    def read(message: dict[str, Any]) -> Event:
        site, device = message["source"].split("/")[2::2]
        judged = validate(payload(message), Topics("dockvoice", site, device).entries, "dockvoice", forms)
        assert isinstance(judged, ValidMessage), judged
        return judged.event

    return read


class Lists:
    """The expected lists of a store, changed as the commands do."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._now = store._now

    def replace(self, site: str, announced: Mapping[ReceivingPlace, Sequence[ExpectedLine]]) -> list[ExpectedList]:
        with self._store.transaction() as transaction:
            given = (self._now(), "expect")
            return [replace_list(transaction, site, place, lines, *given) for place, lines in announced.items()]

    def mark_received_lines(self, pallet_fields: Mapping[str, str]) -> list[ExpectedList]:
        with self._store.transaction() as transaction:
            return mark_received_lines(transaction, pallet_fields, self._now())

    def note_signed(self, one: ExpectedList, body: bytes, key: PublicKey) -> None:
        with self._store.transaction() as transaction:
            note_signed(transaction, one, body, key)


def publish(of: SiteCatalogue, *versions: Version, key: PublicKey = KEY.public) -> list[Version]:
    """Enter versions, signed by `key`."""

    def signed(one: Version, _now: datetime) -> Message:
        return Message(MessageKind.CATALOGUE, one.site, "", one.kind, f"topic/{one.kind}", b"{}", key, retain=True)

    return of.publish(versions, signed, timedelta())[0]


def drained(store: Store) -> list[DueRow]:
    """What is due, which the broker takes."""
    rows = store.outbox.take_due()
    store.outbox.delete_or_await_confirmation([row.id for row in rows])
    return rows


@contextmanager
def service(store: Store, settings: InventorySettings) -> Iterator[None]:
    """Publish what is due at a broker, as the inventory that runs does."""
    stopped = Flag()

    def work() -> None:
        while not stopped.wait(0.1):
            for row in store.outbox.take_due():
                publish_messages(settings, "service", {row.topic: row.body}, retain=row.retain)
                store.outbox.delete_or_await_confirmation([row.id])

    with ThreadPoolExecutor(1) as running:
        ended = running.submit(work)
        try:
            yield
        finally:
            stopped.set()
            ended.result(30)
