"""The SQLite file under the journal: opened safely, checked, and written in whole transactions only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from edge.errors import StorageFailed, UnreadableInput
from edge.keep import schema
from edge.keep.disk import damaged, refusals

_BUSY_MS = 5000
"""How long a write waits for another program's read lock. Only a person with an SQLite shell open can cause that."""


def open_for_writing(path: Path) -> Database:
    """The database at `path`, made if there is none, durable, checked, with the tables this program knows.

    WAL with synchronous=FULL: what is committed survives a power cut, at one fsync per commit
    (https://www.sqlite.org/pragma.html#pragma_synchronous). One connection writes. Raises StorageFailed, Misconfigured.
    """
    with refusals(path):
        # For the owner only, like the recordings; SQLite gives the files beside it the same mode.
        path.touch(mode=0o600)
        db = _connected(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        try:
            if (mode := _pragma(db, "journal_mode=WAL")) != "wal":
                raise StorageFailed(f"{path}: its disk allows no write-ahead log (got {mode}); use a local disk")
            db.execute("PRAGMA synchronous=FULL")
            _check(db, path)
            schema.refuse_newer(db, path)
            with writing(db, path):
                schema.migrations.apply(db)
        except BaseException:
            db.close()
            raise
    return db


def open_for_reading(path: Path) -> Database:
    """The database at `path`, unchanged and unlocked, to be read beside the process that writes it.

    A read-only connection never checkpoints, so it cannot race the writer. Raises UnreadableInput when there is none.
    """
    if not path.is_file():
        raise UnreadableInput(f"{path}: no such journal; name the state_directory of an agent that has run")
    with refusals(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        db = _connected(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False))
        try:
            schema.refuse_newer(db, path)
            if not schema.is_current(db):
                raise UnreadableInput(f"{path}: was written by an older dockvoice; start the agent once to bring it up")
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def writing(db: Database, path: Path) -> Iterator[None]:
    """One transaction, with the write lock from its first statement: afterwards all of it is on the disk, or nothing.

    `Database.atomic` alone begins deferred: a read and then a write in it can fail at once with SQLITE_BUSY_SNAPSHOT.
    """
    with refusals(path):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            db.rollback()
            raise


def _connected(connection: sqlite3.Connection) -> Database:
    # Plugins of sqlite-utils that happen to be installed have no business in the journal.
    db = Database(connection, strict=True, execute_plugins=False)
    db.execute("PRAGMA foreign_keys=ON")
    db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    return db


def _check(db: Database, path: Path) -> None:
    """SQLite's structural check; `quick_check` skips only the comparison of indexes with their tables."""
    if (found := _pragma(db, "quick_check(1)")) != "ok":
        raise damaged(path, str(found).replace("\n", " "))


def _pragma(db: Database, pragma: str) -> object:
    return db.execute(f"PRAGMA {pragma}").fetchone()[0]
