"""The SQLite file under the journal: opened safely, checked, and written in whole transactions only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database

from edge.errors import StorageFailed, UnreadableInput
from edge.keep import backup, schema
from edge.keep.disk import Damaged, damaged, refusals, sync_directory

JOURNAL = "journal.db"
"""The journal's file in the state directory."""

FOUND_DAMAGED = "journal.damaged"
"""Is there when damage was found in a journal at work: the next opening must not trust it."""

_BUSY_MS = 5000
"""How long a write waits for another program's read lock. Only a person with an SQLite shell open can cause that."""

CHECKED_AT_ONCE = 256_000_000
"""Up to so many bytes a journal is checked before it is used: a second or two on a slow card. A larger one holds up
the start no longer, and is checked while the agent works (`check`)."""


def open_for_writing(path: Path) -> Database:
    """The database at `path`, made if there is none, durable, checked, with the tables this program knows.

    WAL with synchronous=FULL: what is committed survives a power cut, at one fsync per commit
    (https://www.sqlite.org/pragma.html#pragma_synchronous). One connection writes. Older tables are copied before they
    are changed. Raises Damaged, other StorageFailed, Misconfigured.
    """
    with refusals(path):
        # For the owner only, like the recordings; SQLite gives the files beside it the same mode.
        path.touch(mode=0o600)
        db = _connected(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        try:
            if (mode := _pragma(db, "journal_mode=WAL")) != "wal":
                raise StorageFailed(f"{path}: its disk allows no write-ahead log (got {mode}); use a local disk")
            db.execute("PRAGMA synchronous=FULL")
            if path.stat().st_size <= CHECKED_AT_ONCE:
                check(db, path)
            schema.refuse_newer(db, path)
            _migrate(db, path)
            # All that the log (WAL) holds is written once more: after a sync that failed, what is read back of it need
            # not be on the disk (https://lwn.net/Articles/752063/).
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
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
            if schema.pending(db):
                raise UnreadableInput(f"{path}: was written by an older dockvoice; start the agent once to bring it up")
        except BaseException:
            db.close()
            raise
    return db


def check(db: Database, path: Path) -> None:
    """SQLite's structural check, which skips only the comparison of indexes with their tables. Raises Damaged."""
    with refusals(path):
        found = str(_pragma(db, "quick_check(1)"))
    if found != "ok":
        raise damaged(path, found.replace("\n", " "))


def check_at_work(path: Path) -> None:
    """Check the journal at `path` beside the process that writes it.

    Raises Damaged, once it is seen to that the next opening knows; StorageFailed where it cannot be read.
    """
    try:
        with closing(open_for_reading(path)) as db:
            check(db, path)
    except Damaged:
        with refusals(path):
            path.with_name(FOUND_DAMAGED).touch()
            sync_directory(path.parent)
        raise


def sqlite_version() -> str:
    """The version of SQLite that this program runs on."""
    return sqlite3.sqlite_version


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


def _migrate(db: Database, path: Path) -> None:
    if not (changes := schema.pending(db)):
        return
    if schema.has_tables(db):
        backup.copy_before(changes[0], db, path)
    with writing(db, path):
        schema.migrations.apply(db)


def _pragma(db: Database, pragma: str) -> object:
    return db.execute(f"PRAGMA {pragma}").fetchone()[0]
