from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils.cli import cli

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from edge.keep import database
from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, render, utterance

TABLES = {"utterances", "entries", "audit", "outbox", "decisions", "answers", "tally", "conversation", "removals"}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    Journal.open(tmp_path).close()
    return tmp_path / "journal.db"


def noted(path: Path, sql: str) -> bytes:
    """The journal at `path` after this was changed of what it notes of its own changes."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)
    return path.read_bytes()


def test_a_newer_journal_is_refused_and_left_alone(made: Path) -> None:
    before = noted(made, "INSERT INTO _sqlite_migrations VALUES (2, 'journal', 'from_2031', 'later')")
    for opening in (Journal.open, Journal.inspect):
        with pytest.raises(Misconfigured, match=r"journal\.db: was written by a newer dockvoice .*from_2031"):
            opening(made.parent)
    assert made.read_bytes() == before


def test_a_journal_that_no_release_wrote_is_refused_and_left_alone(made: Path) -> None:
    before = noted(made, "UPDATE _sqlite_migrations SET name = 'first_tables'")
    beside = {path: path.read_bytes() for path in made.parent.iterdir() if path.is_file()}
    for opening in (Journal.open, Journal.inspect):
        with pytest.raises(Misconfigured, match=r"journal\.db: was written by a dockvoice from before 1\.0.*keep it"):
            opening(made.parent)
    assert made.read_bytes() == before
    assert {path: path.read_bytes() for path in beside} == beside


def test_a_later_change_is_applied_to_a_journal_that_has_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(tmp_path) as journal:
        said = utterance(0)
        committed = journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
    later = tmp_path / "02_moods.sql"
    later.write_text(
        "ALTER TABLE entries ADD COLUMN mood TEXT; -- a comment; with a semicolon\nCREATE TABLE moods (one);"
    )
    monkeypatch.setitem(database._CHANGES, "moods", later)
    with pytest.raises(UnreadableInput, match="older dockvoice; start the agent once"):
        Journal.inspect(tmp_path)
    with Journal.open(tmp_path) as journal:
        assert journal.outbox.load_due(10) == [committed]
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        assert db.execute("SELECT sequence, mood FROM entries").fetchall() == [(1, None)]
        assert [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")] == [
            "tables",
            "moods",
        ]


def test_every_table_is_strict(made: Path) -> None:
    with closing(sqlite3.connect(made)) as db:
        strict = {name: bool(flag) for _, name, _, _, _, flag in db.execute("PRAGMA table_list") if name in TABLES}
    assert strict == dict.fromkeys(TABLES, True)


def rows(path: Path, view: str) -> list[dict[str, object]]:
    """What `sqlite-utils rows` shows of it, as it ships: a program that nobody here wrote."""
    shown = CliRunner().invoke(cli, ["rows", str(path), view])
    assert shown.exit_code == 0, shown.output
    found: list[dict[str, object]] = json.loads(shown.output)
    return found


def test_whoever_opens_the_journal_finds_entries_with_what_became_of_them(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        made = [
            journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
            for said in map(utterance, range(3))
        ]
        journal.outbox.settle(made[-1].event_id, None)
        journal.store_utterance(utterance(3))
    found = rows(tmp_path / "journal.db", "v_entries")
    assert [one["number"] for one in found] == [3, 2, 1]
    assert [one["fate"] for one in found] == ["settled", "waiting", "waiting"]
    assert json.loads(str(found[0]["fields"])) == dict(ACCEPT.fields)
    assert all((tmp_path / str(one["audio_path"])).is_file() for one in found)
    heard = rows(tmp_path / "journal.db", "v_utterances")
    assert sorted(str(one["number"]) for one in heard) == ["1", "2", "3", "None"]


def test_the_page_on_the_journal_asks_what_can_be_asked(made: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
    queries = page.split("```sql\n")[1].split("```")[0].split(";")[:-1]
    with closing(sqlite3.connect(made)) as db:
        assert [db.execute(query).fetchall() for query in queries] == [[]] * 3
