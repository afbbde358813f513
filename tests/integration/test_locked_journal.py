"""A journal that another program holds locked is waited for, loudly, and what is said meanwhile is kept."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.systemd import Notifier
from edge.agent.clock import Clock
from edge.agent.watchdog import Heartbeats, Supervisor
from edge.config import Keep, Settings
from edge.keep import database, evidence
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from tests.sayings import ACCEPT, entry, render, utterance
from tests.waiting import until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 50)


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody's SQLite shell, which can hold the journal locked."""
    Journal.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None, check_same_thread=False)) as shell:
        yield shell


def test_what_is_said_meanwhile_is_on_the_disk_and_becomes_entries_when_it_is_free(
    tmp_path: Path, lock: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with JournalThread(tmp_path, Keep()) as executor:
        lock.execute("BEGIN IMMEDIATE")
        said = [utterance(number) for number in range(5)]
        kept = [executor.store_utterance(one) for one in said]
        assert all(one.path.parent.name == "new" and one.path.exists() for one in kept)
        assert executor.locked is not None
        lock.execute("ROLLBACK")
        for one, recording in zip(said, kept, strict=True):
            executor.run(partial(Journal.commit, entry=entry(one, recording), verdict=ACCEPT, render=render))
        assert executor.locked is None
        assert executor.run(lambda journal: journal.trail.last_sequence()) == 5
        assert list((tmp_path / "evidence" / "new").iterdir()) == []
    assert "database is locked; close the other program that holds it locked" in caplog.text
    assert "is free again, and goes on" in caplog.text


def test_a_power_cut_meanwhile_loses_none_of_it(tmp_path: Path, lock: sqlite3.Connection) -> None:
    with JournalThread(tmp_path, Keep()) as executor:
        lock.execute("BEGIN IMMEDIATE")
        said = [executor.store_utterance(utterance(number)).path.stem for number in range(3)]
        with pytest.raises(StorageFailed, match="database is locked"):
            _killed(executor)
        lock.execute("ROLLBACK")
    with Journal.open(tmp_path) as journal:
        assert {one.utterance_id for one in journal.queries.unread_utterances()} == set(said)


def _killed(executor: JournalThread) -> None:
    executor._closing = True
    executor.run(lambda journal: journal.retention.evidence_bytes() or journal.store_utterance(utterance(9)))


def test_no_more_than_the_reserve_is_kept_aside(tmp_path: Path, lock: sqlite3.Connection) -> None:
    with JournalThread(tmp_path, Keep(reserve_mb=1)) as executor:
        lock.execute("BEGIN IMMEDIATE")
        long = [utterance(number, samples=16_000 * 9) for number in range(6)]
        with pytest.raises(DiskFull, match=r"as much as keep\.reserve_mb"):
            [executor.store_utterance(one) for one in long]
        lock.execute("ROLLBACK")
        until(lambda: executor.locked is None, "it never goes on")
        executor.store_utterance(utterance(9))


def test_a_start_that_has_something_to_write_waits_too(
    tmp_path: Path, lock: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    evidence.write(tmp_path, utterance(0))
    lock.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as somebody:
        somebody.submit(_let_go, lock, caplog)
        with JournalThread(tmp_path) as executor:
            assert executor.run(lambda journal: journal.queries.counts()).utterances == 1


def test_it_is_told_once_and_that_it_goes_on(tmp_path: Path, lock: sqlite3.Connection) -> None:
    told: list[bool] = []

    async def watched(executor: JournalThread) -> None:
        pulse = Heartbeats(dict.fromkeys(("loop", "journal", "relay", "ear"), 10.0))
        upkeep = Supervisor(Settings(), executor, pulse, Notifier.from_environment(), Clock(), Mock())
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(upkeep.run_watchdog(lambda: True, told.append))
            while len(told) < 2:
                await asyncio.sleep(0.05)
                if told == [True] and lock.in_transaction:
                    lock.execute("ROLLBACK")
            watching.cancel()

    with JournalThread(tmp_path, Keep()) as executor, ThreadPoolExecutor(1) as somebody:
        lock.execute("BEGIN IMMEDIATE")
        heard = somebody.submit(executor.store_utterance, utterance(0))  # only what is written meets the lock
        asyncio.run(asyncio.wait_for(watched(executor), 60))
        heard.result()
    assert told == [True, False]


def _let_go(lock: sqlite3.Connection, caplog: pytest.LogCaptureFixture) -> None:
    until(lambda: "database is locked" in caplog.text, "it says nothing")
    lock.execute("ROLLBACK")
