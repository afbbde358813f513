"""The journal's tables, and how an older journal becomes a current one.

utterances  what was heard, written before anything reads it; `outcome` is NULL until a verdict falls. `review` says why
            a person must look at it first, `flag` why at its entry, which stands. `draft` is what was being
            agreed when it was put aside. `evidence`: its recording is needed,
            is spare, or was removed. `dated_at`: from when its age counts; `unknown`, which sorts behind every date,
            while no clock that can be believed has seen it
removals    the device's signed word that it removed a recording: there before the file goes, `unlinked` once it is gone
entries     what operators meant: one row per accepted utterance, never changed. An entry that amends or cancels names
            the event that it replaces; `support` lists the further utterances that it rests on
audit       the chain over the entries' events (see `edge/hash_chain.py`), never changed
outbox      each entry's event as published, and what became of it; owed until `settled_at`. Of a dead letter the
            `tombstone` is published in the place of its `body`. What was turned down or is a dead letter waits for a
            person, its recording with it; `reentered` names the event under which its entry was entered once more
conversation  its one row is the draft that is being agreed with the operator, and who is signed on
decisions   what a person decided about dead letters, flags and utterances under review, and why
answers     what models gave for utterances: what it cost and, where it came after the verdict, the reading
reviews     each change of what waits for a person, as it was told to the inventory; owed until `settled_at`
reviews_removed   of those that were erased or removed the number and the link, signed
orders      the signed decisions of the inventory's side, by their signatures; `body` stays until it is carried out
orders_not_done   how many of them were not done, by the reason
tally       how many there are of what, kept by triggers: counting a million rows would hold up a commit

All tables are STRICT: a number cannot slip in where an identifier belongs. JSON is kept as text, so that "007" stays
"007". Times are ISO 8601 in UTC. A table is changed by adding a migration below, never by editing one.
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

# What each change does, in the order in which they came. None is ever edited.

_FIRST_TABLES = """
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
"""

_SIGNATURES = """
    ALTER TABLE audit ADD COLUMN public_key TEXT;
    ALTER TABLE audit ADD COLUMN signature TEXT;
"""

_DEAD_LETTERS = """
    CREATE TABLE outbox_with_dead_letters (
        event_id TEXT PRIMARY KEY NOT NULL REFERENCES entries (event_id),
        sequence INTEGER UNIQUE NOT NULL REFERENCES entries (sequence),
        body TEXT NOT NULL CHECK (json_valid(body)),
        state TEXT NOT NULL DEFAULT 'waiting'
            CHECK (state IN ('waiting', 'settled', 'refused', 'dead', 'discarded')),
        attempts INTEGER NOT NULL DEFAULT 0,
        sent_at TEXT,
        settled_at TEXT,
        receipt TEXT CHECK (receipt IS NULL OR json_valid(receipt)),
        reason TEXT,                     -- why it is a dead letter
        tombstone TEXT CHECK (tombstone IS NULL OR json_valid(tombstone)),
        fate TEXT GENERATED ALWAYS AS (
            CASE WHEN state IN ('settled', 'refused') THEN coalesce(json_extract(receipt, '$.outcome'), state)
            ELSE state END
        ) VIRTUAL
    ) STRICT;
    INSERT INTO outbox_with_dead_letters (event_id, sequence, body, state, attempts, sent_at, settled_at, receipt)
        SELECT event_id, sequence, body, state, attempts, sent_at, settled_at, receipt FROM outbox ORDER BY sequence;
    DROP TABLE outbox;
    ALTER TABLE outbox_with_dead_letters RENAME TO outbox;
    CREATE INDEX outbox_owed ON outbox (sequence) WHERE settled_at IS NULL;
    CREATE INDEX outbox_dead ON outbox (sequence) WHERE state = 'dead';

    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY NOT NULL,
        subject TEXT NOT NULL,           -- an event id, or the id of an utterance
        decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard')),
        who TEXT NOT NULL,
        reason TEXT,
        decided_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX decisions_on ON decisions (subject);
"""

_ROOM = """
    ALTER TABLE utterances ADD COLUMN review TEXT;
    ALTER TABLE utterances ADD COLUMN audio_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE utterances ADD COLUMN audio_removed_at TEXT;
    ALTER TABLE utterances ADD COLUMN evidence TEXT NOT NULL DEFAULT 'needed'
        CHECK (evidence IN ('needed', 'spare', 'removed'));
    UPDATE utterances SET
        audio_bytes = samples * 2,       -- not measured then: as large as without compression, at most
        evidence = CASE
            WHEN outcome IN ('ask', 'repeat', 'ignore') OR utterance_id IN (
                SELECT utterance_id FROM entries JOIN outbox USING (event_id) WHERE settled_at IS NOT NULL
            ) THEN 'spare' ELSE 'needed' END;
    DROP INDEX utterances_unread;
    CREATE INDEX utterances_unread ON utterances (heard_at, utterance_id) WHERE outcome IS NULL AND review IS NULL;
    CREATE INDEX utterances_under_review ON utterances (heard_at) WHERE review IS NOT NULL;
    CREATE INDEX utterances_spare ON utterances (heard_at) WHERE evidence = 'spare';

    CREATE TRIGGER evidence_of_a_verdict AFTER UPDATE OF outcome ON utterances WHEN NEW.evidence <> 'removed' BEGIN
        UPDATE utterances SET
            evidence = CASE WHEN NEW.outcome IN ('ask', 'repeat', 'ignore') THEN 'spare' ELSE 'needed' END
        WHERE utterance_id = NEW.utterance_id;
    END;
    CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
        UPDATE utterances SET
            evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state = 'dead' THEN 'needed' ELSE 'spare' END
        WHERE utterance_id = (SELECT utterance_id FROM entries WHERE event_id = NEW.event_id)
            AND evidence <> 'removed';
    END;
"""

_TALLY = """
    CREATE TABLE tally (what TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO tally SELECT 'utterance ' || coalesce(outcome, 'unread'), count(*) FROM utterances GROUP BY outcome;
    INSERT INTO tally SELECT 'event ' || fate, count(*) FROM outbox GROUP BY fate;
    INSERT INTO tally SELECT 'owed', count(*) FROM outbox WHERE settled_at IS NULL;
    INSERT INTO tally
        SELECT 'evidence bytes', coalesce(sum(audio_bytes), 0) FROM utterances WHERE evidence <> 'removed';

    CREATE TRIGGER tally_utterance AFTER INSERT ON utterances BEGIN
        INSERT INTO tally VALUES ('utterance ' || coalesce(NEW.outcome, 'unread'), 1)
            ON CONFLICT (what) DO UPDATE SET n = n + 1;
        UPDATE tally SET n = n + NEW.audio_bytes * (NEW.evidence <> 'removed') WHERE what = 'evidence bytes';
    END;
    CREATE TRIGGER tally_verdict AFTER UPDATE OF outcome ON utterances BEGIN
        UPDATE tally SET n = n - 1 WHERE what = 'utterance ' || coalesce(OLD.outcome, 'unread');
        INSERT INTO tally VALUES ('utterance ' || coalesce(NEW.outcome, 'unread'), 1)
            ON CONFLICT (what) DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER tally_recording AFTER UPDATE OF evidence ON utterances
    WHEN NEW.evidence = 'removed' AND OLD.evidence <> 'removed' BEGIN
        UPDATE tally SET n = n - NEW.audio_bytes WHERE what = 'evidence bytes';
    END;
    CREATE TRIGGER tally_event AFTER INSERT ON outbox BEGIN
        INSERT INTO tally VALUES ('event ' || NEW.fate, 1) ON CONFLICT (what) DO UPDATE SET n = n + 1;
        UPDATE tally SET n = n + (NEW.settled_at IS NULL) WHERE what = 'owed';
    END;
    CREATE TRIGGER tally_fate AFTER UPDATE OF state, settled_at, receipt ON outbox BEGIN
        UPDATE tally SET n = n - 1 WHERE what = 'event ' || OLD.fate;
        INSERT INTO tally VALUES ('event ' || NEW.fate, 1) ON CONFLICT (what) DO UPDATE SET n = n + 1;
        UPDATE tally SET n = n + (NEW.settled_at IS NULL) - (OLD.settled_at IS NULL) WHERE what = 'owed';
    END;
"""

_ANSWERS = """
    CREATE TABLE answers (
        id INTEGER PRIMARY KEY NOT NULL,
        utterance_id TEXT NOT NULL REFERENCES utterances (utterance_id),
        interpreter TEXT NOT NULL,
        came TEXT NOT NULL CHECK (came IN ('in time', 'late', 'deferred')),
        answered_at TEXT NOT NULL,
        reading TEXT CHECK (reading IS NULL OR json_valid(reading)),  -- NULL: the verdict's own has it, or it is none
        client TEXT,                     -- this and what follows: as the service counted, where it charges
        model TEXT,
        request_id TEXT,
        text_tokens_in INTEGER NOT NULL DEFAULT 0,
        audio_tokens_in INTEGER NOT NULL DEFAULT 0,
        tokens_out INTEGER NOT NULL DEFAULT 0,
        audio_seconds REAL NOT NULL DEFAULT 0,
        cost_usd REAL                    -- NULL: no price was set
    ) STRICT;
    CREATE INDEX answers_to ON answers (utterance_id);
    CREATE INDEX answers_at ON answers (answered_at);

    ALTER TABLE utterances ADD COLUMN flag TEXT;
    CREATE INDEX utterances_flagged ON utterances (heard_at) WHERE flag IS NOT NULL;
    CREATE INDEX utterances_deferred ON utterances (heard_at, utterance_id)
        WHERE outcome = 'defer' AND review IS NULL;

    CREATE TABLE decisions_with_flags (
        id INTEGER PRIMARY KEY NOT NULL,
        subject TEXT NOT NULL,           -- an event id, or the id of an utterance
        decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard', 'stand')),
        who TEXT NOT NULL,
        reason TEXT,
        decided_at TEXT NOT NULL
    ) STRICT;
    INSERT INTO decisions_with_flags SELECT id, subject, decision, who, reason, decided_at FROM decisions ORDER BY id;
    DROP TABLE decisions;
    ALTER TABLE decisions_with_flags RENAME TO decisions;
    CREATE INDEX decisions_on ON decisions (subject);
"""

_CONVERSATION = """
    ALTER TABLE entries ADD COLUMN act TEXT NOT NULL DEFAULT 'record' CHECK (act IN ('record', 'amend', 'cancel'));
    ALTER TABLE entries ADD COLUMN replaces TEXT CHECK ((replaces IS NULL) = (act = 'record'));
    ALTER TABLE entries ADD COLUMN support TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(support));

    CREATE TABLE conversation (
        one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
        draft TEXT CHECK (draft IS NULL OR json_valid(draft)),
        operator TEXT
    ) STRICT;
    INSERT INTO conversation (one) VALUES (1);

    DROP TRIGGER evidence_of_a_verdict;
    CREATE TRIGGER evidence_of_a_verdict AFTER UPDATE OF outcome ON utterances WHEN NEW.evidence <> 'removed' BEGIN
        UPDATE utterances SET
            evidence = CASE WHEN NEW.outcome IN ('ask', 'repeat', 'ignore', 'heed', 'cancel')
                THEN 'spare' ELSE 'needed' END
        WHERE utterance_id = NEW.utterance_id;
    END;
    DROP TRIGGER evidence_of_an_event;
    CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
        UPDATE utterances SET
            evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state = 'dead' THEN 'needed' ELSE 'spare' END
        WHERE evidence <> 'removed' AND utterance_id IN (
            SELECT utterance_id FROM entries WHERE event_id = NEW.event_id
            UNION SELECT value FROM entries, json_each(support) WHERE event_id = NEW.event_id
        );
    END;
    CREATE TRIGGER evidence_of_an_entry AFTER INSERT ON entries BEGIN
        UPDATE utterances SET evidence = 'needed'
        WHERE evidence <> 'removed' AND utterance_id IN (SELECT value FROM json_each(NEW.support));
    END;
    CREATE TRIGGER evidence_of_a_draft AFTER UPDATE OF draft ON conversation BEGIN
        UPDATE utterances SET evidence = 'spare'
        WHERE evidence = 'needed' AND outcome IN ('ask', 'heed') AND utterance_id IN (
            SELECT json_extract(OLD.draft, '$.utterance_id') UNION SELECT value FROM json_each(OLD.draft, '$.support')
        ) AND utterance_id NOT IN (SELECT value FROM entries, json_each(support) WHERE entries.sequence = (
            SELECT max(sequence) FROM entries
        ));
        UPDATE utterances SET evidence = 'needed'
        WHERE evidence <> 'removed' AND utterance_id IN (
            SELECT json_extract(NEW.draft, '$.utterance_id') UNION SELECT value FROM json_each(NEW.draft, '$.support')
        );
    END;
"""

_ACCEPTED = """
    CREATE TABLE decisions_with_acceptances (
        id INTEGER PRIMARY KEY NOT NULL,
        subject TEXT NOT NULL,           -- an event id, or the id of an utterance
        decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard', 'stand', 'accept')),
        who TEXT NOT NULL,
        reason TEXT,
        decided_at TEXT NOT NULL
    ) STRICT;
    INSERT INTO decisions_with_acceptances
        SELECT id, subject, decision, who, reason, decided_at FROM decisions ORDER BY id;
    DROP TABLE decisions;
    ALTER TABLE decisions_with_acceptances RENAME TO decisions;
    CREATE INDEX decisions_on ON decisions (subject);
"""

_REMOVALS = """
    CREATE TABLE removals (
        utterance_id TEXT PRIMARY KEY NOT NULL REFERENCES utterances (utterance_id),
        removed_at TEXT NOT NULL,
        keyid TEXT NOT NULL,
        signature TEXT NOT NULL,
        unlinked INTEGER NOT NULL DEFAULT 0 CHECK (unlinked IN (0, 1))
    ) STRICT;
    CREATE INDEX removals_under_way ON removals (utterance_id) WHERE unlinked = 0;

    ALTER TABLE utterances ADD COLUMN dated_at TEXT NOT NULL DEFAULT 'unknown';
    UPDATE utterances SET dated_at = heard_at WHERE utterance_id IN (
        SELECT utterance_id FROM entries JOIN outbox USING (event_id) WHERE json_extract(body, '$.clock') IS NULL
    );
    CREATE INDEX utterances_undated ON utterances (dated_at) WHERE dated_at = 'unknown';
    DROP INDEX utterances_spare;
    CREATE INDEX utterances_spare ON utterances (dated_at) WHERE evidence = 'spare';
"""

_HELD = """
    ALTER TABLE outbox ADD COLUMN reentered TEXT;
    CREATE INDEX outbox_held ON outbox (sequence) WHERE state IN ('refused', 'dead');

    DROP TRIGGER evidence_of_an_event;
    CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
        UPDATE utterances SET
            evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state IN ('refused', 'dead')
                THEN 'needed' ELSE 'spare' END
        WHERE evidence <> 'removed' AND utterance_id IN (
            SELECT utterance_id FROM entries WHERE event_id = NEW.event_id
            UNION SELECT value FROM entries, json_each(support) WHERE event_id = NEW.event_id
        );
    END;
    UPDATE utterances SET evidence = 'needed' WHERE evidence = 'spare' AND utterance_id IN (
        SELECT utterance_id FROM entries JOIN outbox USING (event_id) WHERE state = 'refused'
        UNION SELECT value FROM entries JOIN outbox USING (event_id), json_each(support) WHERE state = 'refused'
    );
"""

_PUT_ASIDE = """
    ALTER TABLE utterances ADD COLUMN draft TEXT CHECK (draft IS NULL OR json_valid(draft));
    CREATE TRIGGER draft_of_a_review AFTER UPDATE OF review ON utterances
    WHEN NEW.review IS NULL AND NEW.draft IS NOT NULL BEGIN
        UPDATE utterances SET draft = NULL WHERE utterance_id = NEW.utterance_id;
    END;
"""

_REVIEWS = """
    CREATE TABLE reviews (
        sequence INTEGER PRIMARY KEY NOT NULL CHECK (sequence > 0),
        event_id TEXT UNIQUE NOT NULL,
        utterance_id TEXT NOT NULL REFERENCES utterances (utterance_id),
        state TEXT NOT NULL CHECK (state IN ('open', 'recorded', 'answered', 'dropped', 'retried')),
        fields TEXT CHECK (fields IS NULL OR json_valid(fields)),  -- those that were told as known
        latest INTEGER NOT NULL DEFAULT 1 CHECK (latest IN (0, 1)),
        link TEXT NOT NULL,
        body TEXT NOT NULL CHECK (json_valid(body)),
        settled_at TEXT
    ) STRICT;
    CREATE INDEX reviews_of ON reviews (utterance_id);
    CREATE INDEX reviews_open ON reviews (utterance_id) WHERE latest AND state = 'open';
    CREATE INDEX reviews_owed ON reviews (sequence) WHERE settled_at IS NULL;
"""

_ORDERS = """
    CREATE TABLE orders (
        signature TEXT PRIMARY KEY NOT NULL,
        body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: it was done, or never will be
        taken_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX orders_due ON orders (taken_at) WHERE body IS NOT NULL;
    CREATE TABLE orders_not_done (
        reason TEXT PRIMARY KEY NOT NULL,
        times INTEGER NOT NULL,
        last_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE reviews_removed (
        sequence INTEGER PRIMARY KEY NOT NULL,
        link TEXT NOT NULL,
        keyid TEXT NOT NULL,
        signature TEXT NOT NULL
    ) STRICT;
    ALTER TABLE decisions ADD COLUMN untold TEXT;  -- what the operator is still to be told of it
    CREATE INDEX decisions_untold ON decisions (id) WHERE untold IS NOT NULL;
"""

_SET = "journal"
"""Under this name sqlite-utils notes in a journal which changes it has."""

_changes: dict[str, Callable[[Database], None]] = {}


def _run(db: Database, script: str) -> None:
    """Carry out a script within the transaction.

    sqlite-utils would look for the end of a statement at every character: a new journal took more than twice as long.
    """
    statement = ""
    for part in script.rstrip("; \n").split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):  # in a trigger or a comment a semicolon ends nothing
            db.execute(statement)
            statement = ""


def change(changing: Callable[[Database], None]) -> Callable[[Database], None]:
    """Note a change under the name of its function, behind those before it."""
    _changes[changing.__name__] = changing
    return changing


@change
def first_tables(db: Database) -> None:
    """The tables of version 0.1."""
    _run(db, _FIRST_TABLES)


@change
def signatures(db: Database) -> None:
    """Events are signed. Those from before stay as they are: NULL for public key (32 bytes, in hex) and signature."""
    _run(db, _SIGNATURES)


@change
def dead_letters_and_room(db: Database) -> None:
    """What cannot be delivered stands aside; recordings are counted, and removed when nothing rests on them."""
    _run(db, _DEAD_LETTERS)
    _run(db, _ROOM)
    _run(db, _TALLY)


@change
def answers_of_models(db: Database) -> None:
    """Answers of models are counted, late ones kept; what nothing could read is deferred; entries can be flagged."""
    _run(db, _ANSWERS)


@change
def removed_recordings(db: Database) -> None:
    """Utterances whose recording is gone are found by their time, so that they can be removed in their turn."""
    db.execute("CREATE INDEX utterances_removed ON utterances (heard_at) WHERE evidence = 'removed'")


@change
def conversation(db: Database) -> None:
    """Entries are held and corrected before they are committed, and amended and cancelled afterwards."""
    _run(db, _CONVERSATION)


@change
def accepted_by_a_person(db: Database) -> None:
    """A person can make an entry of an utterance under review."""
    _run(db, _ACCEPTED)


@change
def held_until_decided(db: Database) -> None:
    """What the inventory turned down waits for a person, and its recording with it."""
    _run(db, _HELD)


@change
def signed_removals(db: Database) -> None:
    """The device signs for each recording that it removes; age counts by a clock that can be believed."""
    _run(db, _REMOVALS)


@change
def put_aside_with_its_draft(db: Database) -> None:
    """What is put aside in a conversation keeps what was agreed about it, so that it can be asked about again."""
    db.executescript(_PUT_ASIDE)


@change
def told_reviews(db: Database) -> None:
    """What waits for a person, and what became of it, is told beyond the device."""
    db.executescript(_REVIEWS)


@change
def orders(db: Database) -> None:
    """What the inventory's side decides is kept until it is done, and what was done until the operator is told."""
    db.executescript(_ORDERS)


@change
def views(db: Database) -> None:
    """People who open the file find the tables joined: `make_views`, which runs after every change."""


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
    if unknown := [name for name in _applied(db) if name not in _changes]:
        raise Misconfigured(
            f"{path}: was written by a newer dockvoice (it has the change {unknown[0]}, unknown here); "
            "install that version again, or name another state_directory"
        )


def pending(db: sqlite3.Connection) -> list[str]:
    """The changes that the tables still lack to be as this program knows them, in order."""
    applied = _applied(db)
    return [name for name in _changes if name not in applied]


def has_tables(db: sqlite3.Connection) -> bool:
    """Whether any version of this program has made tables here."""
    return bool(_applied(db))


def migrations() -> Migrations:
    """All changes, for sqlite-utils to apply."""
    from sqlite_utils import Migrations  # noqa: PLC0415 - see above

    made = Migrations(_SET)
    for name, changing in _changes.items():
        made(name=name)(changing)
    return made


def _applied(db: sqlite3.Connection) -> list[str]:
    """The changes that sqlite-utils has noted, in the order in which they were applied."""
    noted = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    if db.execute(noted).fetchone() is None:
        return []
    rows = db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid", (_SET,))
    return [name for (name,) in rows]
