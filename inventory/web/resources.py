"""Resources that all requests of the console or the API share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dockvoice_protocol.hash_chain import Signer
from inventory.audit.audit import load_signer
from inventory.forms import Forms, Roles, load_roles
from inventory.settings import InventorySettings
from inventory.site.catalogue import RosterVersions, SiteCatalogue
from inventory.store import console_tables, database
from inventory.store.keys import KeyDirectory
from inventory.store.request_database import RequestDatabase


@dataclass(frozen=True)
class Resources:
    """Resources of one server, used from several threads."""

    settings: InventorySettings = field(repr=False)
    requests: RequestDatabase = field(repr=False)
    forms: Forms = field(repr=False)
    keys: KeyDirectory
    signer: Signer | None
    now: Callable[[], datetime]

    def transaction(self) -> AbstractContextManager[Connection]:
        """One database transaction. Raises Unavailable."""
        return self.requests.open()

    def read_transaction(self) -> AbstractContextManager[Connection]:
        """One read-only transaction. Raises Unavailable."""
        return self.requests.read()

    def catalogue(self, site: str, transaction: Connection | None = None) -> SiteCatalogue:
        """The master data of a site, used within this transaction, or each call in its own."""
        return SiteCatalogue(site, self._opens(transaction), self.now, self.settings.forms)

    def roster(self, site: str, transaction: Connection | None = None) -> SiteCatalogue:
        """The versions of a site's roster, used within this transaction, or each call in its own."""
        return RosterVersions(site, self._opens(transaction), self.now, self.forms)

    def _opens(self, transaction: Connection | None) -> Callable[[], AbstractContextManager[Connection]]:
        return self.transaction if transaction is None else lambda: nullcontext(transaction)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.settings.console.zone)

    @cached_property  # used for every line of a list
    def roles(self) -> Roles:
        """What each form's fields stand for (their roles), and their labels."""
        return load_roles(self.forms, self.settings.dossier.receipts, self.settings.dossier.damages)


@contextmanager
def open_database_creating_tables(settings: InventorySettings) -> Iterator[RequestDatabase]:
    """Open the database, creating or migrating all tables. Raises as `create_migrate_or_check` does."""
    engine = database.connect(database.parse_url(settings.database_url))
    try:
        database.create_migrate_or_check(engine, create=True)
        console_tables.create_or_check_tables_of_console(engine)
        yield RequestDatabase(engine)
    finally:
        engine.dispose()


def load_console_signer(settings: InventorySettings) -> Signer | None:
    """The signer of decisions; None without console.key. Raises UnreadableInput."""
    return None if settings.console.key is None else load_signer(settings.console.key)
