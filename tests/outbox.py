"""The inventory's outbox in tests: what is entered, and a broker that takes it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event

from dockvoice_protocol.hash_chain import PublicKey
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.site.catalogue import SiteCatalogue, Version
from inventory.site.sending import send
from inventory.store.outbox import DueRow, Message, MessageKind
from tests.dictated import KEY


def publish(of: SiteCatalogue, *versions: Version, key: PublicKey = KEY.public) -> list[Version]:
    """Enter versions, signed by `key`."""

    def signed(one: Version, _now: datetime) -> Message:
        return Message(MessageKind.CATALOGUE, one.site, "", one.kind, f"topic/{one.kind}", b"{}", key, retain=True)

    return of.publish(versions, signed, timedelta())[0]


def drained(store: Store) -> list[DueRow]:
    """What is due, which the broker takes."""
    rows = store.outbox.take_due()
    store.outbox.taken([row.id for row in rows])
    return rows


@contextmanager
def service(store: Store, settings: InventorySettings) -> Iterator[None]:
    """Publish what is due at a broker, as the inventory that runs does."""
    stopped = Event()

    def work() -> None:
        while not stopped.wait(0.1):
            for row in store.outbox.take_due():
                send(settings, "service", {row.topic: row.body}, retain=row.retain)
                store.outbox.taken([row.id])

    with ThreadPoolExecutor(1) as running:
        ended = running.submit(work)
        try:
            yield
        finally:
            stopped.set()
            ended.result(30)
