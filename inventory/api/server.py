"""The server: the API on its database, until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn

from inventory.api import tables
from inventory.api.app import create
from inventory.forms import load_forms
from inventory.settings import InventorySettings
from inventory.store.books import Books
from inventory.store.keys import KeyDirectory
from inventory.web.resources import Resources, books, signer_of
from inventory.web.serving import LOOPBACK, run, served_as

log = logging.getLogger("api")


def serve(settings: InventorySettings, port: int | None = None) -> None:
    """Answer until SIGTERM or SIGINT. Raises Misconfigured, Unavailable or StorageFailed where it cannot begin."""
    settings.demand_owner()
    ours, signer = settings.api, signer_of(settings)
    at = port or ours.port
    if signer is None:
        log.warning("console.key is not set: nothing can be written here; name a private key")
    if ours.host not in LOOPBACK and not (ours.address or "").startswith("https:"):
        log.warning("api.host is %s without https: tokens can be read on the way; use a proxy", ours.host)
    with with_tokens(settings) as opened:
        place = Resources(
            settings, opened, load_forms(settings.forms), KeyDirectory(settings.keys), signer, lambda: datetime.now(UTC)
        )
        log.info("ask %s/v1/openapi.json", ours.address or f"http://{ours.host}:{at}")
        run(uvicorn.Server(served_as(create(place), ours.host, at)))
        log.info("stopped")


@contextmanager
def with_tokens(settings: InventorySettings) -> Iterator[Books]:
    """The database, with the tables of the inventory, the console and the API."""
    with books(settings) as opened:
        tables.prepare(opened.engine)
        yield opened
