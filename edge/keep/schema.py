"""The journal's tables, and how an older journal becomes a current one.

utterances  what was heard, written before anything reads it; `outcome` is NULL until a verdict falls. `review` says why
            a person must look at it first, `flag` why at its entry, which stands. `evidence`: its recording is needed,
            is spare, or was removed to make room
entries     what operators meant: one row per accepted utterance, never changed. An entry that amends or cancels names
            the event that it replaces; `support` lists the further utterances that it rests on
audit       the chain over the entries' events (see `edge/hash_chain.py`), never changed
outbox      each entry's event as published, and what became of it; owed until `settled_at`. Of a dead letter the
            `tombstone` is published in the place of its `body`
conversation  its one row is the draft that is being agreed with the operator, and who is signed on
decisions   what a person decided about dead letters, flags and utterances under review, and why
answers     what models gave for utterances: what it cost and, where it came after the verdict, the reading
tally       how many there are of what, kept by triggers: counting a million rows would hold up a commit

All tables are STRICT: a number cannot slip in where an identifier belongs. JSON is kept as text, so that "007" stays
"007". Times are ISO 8601 in UTC. A table is changed by adding a migration below, never by editing one.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database, Migrations

from edge.errors import Misconfigured
from edge.keep import tables

migrations = Migrations("journal")


@migrations()
def first_tables(db: Database) -> None:
    """The tables of version 0.1."""
    db.executescript(tables.FIRST_TABLES)


@migrations()
def signatures(db: Database) -> None:
    """Events are signed. Those from before stay as they are: NULL for public key (32 bytes, in hex) and signature."""
    db.executescript(tables.SIGNATURES)


@migrations()
def dead_letters_and_room(db: Database) -> None:
    """What cannot be delivered stands aside; recordings are counted, and removed when nothing rests on them."""
    db.executescript(tables.DEAD_LETTERS)
    db.executescript(tables.ROOM)
    db.executescript(tables.TALLY)


@migrations()
def answers_of_models(db: Database) -> None:
    """Answers of models are counted, late ones kept; what nothing could read is deferred; entries can be flagged."""
    db.executescript(tables.ANSWERS)


@migrations()
def removed_recordings(db: Database) -> None:
    """Utterances whose recording is gone are found by their time, so that they can be removed in their turn."""
    db.execute("CREATE INDEX utterances_removed ON utterances (heard_at) WHERE evidence = 'removed'")


@migrations()
def conversation(db: Database) -> None:
    """Entries are held and corrected before they are committed, and amended and cancelled afterwards."""
    db.executescript(tables.CONVERSATION)


@migrations()
def accepted_by_a_person(db: Database) -> None:
    """A person can make an entry of an utterance under review."""
    db.executescript(tables.ACCEPTED)


def refuse_newer(db: Database, path: Path) -> None:
    """Raise Misconfigured if a later version of this program has changed the tables of the journal at `path`."""
    with Database(memory=True) as untouched:
        known = {migration.name for migration in migrations.pending(untouched)}
    if unknown := [applied.name for applied in migrations.applied(db) if applied.name not in known]:
        raise Misconfigured(
            f"{path}: was written by a newer dockvoice (it has the change {unknown[0]}, unknown here); "
            "install that version again, or name another state_directory"
        )


def pending(db: Database) -> list[str]:
    """The changes that the tables still lack to be as this program knows them, in order."""
    return [change.name for change in migrations.pending(db)]


def has_tables(db: Database) -> bool:
    """Whether any version of this program has made tables here."""
    return bool(migrations.applied(db))
