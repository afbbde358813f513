"""What can still be read of a broken journal, row by row, from both ends up to the damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from sqlite_utils import Database

from edge.keep.committed import insert
from edge.keep.rows import Row

_TABLES = ("utterances", "entries", "audit", "outbox", "decisions", "answers")
"""In the order in which they refer to one another. `tally` follows from the others."""

_LATER = {
    "utterances": "UPDATE utterances SET evidence = :evidence, audio_removed_at = :audio_removed_at, flag = :flag "
    "WHERE utterance_id = :utterance_id AND audio_path = :audio_path",
    "outbox": "UPDATE outbox SET state = :state, attempts = :attempts, sent_at = :sent_at, settled_at = :settled_at, "
    "receipt = :receipt, reason = :reason, tombstone = :tombstone "
    "WHERE event_id = :event_id AND sequence = :sequence AND body = :body",
}
"""What the second copy of an entry cannot know, because it came later: whether its recording was removed, and how far
its event has come."""

_BEFORE_IT = {"evidence": "needed", "audio_removed_at": None, "flag": None, "reason": None, "tombstone": None}
"""What stands for a column that the broken journal does not have yet."""


def bring_over(broken: Path, db: Database) -> None:
    """Put what is readable of the file `broken` into the journal `db`, where that does not know it yet.

    A row that breaks a rule of its table is left out.
    """
    if not broken.exists():
        return
    with closing(sqlite3.connect(f"{broken.absolute().as_uri()}?mode=ro", uri=True)) as source:
        source.text_factory = bytes  # what is no text any more must not end the reading
        for table in _TABLES:
            # Generated columns are not among these: they follow from the others.
            columns = {row["name"] for row in db.query(f"PRAGMA table_info({table})")}
            for row in _readable(source, table):
                with suppress(sqlite3.IntegrityError):
                    insert(db, table, {name: row[name] for name in row if name in columns}, "ON CONFLICT DO NOTHING")
                    if table in _LATER:
                        db.execute(_LATER[table], {**_BEFORE_IT, **row})


def _readable(source: sqlite3.Connection, table: str) -> Iterator[Row]:
    """The rows before the damage, and then those behind it, from the last one back."""
    seen = 0
    for row in _until_damaged(source, f"SELECT rowid AS place, * FROM {table} ORDER BY rowid"):  # noqa: S608 - our own tables
        seen = row.pop("place")
        yield row
    for row in _until_damaged(source, f"SELECT rowid AS place, * FROM {table} ORDER BY rowid DESC"):  # noqa: S608 - likewise
        if row.pop("place") <= seen:
            return
        yield row


def _until_damaged(source: sqlite3.Connection, sql: str) -> Iterator[Row]:
    with suppress(sqlite3.DatabaseError):
        found = source.execute(sql)
        names = [name for name, *_ in found.description]
        for values in found:
            with suppress(UnicodeDecodeError):
                yield {name: _text(value) for name, value in zip(names, values, strict=True)}


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value
