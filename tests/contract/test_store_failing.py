"""A store whose process, connection, server or disk fails: what was handled is applied whole, or not at all."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from dockvoice_protocol.errors import Unavailable
from inventory.ingest.applying import handle_event
from inventory.records import Applied, Duplicate, TableCounts
from inventory.repository import Store
from tests.dictated import amended, recorded
from tests.processes.starting import Started
from tests.servers.postgresql import PostgreSQL
from tests.store import Read

PAUSED_IN_A_TRANSACTION = """
import pickle, sys, time
from inventory.ingest.applying import handle_event
from inventory.repository import Store

store = Store.open(sys.argv[1])
with store.engine.begin() as transaction:
    handle_event(transaction, pickle.load(sys.stdin.buffer), store._now)
    print("handled", flush=True)
    time.sleep(60)
"""


def test_killed_in_a_transaction_nothing_is_half_applied(url: str, store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    change = event(amended(2, 1))
    command = [sys.executable, "-c", PAUSED_IN_A_TRANSACTION, url]
    with Started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        pickle.dump(change, child.stdin)
        child.stdin.close()
        assert child.stdout.readline() == b"handled\n"
        child.kill()

    assert store.count() == TableCounts(rows=1, amended=0, cancelled=0, events=1, repeated=0, refused=0, rejected=0)
    assert store.apply(change) == Applied()


def test_a_connection_lost_in_a_transaction_applies_nothing(postgresql: PostgreSQL, event: Read) -> None:
    with postgresql.database() as url, closing(Store.open(url)) as store:
        transaction = store.engine.connect()
        assert handle_event(transaction, event(recorded(1)), store._now) == Applied()
        pid = transaction.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgresql.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        with pytest.raises(OperationalError):
            transaction.commit()
        transaction.close()
        assert store.count().events == 0
        assert store.apply(event(recorded(1))) == Applied()


DIES = """
CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE TRIGGER dies AFTER INSERT ON stock_moves EXECUTE FUNCTION dies()
"""


def test_a_connection_lost_in_a_batch_applies_nothing_and_is_the_databases_fault(
    postgresql: PostgreSQL, event: Read
) -> None:
    with postgresql.database() as url, closing(Store.open(url)) as store:
        given = [event(recorded(number)) for number in range(1, 60)]
        with store.engine.begin() as site:
            site.execute(text(DIES))
        for _ in range(2):
            with pytest.raises(Unavailable, match="inventory"):
                store.batches.try_apply_all(given)
        with store.engine.begin() as site:
            site.execute(text("DROP TRIGGER dies ON stock_moves"))
        assert store.count().events == 0
        assert store.batches.try_apply_all(given) == [(one, Applied(one.sequence)) for one in given]


def test_after_an_outage_the_same_store_goes_on(event: Read) -> None:
    with PostgreSQL() as own, closing(Store.open(own.url)) as store:
        store.apply(event(recorded(1)))
        own.stop()
        with pytest.raises(Unavailable, match=f"127.0.0.1:{own.port}"):
            store.apply(event(recorded(2)))
        with pytest.raises(Unavailable):
            store.ping()
        own.start()
        store.ping()
        assert store.apply(event(recorded(2))) == Applied()
        assert store.apply(event(recorded(1))) == Duplicate()


def test_a_server_that_answers_before_its_disk_did_is_told_not_to(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url:
        postgresql.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
        with closing(Store.open(url)) as store, store.engine.begin() as transaction:
            assert transaction.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_sqlite_waits_for_the_disk_at_every_commit(tmp_path: Path) -> None:
    with closing(Store.open(f"sqlite:///{tmp_path / 'i.db'}")) as store, store.engine.begin() as transaction:
        assert transaction.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert transaction.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert transaction.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_a_full_disk_applies_nothing_and_is_tried_again(tmp_path: Path, event: Read) -> None:
    with closing(Store.open(f"sqlite:///{tmp_path / 'i.db'}")) as store:
        long = replace(event(recorded(1)), body=b'"' + b"x" * 100_000 + b'"')
        with store.engine.begin() as transaction:
            room = transaction.execute(text("PRAGMA page_count")).scalar_one()
            transaction.execute(text(f"PRAGMA max_page_count = {room + 1}"))
        with pytest.raises(Unavailable, match="full; see that the disk has room"):
            store.apply(long)
        assert store.count().events == 0
        with store.engine.begin() as transaction:
            transaction.execute(text("PRAGMA max_page_count = 100000"))
        assert store.apply(long) == Applied()
