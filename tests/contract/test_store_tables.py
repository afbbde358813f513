"""The store's tables: made once, brought up to date, and left alone where they are not its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, inspect, text, update

from edge.errors import Misconfigured, StorageFailed, Unavailable, UnreadableInput
from inventory.records import Applied, Duplicate, Early
from inventory.repository import Store
from inventory.store.migrations import newest
from inventory.store.tables import VERSION, catalogue, entries, events, flags, pallets, postings, versions
from tests.databases import Read
from tests.dictated import identity, recorded
from tests.postgresql import PostgreSQL
from tests.rows import each_of


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
    with pytest.raises(Misconfigured, match="of version 99, this program's of 14"):
        Store.open(url)


def make_second_version(store: Store) -> None:
    """Back to the tables of version 2, which had no order of arrival but the clock's."""
    with store.engine.begin() as transaction:
        for table in (catalogue, pallets, flags, postings):
            table.drop(transaction)
        transaction.execute(text("ALTER TABLE dockvoice_reviews DROP COLUMN told_again_at"))
        transaction.execute(text("DROP INDEX events_as_they_arrived"))
        transaction.execute(text("ALTER TABLE events DROP COLUMN arrival"))
        if transaction.dialect.name == "postgresql":
            transaction.execute(text("DROP SEQUENCE event_arrivals"))
        transaction.execute(text("UPDATE dockvoice_inventory SET version = 2"))


def make_first_version(store: Store) -> None:
    """Back to the tables of version 1, which had no place for order and refusals either."""
    make_second_version(store)
    with store.engine.begin() as transaction:
        for change in ("DROP TABLE devices", "DROP TABLE refused", "UPDATE dockvoice_inventory SET version = 1"):
            transaction.execute(text(change))


def test_tables_of_the_first_version_are_brought_up_to_date(url: str, store: Store, event: Read) -> None:
    for number in range(1, 7):
        store.apply(event(recorded(number)))
    store.apply(event(recorded(1, at=("south", "dock-1"))))
    with store.engine.begin() as transaction:
        for table in (entries, events):
            transaction.execute(delete(table).where(table.c.event_id == identity(1, 3)))
    make_first_version(store)

    with pytest.raises(Misconfigured, match="of version 1; `dockvoice inventory` brings them up to date"):
        Store.open(url, create=False)
    with closing(Store.open(url)) as upgraded:
        ours, theirs = upgraded.progress()
        assert (ours.handled, ours.highest, ours.missing) == (2, 6, (3, 6))
        assert (theirs.handled, theirs.highest) == (1, 1)
        outcomes = [upgraded.apply(event(recorded(number))) for number in (7, 3, 4, 5, 6, 7)]
        assert outcomes == [Early(expected=3), Applied(), Duplicate(), Duplicate(), Duplicate(), Applied()]
    with closing(Store.open(url, create=False)) as again:
        assert again.count().rows == 8


def test_tables_of_the_first_version_without_events_are_brought_up_to_date(url: str, store: Store) -> None:
    make_first_version(store)
    with closing(Store.open(url)) as upgraded:
        assert upgraded.progress() == []


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


@pytest.mark.parametrize("former", [make_first_version, make_second_version])
def test_upgraded_tables_are_shaped_as_new_ones(url: str, store: Store, former: Callable[[Store], None]) -> None:
    new = shape(store)
    former(store)
    assert shape(store) != new
    with closing(Store.open(url)) as upgraded:
        assert shape(upgraded) == new


def test_consumers_that_start_together_bring_tables_up_to_date_once(url: str, store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    new = shape(store)
    make_first_version(store)
    with ThreadPoolExecutor(6) as threads:
        for opened in threads.map(lambda _: Store.open(url), range(6)):
            opened.close()
    assert shape(store) == new
    assert store.count().rows == 1


@pytest.mark.parametrize("version", range(4, VERSION))
def test_from_each_version_it_goes_on_to_the_newest(tmp_path: Path, version: int) -> None:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    with closing(Store.open(url)) as store, store.engine.begin() as transaction:
        transaction.execute(update(versions).values(version=version))
    Store.open(url).close()
    with closing(Store.open(url, create=False)) as store, store.engine.begin() as transaction:
        assert transaction.execute(text("SELECT version FROM dockvoice_inventory")).all() == [(VERSION,)]


def test_the_version_of_the_tables_is_that_of_the_last_revision() -> None:
    assert newest() == VERSION


def test_an_upgrade_that_fails_changes_nothing(url: str, store: Store) -> None:
    make_second_version(store)
    with store.engine.begin() as transaction:  # somebody's own table where version 8 makes one
        transaction.execute(text("DROP TABLE dockvoice_said"))
        transaction.execute(text("CREATE TABLE dockvoice_said (note TEXT)"))
    before = shape(store)
    with pytest.raises((Misconfigured, Unavailable)):
        Store.open(url)
    assert shape(store) == before
    with pytest.raises(Misconfigured, match="of version 2;"):
        Store.open(url, create=False)


def test_tables_of_the_second_version_are_put_in_order_and_go_on_from_there(url: str, event: Read) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    came = [("dock-3", 1, 0), ("dock-4", 1, 1), ("dock-3", 2, 9), ("dock-3", 3, 4), ("dock-4", 2, 6)]
    times = [noon]
    with closing(Store.open(url, now=lambda: times[0])) as store:
        for device, number, minute in came:
            times[:] = [noon + timedelta(minutes=minute)]
            assert store.apply(event(recorded(number, at=("north", device)))) == Applied()
        make_second_version(store)
    with pytest.raises(Misconfigured, match="of version 2; `dockvoice inventory` brings them up to date"):
        Store.open(url, create=False)
    with closing(Store.open(url, now=lambda: noon)) as upgraded:
        assert upgraded.apply(event(recorded(3, at=("north", "dock-4")))) == Applied()
        rows = [(row.device, row.sequence) for row in upgraded.rows()]
    # Number 3 of dock-3 was handled after number 2, whatever the clock said.
    assert rows == [("dock-3", 1), ("dock-4", 1), ("dock-4", 2), ("dock-3", 2), ("dock-3", 3), ("dock-4", 3)]


def test_tables_of_somebody_else_are_left_alone(url: str, store: Store) -> None:
    with store.engine.begin() as transaction:
        transaction.execute(text("DROP TABLE dockvoice_inventory"))
    with pytest.raises(
        Misconfigured,
        match="dockvoice_announced, dockvoice_catalogue, dockvoice_clip_requests, dockvoice_clips, dockvoice_dossiers, "
        "dockvoice_dossiers_looked, dockvoice_expected, dockvoice_flags, dockvoice_pallets, dockvoice_postings, "
        "dockvoice_reviews, dockvoice_said, dockvoice_statuses, dockvoice_waiting, entries, events, refused, "
        "rejected, stock_moves there are not Dock",
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
