"""The SQLite file under the journal: its tables; opened safely, checked, and written in whole transactions only.

utterances  what was heard, written before anything reads it; `outcome` is NULL until a verdict falls. `review` says why
            a person must look at it first, `flag` why at its entry, which stands. `draft` is what was being
            agreed when it was put aside. `evidence`: its recording is needed,
            is spare, or was removed. A second thing of an utterance has a row and a recording too, with the same
            `source`, `speech_start` and `heard_at` (`edge/keep/copies.py`). `dated_at`: from when its age counts;
            `unknown`, which sorts behind every date, while no clock that can be believed has seen it
removals    the device's signed word that it removed a recording: there before the file goes, `unlinked` once it is gone
entries     what operators meant: one row per accepted utterance, never changed. An entry that amends or cancels names
            the event that it replaces; `support` lists the further utterances that it rests on
rests_on    which entries name an utterance in their `support`: many may rest on what was said once for all
audit       the chain over the entries' events (see `edge/hash_chain.py`), never changed
outbox      each entry's event as published, and what became of it; owed until `settled_at`. Of a dead letter the
            `tombstone` is published in the place of its `body`. What was turned down or is a dead letter waits for a
            person, its recording with it; `reentered` names the event under which its entry was entered once more
conversation  its one row is the draft that is being agreed with the operator, who is signed on, the context that was
            said once for all entries, and his `work`: the form and the language that were changed to
decisions   what a person decided about dead letters, flags and utterances under review, and why
answers     what models gave for utterances: what it cost and, where it came after the verdict, the reading
reviews     each change of what waits for a person, as it was sent to the inventory; owed until `settled_at`
reviews_removed   of those that were erased or removed the number and the link, signed
orders      the signed decisions of the inventory's side, by their signatures; `body` stays until it is carried out
expected    the latest list of what is expected at each trailer and door, as the inventory signed it
roster      who may sign on at the site, likewise
catalogue   the site's master data, by kind, likewise
shifts      who signed on and off, and which breaks were taken; goes with what has outlived `keep.retention_days`
clip_requests   who asked to hear which recording, as he signed it: the operator may ask who listened to him
clips       the recordings to be sent to the inventory; pending until `closed` has the result
orders_not_done   how many of them were not done, by the reason
tally       how many there are of what, kept by triggers: counting a million rows would hold up a commit

All tables are STRICT: a number cannot slip in where an identifier belongs. JSON is kept as text, so that "007" stays
"007". Times are ISO 8601 in UTC. A table is changed by adding a file to `migrations/`, never by editing one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unfinished, UnreadableInput
from dockvoice_protocol.plain_file import sync_directory
from edge.keep.storage import Damaged, damaged_error, translated_errors

if TYPE_CHECKING:
    # Imported where tables are changed: with numpy, which it looks for, it takes longer than to list the queue.
    from sqlite_utils import Database, Migrations

Row = dict[str, Any]  # A row of a table, by column.
JOURNAL = "journal.db"  # The journal's file in the state directory.

DAMAGE_MARKER = "journal.damaged"
"""Marker file: damage was found while the journal was in use, and the next opening must not trust it."""

_BUSY_MS = 1000
"""Timeout of a write for another program's lock before it is reported; an agent then keeps retrying. Only an SQLite
shell can hold one."""

CHECK_AT_OPEN_BYTES = 256_000_000
"""A journal up to this size is checked before it is used: a second or two on a slow card. A larger one is checked
while the agent works (`check`)."""

_SET = "journal"  # Under this name sqlite-utils notes in a journal which changes it has.

_FILES = tuple(sorted((Path(__file__).parent / "migrations").glob("*.sql")))
_CHANGES = {file.stem.partition("_")[2]: file for file in _FILES}
"""What each change does, in the order in which they came: a file of SQL, never edited once it is released."""


class Outdated(UnreadableInput):
    """The journal needs the migrations of the agent's next start; nothing is wrong with it."""


class JournalDatabase:
    """A connection to the journal's database: it reads rows, and writes in transactions."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        """`path` is the file of `db`, for error messages."""
        self.path = path
        self._db = db
        self._file = path.stat()

    @property
    def opened_size(self) -> int:
        """The file's size when it was opened."""
        return self._file.st_size

    def demand_in_place(self) -> None:
        """Raise StorageFailed where the path leads to another file now, or to none.

        What is written to the open file would be lost.
        """
        try:
            there = self.path.stat()
        except OSError:
            there = None
        if there is None or not os.path.samestat(there, self._file):
            raise StorageFailed(
                f"{self.path}: was removed, moved or replaced while it was in use; put back the directory that was "
                "there, with all that is in it, or move what is left aside and keep it, and begin anew under a new name"
            )

    def rows(self, sql: str, *values: str | int) -> list[Row]:
        """The rows of a query. Raises StorageFailed."""
        with translated_errors(self.path):
            cursor = self._db.execute(sql, values)
            columns = [column for column, *_ in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor]

    def execute(self, sql: str, values: Sequence[object] | dict[str, object] = ()) -> sqlite3.Cursor:
        """Run one statement. Changes belong inside `writing`, which translates disk errors."""
        return self._db.execute(sql, values)

    def write(self, sql: str, values: Sequence[object] | dict[str, object] = ()) -> int:
        """Run one statement in a transaction of its own, or in the one that is open; the number of changed rows."""
        with self.writing():
            return self._db.execute(sql, values).rowcount

    def insert(self, table: str, row: Mapping[str, object], on_conflict: str = "") -> None:
        """Insert a row, with an ON CONFLICT clause of SQLite."""
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({values}) {on_conflict}"  # noqa: S608 - names of our own tables
        self._db.execute(sql, list(row.values()))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, with the write lock from its first statement: all of it is committed, or nothing.

        A deferred one can fail with SQLITE_BUSY_SNAPSHOT where it reads and then writes. A nested one joins the outer
        one.
        """
        if self._db.in_transaction:
            yield
            return
        with translated_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.demand_in_place()
                self._db.execute("COMMIT")
            except BaseException:
                self._db.rollback()
                raise

    def check(self) -> None:
        """SQLite's structural check, which skips only comparing indexes with their tables. Raises Damaged."""
        with translated_errors(self.path):
            found = str(_pragma(self._db, "quick_check(1)"))
        if found != "ok":
            raise damaged_error(self.path, found.replace("\n", " "))

    def compact(self) -> None:
        """Remove all deleted content from free pages and from the WAL.

        Raises StorageFailed, Unfinished while another program reads the journal.
        """
        with translated_errors(self.path):
            self._db.execute("VACUUM")
            busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Unfinished(
                f"{self.path}: another program reads it, so its log still holds what was erased; close that program "
                "and do it again, or start the agent once"
            )

    def migrate(self) -> None:
        """Apply the pending migrations. Raises StorageFailed."""
        if not _pending_migrations(self._db):
            return
        from sqlite_utils import Database  # noqa: PLC0415 - see above

        # Installed plugins of sqlite-utils must not run on the journal.
        changed = Database(self._db, strict=True, execute_plugins=False)
        with self.writing():
            migrations().apply(changed)

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._db.close()


def open_for_writing(path: Path) -> JournalDatabase:
    """Open or create the database at `path`, durable, checked, migrated.

    WAL with synchronous=FULL: a commit survives a power cut, at one fsync per commit
    (https://www.sqlite.org/pragma.html#pragma_synchronous). One connection writes. Raises Damaged, other StorageFailed,
    Misconfigured.
    """
    with translated_errors(path):
        # For the owner only, like the recordings; SQLite gives the files beside it the same mode.
        path.touch(mode=0o600)
        db = _configure_connection(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        try:
            if (mode := _pragma(db, "journal_mode=WAL")) != "wal":
                raise StorageFailed(f"{path}: its disk allows no write-ahead log (got {mode}); use a local disk")
            db.execute("PRAGMA synchronous=FULL")
            opened = JournalDatabase(db, path)
            if path.stat().st_size <= CHECK_AT_OPEN_BYTES:
                opened.check()
            _refuse_unknown_migrations(db, path)
            opened.migrate()
            # Write the whole WAL again: after a failed fsync, pages that can be read back may not be on the disk
            # (https://lwn.net/Articles/752063/).
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except BaseException:
            db.close()
            raise
    return opened


def open_for_reading(path: Path) -> JournalDatabase:
    """The database at `path`, unchanged and unlocked, to be read beside the process that writes it.

    A read-only connection never checkpoints, so it cannot race the writer. Raises UnreadableInput when there is none.
    """
    none = UnreadableInput(f"{path}: no such journal; name the state_directory of an agent that has run")
    if not path.is_file():
        raise none
    with translated_errors(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        db = _configure_connection(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False))
        try:
            if not path.stat().st_size:  # as a kill within the first start leaves it
                raise Outdated(f"{path}: is empty; start the agent once to bring it up")
            _refuse_unknown_migrations(db, path)
            if _pending_migrations(db):
                raise Outdated(f"{path}: was written by an older dockvoice; start the agent once to bring it up")
            return JournalDatabase(db, path)
        except FileNotFoundError:  # it was removed meanwhile
            db.close()
            raise none from None
        except BaseException:
            db.close()
            raise


def check_beside_writer(path: Path) -> None:
    """Check the journal at `path` beside the process that writes it.

    Raises Damaged, after marking the journal for the next opening; StorageFailed where it cannot be read.
    """
    try:
        with closing(open_for_reading(path)) as db:
            db.check()
    except Damaged:
        with translated_errors(path):
            path.with_name(DAMAGE_MARKER).touch()
            sync_directory(path.parent)
        raise


def migrations() -> Migrations:
    """All migrations, for sqlite-utils to apply."""
    from sqlite_utils import Migrations  # noqa: PLC0415 - see above

    made = Migrations(_SET)
    for name, file in _CHANGES.items():
        made(name=name)(_migration_from(file))
    return made


def applied_migrations(db: sqlite3.Connection) -> list[str]:
    """The applied migrations in their order."""
    noted = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    if db.execute(noted).fetchone() is None:
        return []
    rows = db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid", (_SET,))
    return [name for (name,) in rows]


def sqlite_version() -> str:
    """The version of SQLite."""
    return sqlite3.sqlite_version


def _migration_from(script: Path) -> Callable[[Database], None]:
    """The migration that runs the script within the transaction.

    sqlite-utils would look for the end of a statement at every character, which doubles the time for a new journal.
    """

    def run(db: Database) -> None:
        statement = ""
        for part in script.read_text(encoding="utf-8").rstrip("; \n").split(";"):
            statement += f"{part};"
            if sqlite3.complete_statement(statement):  # in a trigger or a comment a semicolon ends nothing
                db.execute(statement)
                statement = ""

    return run


def _refuse_unknown_migrations(db: sqlite3.Connection, path: Path) -> None:
    """Raise Misconfigured for a journal of a newer program, or of one that was never released."""
    made = applied_migrations(db)
    if not (unknown := [name for name in made if name not in _CHANGES]):
        return
    if made[0] not in _CHANGES:
        raise Misconfigured(
            f"{path}: was written by a dockvoice from before 1.0, and is left as it is; let the program that wrote it "
            "deliver what it owes, keep it, and give this device a new name and a new state_directory"
        )
    raise Misconfigured(
        f"{path}: was written by a newer dockvoice (it has the change {unknown[0]}, unknown here); "
        "install that version again, or name another state_directory"
    )


def _pending_migrations(db: sqlite3.Connection) -> list[str]:
    """The migrations to be applied, in order."""
    made = applied_migrations(db)
    return [name for name in _CHANGES if name not in made]


def _configure_connection(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("PRAGMA recursive_triggers=ON")  # what a REPLACE deletes is counted, too
    db.execute("PRAGMA foreign_keys=ON")
    db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    return db


def _pragma(db: sqlite3.Connection, pragma: str) -> object:
    return db.execute(f"PRAGMA {pragma}").fetchone()[0]
