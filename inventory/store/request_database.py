"""Database transactions for the console and the API, and the creation of their own tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import local

from sqlalchemy import Connection, Engine, Table, insert, inspect, select, text

from dockvoice_protocol.errors import Misconfigured
from inventory.store.database import CREATING, format_url, read_only_engine, translated_errors


def take_advisory_lock(transaction: Connection, key: int) -> None:
    """Take the advisory lock of this key until the transaction ends. SQLite allows only one writer anyway."""
    if transaction.dialect.name == "postgresql":
        transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def create_or_check_tables(engine: Engine, versions: Table, version: int, whose: str) -> None:
    """Create the tables of the metadata of `versions`, the table with their version, if missing.

    Raises Misconfigured for tables of another version, Unavailable.
    """
    with translated_errors(engine.url), engine.begin() as transaction:
        take_advisory_lock(transaction, CREATING)
        if not inspect(transaction).has_table(versions.name):
            versions.metadata.create_all(transaction)
            transaction.execute(insert(versions).values(version=version))
        found = transaction.execute(select(versions.c.version)).scalar_one()
        if found != version:
            raise Misconfigured(
                f"{format_url(engine.url)}: the {whose}'s tables are of version {found}, this program's of {version}; "
                "run the dockvoice that made them"
            )


class RequestDatabase:
    """The database for requests of console and API. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        """The tables of `engine` must exist."""
        self.engine = engine
        self._reads = read_only_engine(engine)
        self._mine = local()  # of each thread

    def open(self) -> AbstractContextManager[Connection]:
        """One transaction, all or nothing. Raises Unavailable.

        Must not be nested: SQLite has one connection, so the inner one would wait for the outer one for ever.
        """
        return self._begin_unnested(self.engine)

    def read(self) -> AbstractContextManager[Connection]:
        """A read-only transaction, which blocks no writer. Raises Unavailable."""
        return self._begin_unnested(self._reads)

    @contextmanager
    def _begin_unnested(self, engine: Engine) -> Iterator[Connection]:
        if getattr(self._mine, "is_open", False):
            raise RuntimeError("a transaction within a transaction: hand the outer one on")
        self._mine.is_open = True
        try:
            with translated_errors(engine.url), engine.begin() as transaction:
                yield transaction
        finally:
            self._mine.is_open = False
