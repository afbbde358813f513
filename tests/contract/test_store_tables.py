"""The store's tables: made once, brought up to date, and left alone where they are not its own."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text, update

from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable, UnreadableInput
from inventory.repository import Store
from inventory.store.migrations import REVISIONS, newest_version
from inventory.store.tables import FIRST_VERSION, VERSION, versions
from tests.dictated import recorded
from tests.rows import each_of
from tests.servers.postgresql import PostgreSQL
from tests.store import Read


def test_consumers_that_start_together_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        for opened in threads.map(lambda _: Store.open(url), range(6)):
            opened.close()
    with closing(Store.open(url, create=False)) as store:
        assert store.count().events == 0


def test_a_new_file_that_somebody_writes_is_waited_for(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "inventory.db", isolation_level=None)) as other,
        ThreadPoolExecutor() as one,
    ):
        other.execute("BEGIN IMMEDIATE")  # SQLite refuses at once to change the journal of such a file
        other.execute("CREATE TABLE theirs (x)")
        opening = one.submit(Store.open, f"sqlite:///{tmp_path / 'inventory.db'}")
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.3)
        other.execute("COMMIT")
        opening.result().close()


def test_tables_of_a_newer_version_are_left_alone(url: str, store: Store) -> None:
    with store.engine.begin() as transaction:
        transaction.execute(text("UPDATE dockvoice_inventory SET version = 99"))
    with pytest.raises(Misconfigured, match=f"of version 99, this program's of {VERSION}"):
        Store.open(url)


def shape(store: Store) -> dict[str, Any]:
    """What the database says its tables are made of."""
    found = inspect(store.engine)
    return {
        "columns": {
            (name, column["name"]): (str(column["type"]), column["nullable"], column["default"])
            for name in found.get_table_names()
            for column in found.get_columns(name)
        },
        "indexes": {(name, index["name"]) for name in found.get_table_names() for index in found.get_indexes(name)},
        "sequences": set(found.get_sequence_names()) if store.engine.dialect.name == "postgresql" else set(),
    }


LATER = """
from alembic import op
from sqlalchemy import text

revision, down_revision = "{next}", "{last}"


def upgrade():
    transaction = op.get_bind()
    transaction.execute(text("ALTER TABLE entries ADD COLUMN mood TEXT"))
    transaction.execute(text("UPDATE entries SET mood = 'calm'"))
    transaction.execute(text("CREATE TABLE moods (mood TEXT)"))
"""
"""A version of the tables behind that of this program."""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This program is the next version's."""
    revisions = tmp_path / "revisions"
    shutil.copytree(REVISIONS, revisions)
    revision = LATER.format(next=VERSION + 1, last=VERSION)
    (revisions / "versions" / "v99_know_moods.py").write_text(revision, encoding="utf-8")
    monkeypatch.setattr("inventory.store.migrations.REVISIONS", revisions)
    monkeypatch.setattr("inventory.store.database.VERSION", VERSION + 1)


@pytest.mark.usefixtures("later")
def test_tables_of_a_version_before_are_brought_up_to_date_once(url: str, store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    with store.engine.begin() as transaction:
        transaction.execute(update(versions).values(version=VERSION))
    with pytest.raises(Misconfigured, match=f"of version {VERSION}; `dockvoice inventory` brings them up to date"):
        Store.open(url, create=False)
    with ThreadPoolExecutor(6) as threads:  # consumers that start together
        for opened in threads.map(lambda _: Store.open(url), range(6)):
            opened.close()
    with closing(Store.open(url, create=False)) as again, again.engine.begin() as transaction:
        assert transaction.execute(text("SELECT version FROM dockvoice_inventory")).all() == [(VERSION + 1,)]
        assert transaction.execute(text("SELECT mood FROM entries")).all() == [("calm",)]


@pytest.mark.usefixtures("later")
def test_an_upgrade_that_fails_changes_nothing(url: str, store: Store) -> None:
    with store.engine.begin() as transaction:
        transaction.execute(update(versions).values(version=VERSION))
        transaction.execute(text("CREATE TABLE moods (theirs TEXT)"))
    before = shape(store)
    with pytest.raises((Misconfigured, Unavailable)):
        Store.open(url)
    assert shape(store) == before
    with pytest.raises(Misconfigured, match=f"of version {VERSION};"):
        Store.open(url, create=False)


def test_tables_of_the_first_release_are_brought_to_the_shape_of_new_ones(url: str, store: Store) -> None:
    as_new = shape(store)
    with store.engine.begin() as transaction:
        transaction.execute(text("DROP TABLE dockvoice_kafka_outbox"))
        for name in ("body", "public_key"):
            transaction.execute(text(f"ALTER TABLE dockvoice_expected DROP COLUMN {name}"))
        transaction.execute(update(versions).values(version=FIRST_VERSION))
    assert shape(store) != as_new
    Store.open(url).close()
    assert shape(store) == as_new


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("version", [1, FIRST_VERSION - 1])
def test_tables_that_no_release_made_are_left_alone(url: str, store: Store, version: int, create: bool) -> None:
    before = shape(store)
    with store.engine.begin() as transaction:
        transaction.execute(update(versions).values(version=version))
    with pytest.raises(Misconfigured, match=f"of version {version}, from before 1.0, .*run the dockvoice that made"):
        Store.open(url, create=create)
    assert shape(store) == before
    with store.engine.begin() as transaction:
        assert transaction.execute(text("SELECT version FROM dockvoice_inventory")).all() == [(version,)]


def test_the_version_of_the_tables_is_that_of_the_last_revision() -> None:
    assert newest_version() == VERSION


def test_tables_of_somebody_else_are_left_alone(url: str, store: Store) -> None:
    with store.engine.begin() as transaction:
        transaction.execute(text("DROP TABLE dockvoice_inventory"))
    with pytest.raises(
        Misconfigured,
        match="dockvoice_announced, dockvoice_catalogue, dockvoice_clip_requests, dockvoice_clips, dockvoice_dossiers, "
        "dockvoice_dossiers_looked, dockvoice_expected, dockvoice_flags, dockvoice_kafka_outbox, dockvoice_outbox, "
        "dockvoice_pallets, dockvoice_postings, dockvoice_reviews, dockvoice_said, "
        "dockvoice_statuses, dockvoice_waiting, entries, events, refused, rejected, stock_moves there are not Dock",
    ):
        Store.open(url)


def test_looking_makes_no_tables(url: str) -> None:
    for _ in range(2):
        with pytest.raises((Misconfigured, UnreadableInput), match="`dockvoice inventory` makes"):
            Store.open(url, create=False)


def test_an_absent_server_is_named_without_the_password() -> None:
    with PostgreSQL() as gone:
        url = gone.url.replace("tester@", "tester:secret@")
    with pytest.raises(Unavailable, match=r"tester:\*+@127\.0\.0\.1") as caught:
        Store.open(f"{url}?password=secret")
    assert "secret" not in str(caught.value)


@each_of(
    ("url", "said"),
    [
        ("not a url secret", "is not a database URL"),
        ("mysql://root:secret@localhost/x", "found mysql"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_an_impossible_url_is_refused_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, only some notes\n" * 100)
    with pytest.raises(Misconfigured, match=r"notes\.txt: is not an SQLite database"):
        Store.open(f"sqlite:///{tmp_path / 'notes.txt'}")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file: cannot be made"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'inventory.db'}")
