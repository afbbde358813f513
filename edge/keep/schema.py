"""The journal's tables, and how an older journal becomes a current one.

utterances  what was heard, written before anything reads it; `outcome` is NULL until a verdict falls. `review` says why
            a person must look at it first, `flag` why at its entry, which stands. `draft` is what was being
            agreed when it was put aside. `evidence`: its recording is needed,
            is spare, or was removed. `dated_at`: from when its age counts; `unknown`, which sorts behind every date,
            while no clock that can be believed has seen it
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
reviews     each change of what waits for a person, as it was told to the inventory; owed until `settled_at`
reviews_removed   of those that were erased or removed the number and the link, signed
orders      the signed decisions of the inventory's side, by their signatures; `body` stays until it is carried out
expected    the latest list of what is expected at each trailer and door, as the inventory signed it
roster      who may sign on at the site, likewise
catalogue   the site's master data, by kind, likewise
shifts      who signed on and off, and which breaks were taken; goes with what has outlived `keep.retention_days`
clip_requests   who asked to hear which recording, as he signed it: the operator may ask who listened to him
clips       the recordings that somebody beyond the device is to have; owed until `closed` says what became of it
orders_not_done   how many of them were not done, by the reason
tally       how many there are of what, kept by triggers: counting a million rows would hold up a commit

All tables are STRICT: a number cannot slip in where an identifier belongs. JSON is kept as text, so that "007" stays
"007". Times are ISO 8601 in UTC. A table is changed by adding a file to `migrations/`, never by editing one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import Misconfigured

if TYPE_CHECKING:
    # Imported where tables are changed: with numpy, which it looks for, it takes longer than to list the queue.
    from sqlite_utils import Database, Migrations

_SET = "journal"  # Under this name sqlite-utils notes in a journal which changes it has.

_FILES = tuple(sorted((Path(__file__).parent / "migrations").glob("*.sql")))
_CHANGES = {file.stem.partition("_")[2]: file for file in _FILES}
"""What each change does, in the order in which they came: a file of SQL, which is never edited."""


def _change(script: Path) -> Callable[[Database], None]:
    """The script, to be carried out within the transaction.

    sqlite-utils would look for the end of a statement at every character: a new journal took more than twice as long.
    """

    def run(db: Database) -> None:
        statement = ""
        for part in script.read_text(encoding="utf-8").rstrip("; \n").split(";"):
            statement += f"{part};"
            if sqlite3.complete_statement(statement):  # in a trigger or a comment a semicolon ends nothing
                db.execute(statement)
                statement = ""

    return run


VIEWS = {
    "v_entries": """
        SELECT e.sequence AS number, e.recorded_at, e.form, e.fields, e.operator, o.fate, o.attempts, o.settled_at,
            e.replaces, u.heard_at, u.audio_path, u.evidence AS recording, e.event_id, e.utterance_id
        FROM entries AS e LEFT JOIN outbox AS o USING (event_id) LEFT JOIN utterances AS u USING (utterance_id)
        ORDER BY e.sequence DESC
    """,
    "v_utterances": """
        SELECT u.heard_at, u.form, u.outcome, u.reasons, json_extract(u.reading, '$.interpreter') AS interpreter,
            u.fields, u.ask, u.review, u.flag, e.sequence AS number, u.audio_path, u.evidence AS recording,
            u.utterance_id
        FROM utterances AS u LEFT JOIN entries AS e USING (utterance_id)
        ORDER BY u.heard_at DESC
    """,
}
"""For people and their programs; nothing here reads them. docs/journal.md tells what is in them."""


def drop_views(db: sqlite3.Connection) -> None:
    """A table cannot be made anew under a view of it."""
    for name in VIEWS:
        db.execute(f"DROP VIEW IF EXISTS {name}")


def make_views(db: sqlite3.Connection) -> None:
    """The views over the tables as they are now."""
    for name, query in VIEWS.items():
        db.execute(f"CREATE VIEW {name} AS {query}")


def refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    """Raise Misconfigured if a later version of this program has changed the tables of the journal at `path`."""
    if unknown := [name for name in _applied(db) if name not in _CHANGES]:
        raise Misconfigured(
            f"{path}: was written by a newer dockvoice (it has the change {unknown[0]}, unknown here); "
            "install that version again, or name another state_directory"
        )


def pending(db: sqlite3.Connection) -> list[str]:
    """The changes that the tables still lack to be as this program knows them, in order."""
    applied = _applied(db)
    return [name for name in _CHANGES if name not in applied]


def has_tables(db: sqlite3.Connection) -> bool:
    """Whether any version of this program has made tables here."""
    return bool(_applied(db))


def migrations() -> Migrations:
    """All changes, for sqlite-utils to apply."""
    from sqlite_utils import Migrations  # noqa: PLC0415 - see above

    made = Migrations(_SET)
    for name, file in _CHANGES.items():
        made(name=name)(_change(file))
    return made


def _applied(db: sqlite3.Connection) -> list[str]:
    """The changes that sqlite-utils has noted, in the order in which they were applied."""
    noted = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    if db.execute(noted).fetchone() is None:
        return []
    rows = db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid", (_SET,))
    return [name for (name,) in rows]
