"""Alone: of all processes that would work on one connector's ledger, one does. Two would look, and post, at once.

The hold ends with the process, however it ends: it is a lock of the database's, or of the file system's beside an
SQLite file.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from zlib import crc32

from sqlalchemy import Connection, Engine, text

from dockvoice_protocol.config import create_file
from dockvoice_protocol.errors import AlreadyRunning, Unavailable, plainly
from inventory.store.database import reported, shown

CONNECTORS = 0x646F636C
"""The first half of the advisory locks on PostgreSQL ("docl" in ASCII); the second is the name's checksum."""


class Hold:
    """That nobody else works on it."""

    def __init__(self, told: str, connection: Connection | None) -> None:
        self._told = told
        self._connection = connection

    def demand(self) -> None:
        """Raise Unavailable where it was lost: the session that held it is gone."""
        if self._connection is None:
            return
        with reported(self._connection.engine.url):
            self._connection.execute(text("SELECT 1"))
        if self._connection.invalidated:
            raise Unavailable(f"{self._told}: the database let go of this session; begin again")


@contextmanager
def alone(engine: Engine, name: str) -> Iterator[Hold]:
    """Work on a connector alone. Raises AlreadyRunning, Unavailable."""
    told = f"connector {name}"
    busy = AlreadyRunning(f"{told}: another process works on it, with the tables in {shown(engine.url)}; stop that one")
    if engine.dialect.name == "sqlite":
        with _beside(Path(f"{engine.url.database}.{name}.lock")) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            yield Hold(told, None)
        return
    with reported(engine.url):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with reported(engine.url):
            key = {"of": CONNECTORS, "name": crc32(name.encode()) - 2**31}
            held = connection.execute(text("SELECT pg_try_advisory_lock(:of, :name)"), key).scalar_one()
        if not held:
            raise busy
        yield Hold(told, connection)
    finally:
        connection.invalidate()  # or the pool would keep the session, and the lock with it
        connection.close()


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    try:
        with suppress(FileExistsError):
            create_file(path, mode=0o666)
        file = path.open("ab")
    except OSError as fault:
        raise Unavailable(f"{path}: {plainly(fault)}; let this user write there") from None
    with file:
        yield file
