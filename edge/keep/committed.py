"""The rows that make one entry: read from the journal for its second copy, and entered again from there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlite_utils import Database

from edge.keep.entrylog import Rows
from edge.keep.rows import Row

_OF_ENTRY = {
    "utterances": "SELECT u.* FROM utterances u JOIN entries e USING (utterance_id) WHERE e.sequence = ?",
    "entries": "SELECT * FROM entries WHERE sequence = ?",
    "audit": "SELECT * FROM audit WHERE sequence = ?",
    "outbox": "SELECT event_id, sequence, body FROM outbox WHERE sequence = ?",
}
"""By table, in the order in which they refer to one another. What becomes of the event later is not in the copy."""


def last(db: Database) -> int:
    """The number of the newest entry; 0 before the first."""
    return int(next(iter(db.query("SELECT coalesce(max(sequence), 0) AS n FROM entries")))["n"])


def rows_of(db: Database, sequence: int) -> Rows:
    """All rows of the entry with this number."""
    return {table: row for table, sql in _OF_ENTRY.items() for row in db.query(sql, [sequence])}


def since(db: Database, sequence: int) -> Iterator[Rows]:
    """The entries behind `sequence`, in order."""
    behind = db.query("SELECT sequence FROM entries WHERE sequence > ? ORDER BY sequence", [sequence])
    return (rows_of(db, row["sequence"]) for row in behind)


def enter(db: Database, entries: Iterable[Rows]) -> None:
    """Put entries into the journal that it does not have. The utterance may be there, without its verdict."""
    for entry in entries:
        for table, row in entry.items():
            insert(db, table, row, _ON_CONFLICT.get(table, ""))


def insert(db: Database, table: str, row: Row, on_conflict: str = "") -> None:
    """Insert a row, with an ON CONFLICT clause of SQLite."""
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join("?" * len(row))
    sql = f"INSERT INTO {table} ({names}) VALUES ({values}) {on_conflict}"  # noqa: S608 - all names are our own tables'
    db.execute(sql, list(row.values()))


_ON_CONFLICT = {
    "utterances": "ON CONFLICT (utterance_id) DO UPDATE SET outcome = excluded.outcome, reasons = excluded.reasons, "
    "fields = excluded.fields, ask = excluded.ask, reading = excluded.reading, review = NULL",
}
