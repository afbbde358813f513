from __future__ import annotations

import errno
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database
from sqlite_utils.cli import cli

from edge.deliver.events import Topics
from edge.errors import Misconfigured, StorageFailed, UnreadableInput
from edge.hash_chain import PublicKey
from edge.keep import database
from edge.keep.audit import verify
from edge.keep.database import migrations
from edge.keep.journal import Journal
from edge.keep.queries import Counts
from inventory.forms import load_forms
from inventory.ingest.admission import distrusted
from inventory.ingest.judge import Sound, judge
from inventory.records import Applied
from inventory.repository import Store
from inventory.store.keys import Enrolled
from tests.sayings import ACCEPT, entry, render, utterance

TABLES = {"utterances", "entries", "audit", "outbox", "decisions", "answers", "tally", "conversation", "removals"}


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


def test_what_was_recorded_before_particulars_is_verified_delivered_and_applied(
    tmp_path: Path, repository: Path
) -> None:
    """A journal from before events had any: one settled, a correction, a doubtful clock, a cancellation."""
    with tarfile.open(repository / "tests" / "data" / "journal-before-particulars.tar.xz") as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python has none yet
        packed.extractall(tmp_path)  # noqa: S202 - it is ours
    forms, topics = load_forms(repository / "schemas" / "forms"), Topics("dockvoice", "north", "dock-3")
    with Journal.open(tmp_path) as journal, closing(Store.open(f"sqlite:///{tmp_path}/inventory.db")) as store:
        report = verify(journal.trail)
        assert (report.whole, report.events) == (True, 4)
        journal.outbox.reopen(1)
        due = journal.outbox.due(10)
        assert [row.sequence for row in due] == [1, 2, 3, 4]
        for row in due:
            judged = judge(row.body.encode(), topics.entries, "dockvoice", forms)
            assert isinstance(judged, Sound)
            assert distrusted(judged.event, {journal.public_key.keyid: enrolled(journal.public_key)}) is None
            assert store.apply(judged.event) == Applied()
        assert [(row.state, row.fields.get("quantity")) for row in store.rows()] == [
            *(("amended", 12), ("current", 13), ("cancelled", 12)),
        ]
        assert journal.review.how_many() == 1
        assert len(list(journal.queries.unread())) == 1


def enrolled(key: PublicKey) -> Enrolled:
    return Enrolled("north", "dock-3", key.keyid, None, revoked=False, key=key)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A journal from before signatures: an entry owed, one settled, a question and something not read yet."""
    path = tmp_path / "journal.db"
    with closing(Database(path, strict=True)) as db:
        db.conn.isolation_level = None
        migrations().apply(db, stop_before="signatures")
        heard = ["pallet-move", "microphone", "2026-11-20T12:00:00.000000+00:00", 0, 1, 2, 3, "pause", 800]
        for name, outcome in (("a", "accept"), ("b", "accept"), ("c", "ask"), ("d", None)):
            row = [name, *heard, name, "", outcome, "[]", "{}", None, None]
            db.execute("INSERT INTO utterances VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", row)
        for number, name in ((1, "a"), (2, "b")):
            db.execute("INSERT INTO entries VALUES (?, ?, ?, 'pallet-move', '{}', NULL, '')", [name, number, name])
            db.execute("INSERT INTO audit VALUES (?, ?, '', '')", [number, name])
            db.execute("INSERT INTO outbox (event_id, sequence, body) VALUES (?, ?, '{}')", [name, number])
        db.execute("UPDATE outbox SET state = 'settled', settled_at = 'then' WHERE event_id = 'a'")
    return path


def test_what_an_older_journal_knows_is_brought_along(older: Path) -> None:
    with Journal.open(older.parent) as journal:
        assert journal.queries.counts() == Counts(
            heard=4, accepted=2, asked=1, repeat=0, ignored=0, unsettled=1, applied=0, duplicate=0, refused=0
        )
        assert [row.sequence for row in journal.outbox.due(10)] == [2]
    with closing(sqlite3.connect(older)) as db:
        evidence = dict(db.execute("SELECT utterance_id, evidence FROM utterances"))
    assert evidence == {"a": "spare", "b": "needed", "c": "spare", "d": "needed"}


def test_an_older_journal_is_copied_before_it_is_changed(older: Path) -> None:
    Journal.open(older.parent).close()
    copy = older.with_name("journal.before-signatures.db")
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as db:
        assert [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations")] == ["first_tables"]
        assert db.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
    with closing(sqlite3.connect(older)) as db:
        assert db.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0] > 1


def test_the_copy_is_kept_until_the_next_one(older: Path) -> None:
    earlier = older.with_name("journal.before-something.db")
    earlier.touch()
    Journal.open(older.parent).close()
    Journal.open(older.parent).close()
    assert [path.name for path in older.parent.glob("journal.before*")] == ["journal.before-signatures.db"]


def test_without_room_for_the_copy_nothing_is_changed(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = older.read_bytes()

    def no_room(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(database, "sync_file", no_room)
    with pytest.raises(StorageFailed, match="No space left on device; free space on its disk"):
        Journal.open(older.parent)
    with closing(sqlite3.connect(older)) as db:
        assert [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations")] == ["first_tables"]
    assert len(before) == older.stat().st_size
    assert not list(older.parent.glob("journal.before*"))


def test_a_new_journal_has_nothing_to_copy(made: Path) -> None:
    assert not list(made.parent.glob("journal.before*"))


def test_opening_again_applies_nothing_twice(made: Path) -> None:
    Journal.open(made.parent).close()
    with closing(sqlite3.connect(made)) as db:
        applied = [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    with closing(Database(memory=True)) as untouched:
        assert applied == [migration.name for migration in migrations().pending(untouched)]


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
            db.execute("INSERT INTO audit (sequence, event_id, link, previous) VALUES (1, 'e', 'l', 'p')")
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed: state"):
            db.execute("INSERT INTO outbox (event_id, sequence, body, state) VALUES ('e', 1, '{}', 'in flight')")
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed: json_valid"):
            db.execute("INSERT INTO outbox (event_id, sequence, body) VALUES ('e', 1, 'no json')")


def rows(path: Path, view: str) -> list[dict[str, object]]:
    """What `sqlite-utils rows` shows of it, as it ships: a program that nobody here wrote."""
    shown = CliRunner().invoke(cli, ["rows", str(path), view])
    assert shown.exit_code == 0, shown.output
    found: list[dict[str, object]] = json.loads(shown.output)
    return found


def test_whoever_opens_the_journal_finds_entries_with_what_became_of_them(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        made = [journal.commit(entry(said, journal.begin(said)), ACCEPT, render) for said in map(utterance, range(3))]
        journal.outbox.settle(made[-1].event_id, None)
        journal.begin(utterance(3))
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
