"""What every request is answered with, whether a browser or a program asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dockvoice_protocol.hash_chain import Signer
from inventory.audit.audit import signer_in
from inventory.forms import Forms, Roles, roles
from inventory.settings import InventorySettings
from inventory.site.catalogue import SiteCatalogue
from inventory.store import console_tables, database
from inventory.store.books import Books
from inventory.store.keys import KeyDirectory


@dataclass(frozen=True)
class Resources:
    """Made once, for a server. Used from several threads."""

    settings: InventorySettings = field(repr=False)
    books: Books = field(repr=False)
    forms: Forms = field(repr=False)
    keys: KeyDirectory
    signer: Signer | None
    now: Callable[[], datetime]

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """One transaction on the database. Raises Unavailable."""
        with self.books.open() as transaction:
            yield transaction

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """One transaction that only reads. Raises Unavailable."""
        with self.books.look() as transaction:
            yield transaction

    def catalogue(self, site: str, transaction: Connection | None = None) -> SiteCatalogue:
        """The master data of a site: all that is done with it in this transaction, or each deed in its own."""
        opens = self.open if transaction is None else lambda: nullcontext(transaction)
        return SiteCatalogue(site, opens, self.now, self.settings.forms)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.settings.console.zone)

    @cached_property  # for every line of a list
    def roles(self) -> Roles:
        """What each form is for, and what people call its fields."""
        return roles(self.forms, self.settings.dossier.receipts, self.settings.dossier.damages)


@contextmanager
def books(settings: InventorySettings) -> Iterator[Books]:
    """The database, with the inventory's tables and the console's."""
    engine = database.connect(database.parse(settings.database_url))
    try:
        database.prepare(engine, create=True)
        console_tables.prepare(engine)
        yield Books(engine)
    finally:
        engine.dispose()


def signer_of(settings: InventorySettings) -> Signer | None:
    """Who signs decisions. Raises UnreadableInput for a key that is none."""
    return None if settings.console.key is None else signer_in(settings.console.key)
