"""The journal's tables, and how an older journal becomes a current one.

utterances  what was heard, written before anything reads it; `outcome` is NULL until a verdict falls
entries     what operators meant: one row per accepted utterance, never changed
audit       the chain over the entries' events (see `audit.py`), never changed
outbox      each entry's event as published, and what became of it

All tables are STRICT: a number cannot slip in where an identifier belongs. JSON is kept as text, so that "007" stays
"007". Times are ISO 8601 in UTC. A table is changed by adding a migration below, never by editing one.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database, Migrations

from edge.errors import Misconfigured

migrations = Migrations("journal")


@migrations()
def first_tables(db: Database) -> None:
    """The tables of version 0.1."""
    db.executescript("""
        CREATE TABLE utterances (
            utterance_id TEXT PRIMARY KEY NOT NULL,
            form TEXT NOT NULL,
            source TEXT NOT NULL,
            heard_at TEXT NOT NULL,
            start INTEGER NOT NULL,          -- this and the next three: sample indices of the source
            speech_start INTEGER NOT NULL,
            speech_end INTEGER NOT NULL,
            closed INTEGER NOT NULL,
            closing TEXT NOT NULL,
            samples INTEGER NOT NULL,
            audio_path TEXT UNIQUE NOT NULL, -- relative to the state directory, which may be moved
            audio_sha256 TEXT NOT NULL,
            outcome TEXT,
            reasons TEXT CHECK (reasons IS NULL OR json_valid(reasons)),
            fields TEXT CHECK (fields IS NULL OR json_valid(fields)),
            ask TEXT,
            reading TEXT CHECK (reading IS NULL OR json_valid(reading))
        ) STRICT;
        CREATE INDEX utterances_of_source ON utterances (source, speech_start);
        CREATE INDEX utterances_unread ON utterances (heard_at, utterance_id) WHERE outcome IS NULL;

        CREATE TABLE entries (
            event_id TEXT PRIMARY KEY NOT NULL,
            sequence INTEGER UNIQUE NOT NULL CHECK (sequence > 0),
            utterance_id TEXT UNIQUE NOT NULL REFERENCES utterances (utterance_id),
            form TEXT NOT NULL,
            fields TEXT NOT NULL CHECK (json_valid(fields)),
            operator TEXT,
            recorded_at TEXT NOT NULL
        ) STRICT;

        CREATE TABLE audit (
            sequence INTEGER PRIMARY KEY NOT NULL REFERENCES entries (sequence),
            event_id TEXT UNIQUE NOT NULL REFERENCES entries (event_id),
            link TEXT NOT NULL,
            previous TEXT NOT NULL
        ) STRICT;

        CREATE TABLE outbox (
            event_id TEXT PRIMARY KEY NOT NULL REFERENCES entries (event_id),
            sequence INTEGER UNIQUE NOT NULL REFERENCES entries (sequence),
            body TEXT NOT NULL CHECK (json_valid(body)),
            state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'settled', 'refused')),
            attempts INTEGER NOT NULL DEFAULT 0,
            sent_at TEXT,
            settled_at TEXT,
            receipt TEXT CHECK (receipt IS NULL OR json_valid(receipt))
        ) STRICT;
        CREATE INDEX outbox_waiting ON outbox (sequence) WHERE state = 'waiting';
    """)


def refuse_newer(db: Database, path: Path) -> None:
    """Raise Misconfigured if a later version of this program has changed the tables of the journal at `path`."""
    with Database(memory=True) as untouched:
        known = {migration.name for migration in migrations.pending(untouched)}
    if unknown := [applied.name for applied in migrations.applied(db) if applied.name not in known]:
        raise Misconfigured(
            f"{path}: was written by a newer dockvoice (it has the change {unknown[0]}, unknown here); "
            "install that version again, or name another state_directory"
        )


def is_current(db: Database) -> bool:
    """Whether all tables are as this program knows them."""
    return not migrations.pending(db)
