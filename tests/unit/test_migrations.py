from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.errors import Misconfigured, UnreadableInput
from edge.keep.journal import Journal
from edge.keep.schema import migrations

TABLES = {"utterances", "entries", "audit", "outbox"}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    Journal.open(tmp_path).close()
    return tmp_path / "journal.db"


def apply_unknown_change(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('journal', 'from_2031', 'later')"
        )


def test_a_newer_journal_is_refused_and_left_alone(made: Path) -> None:
    apply_unknown_change(made)
    before = made.read_bytes()
    for opening in (Journal.open, Journal.inspect):
        with pytest.raises(Misconfigured, match=r"journal\.db: was written by a newer dockvoice .*from_2031"):
            opening(made.parent)
    assert made.read_bytes() == before


def test_an_older_journal_is_brought_up_to_date_by_the_agent_only(tmp_path: Path) -> None:
    Database(tmp_path / "journal.db").close()
    (tmp_path / "journal.db").touch()
    with pytest.raises(UnreadableInput, match="older dockvoice; start the agent once"):
        Journal.inspect(tmp_path)
    Journal.open(tmp_path).close()
    Journal.inspect(tmp_path).close()


def test_a_kill_within_the_first_start_is_made_good_by_the_second(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
    Journal.open(tmp_path).close()
    Journal.inspect(tmp_path).close()


def test_opening_again_applies_nothing_twice(made: Path) -> None:
    Journal.open(made.parent).close()
    with closing(sqlite3.connect(made)) as db:
        applied = [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    with closing(Database(memory=True)) as untouched:
        assert applied == [migration.name for migration in migrations.pending(untouched)]


def test_every_table_is_strict(made: Path) -> None:
    with closing(sqlite3.connect(made)) as db:
        strict = {name: bool(flag) for _, name, _, _, _, flag in db.execute("PRAGMA table_list") if name in TABLES}
    assert strict == dict.fromkeys(TABLES, True)


def test_tables_refuse_what_does_not_belong(made: Path) -> None:
    with closing(sqlite3.connect(made)) as db:
        db.execute("PRAGMA foreign_keys=ON")
        with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in INTEGER column"):
            db.execute("INSERT INTO outbox (event_id, sequence, body) VALUES ('e', 'first', '{}')")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            db.execute("INSERT INTO audit VALUES (1, 'e', 'l', 'p')")
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed: state"):
            db.execute("INSERT INTO outbox (event_id, sequence, body, state) VALUES ('e', 1, '{}', 'in flight')")
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed: json_valid"):
            db.execute("INSERT INTO outbox (event_id, sequence, body) VALUES ('e', 1, 'no json')")
