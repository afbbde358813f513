"""Real damage to the journal's file: it is set aside and rebuilt, and nothing is lost, numbered anew or applied twice.

The truth is what the journal told before it was damaged; the inventory's part is played by comparing event ids: what
goes out again under its own id is a duplicate there.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.agent.app import Agent
from edge.agent.parts import Parts
from edge.config import Settings, Speak
from edge.keep import audit, database, entry_log
from edge.keep.entry_log import EntryLog
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import Damaged
from edge.records import Frame, OutboxRow
from tests.fakes import ScriptedInterpreter
from tests.sayings import ACCEPT, ASK, READ, entry, render, utterance
from tests.waiting import PATIENCE_S

ENTRIES = 60  # Enough for tables of several pages, so that damage in one leaves others.
SETTLED = 40

PAGE = 4096


@dataclass(frozen=True)
class Device:
    """A state directory with a past, and what is true of it."""

    directory: Path
    rows: list[OutboxRow]
    asked: set[str]  # Utterances that led to a question, and to no entry.

    @property
    def journal(self) -> Path:
        return self.directory / "journal.db"

    def aside(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("journal.broken-*"))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """What each test damages a copy of."""
    directory = tmp_path_factory.mktemp("past")
    rows, asked = [], set()
    with Journal.open(directory) as journal:
        for number in range(ENTRIES):
            said = utterance(number)
            rows.append(journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render))
        for number in range(ENTRIES, ENTRIES + 5):
            said = utterance(number)
            journal.store_utterance(said)
            journal.conclude(said.utterance_id, READ, ASK)
            asked.add(said.utterance_id)
        for row in rows[:SETTLED]:
            journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.APPLIED))
    return Device(directory, rows, asked)


@pytest.fixture
def device(past: Device, tmp_path: Path) -> Device:
    shutil.copytree(past.directory, tmp_path, dirs_exist_ok=True)
    return replace(past, directory=tmp_path, rows=[*past.rows], asked={*past.asked})


def zero_the_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def overwrite_the_middle(path: Path) -> None:
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        file.seek(pages // 3 * PAGE)
        file.write(b"\xa5" * PAGE * (pages // 3))


def cut_off(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE * PAGE)


def cut_to_nothing(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(0)


def overwrite_with_text(path: Path) -> None:
    path.write_text("no database at all, but long enough to be taken for one" * 500)


def damage_an_index(path: Path) -> None:
    """All rows can still be read."""
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'utterances_of_source'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


DAMAGES = [zero_the_header, overwrite_the_middle, cut_off, cut_to_nothing, overwrite_with_text, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_entry_keeps_its_event_and_its_number_and_nothing_is_read_as_if_it_were_new(
    device: Device, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(device.journal)
    broken = device.journal.read_bytes() if device.journal.exists() else None
    with Journal.open(device.directory) as journal:
        assert [row.event_id for row in reversed(journal.queries.entries(1000))] == [
            row.event_id for row in device.rows
        ]
        assert audit.verify(journal.trail).broken is None
        sent_again = journal.outbox.load_due(1000)
        assert set(sent_again) <= set(device.rows)
        assert set(device.rows[SETTLED:]) <= set(sent_again)

        assert list(journal.queries.unread_utterances()) == []
        counts = journal.queries.counts()
        assert (counts.utterances, counts.accepted) == (ENTRIES + len(device.asked), ENTRIES)
        assert counts.asked + len(journal.review.list_under_review()) == len(device.asked)
        assert {one.utterance_id for one in journal.review.list_under_review()} <= device.asked

        said = utterance(ENTRIES + 5)
        following = journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
        assert following.sequence == ENTRIES + 1
        assert audit.verify(journal.trail).broken is None
    assert "a new one was made of what is known" in caplog.text
    if broken is not None:
        (aside,) = device.directory.glob("journal.broken-*.db")
        assert aside.read_bytes() == broken
        assert aside.name in caplog.text
    caplog.clear()
    Journal.open(device.directory).close()
    assert caplog.text == ""
    assert not list(device.directory.glob("journal.rebuilt*"))


def test_what_the_second_copy_cannot_know_is_read_from_the_broken_file(device: Device) -> None:
    damage_an_index(device.journal)
    with Journal.open(device.directory) as journal:
        assert device.aside()
        counts = journal.queries.counts()
        assert (counts.applied, counts.unsettled, counts.asked) == (SETTLED, ENTRIES - SETTLED, len(device.asked))
        assert journal.review.list_under_review() == []


def test_a_log_of_sqlite_is_set_aside_with_its_file(device: Device) -> None:
    with Journal.open(device.directory):
        copies = {end: (device.directory / f"journal.db{end}").read_bytes() for end in ("", "-wal", "-shm")}
    for end, content in copies.items():
        (device.directory / f"journal.db{end}").write_bytes(content)
    zero_the_header(device.journal)
    Journal.open(device.directory).close()
    (name,) = [name for name in device.aside() if name.endswith(".db")]
    assert device.aside() == [name, f"{name}-shm", f"{name}-wal"]


class TestTheLogOfSqliteIsGone:
    """A whole file, but an old one: what was last committed was in the write-ahead log."""

    @pytest.fixture
    def device(self, device: Device, tmp_path_factory: pytest.TempPathFactory) -> Device:
        """Three entries and a question more, and then the file as it was before them."""
        before = tmp_path_factory.mktemp("copy") / "journal.db"
        shutil.copy(device.journal, before)
        with Journal.open(device.directory) as journal:
            for number in range(100, 103):
                said = utterance(number)
                device.rows.append(journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render))
            said = utterance(103)
            journal.store_utterance(said)
            journal.conclude(said.utterance_id, READ, ASK)
            device.asked.add(said.utterance_id)
        shutil.copy(before, device.journal)
        return device

    def test_the_entries_come_back_from_their_second_copy(
        self, device: Device, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Journal.open(device.directory) as journal:
            assert journal.outbox.load_due(100) == device.rows[SETTLED:]
            assert audit.verify(journal.trail).broken is None
        assert f"brought up from {ENTRIES} to {ENTRIES + 3} entries" in caplog.text

    def test_an_utterance_whose_verdict_is_lost_is_put_under_review(self, device: Device) -> None:
        with Journal.open(device.directory) as journal:
            assert list(journal.queries.unread_utterances()) == []
            (reviewed,) = journal.review.list_under_review()
            assert reviewed.utterance_id in device.asked
            assert journal.queries.counts().asked == len(device.asked) - 1


def test_a_kill_between_the_second_copy_and_the_commit_enters_the_entry_once(device: Device) -> None:
    before = device.directory.parent / "before.db"
    shutil.copy(device.journal, before)
    with Journal.open(device.directory) as journal:
        said = utterance(100)
        row = journal.commit(entry(said, kept := journal.store_utterance(said)), ACCEPT, render)
    shutil.copy(before, device.journal)
    kept.path.rename(device.directory / "evidence" / "new" / kept.path.name)
    with Journal.open(device.directory) as journal:
        assert journal.outbox.load_due(100)[-1] == row
        assert list(journal.queries.unread_utterances()) == []
        assert journal.review.list_under_review() == []
        assert journal.commit(entry(said, kept), ACCEPT, render) == row


class TestTheSecondCopy:
    def test_a_journal_from_before_there_was_one_gets_it(self, device: Device) -> None:
        log = device.directory / entry_log.ENTRIES
        whole = log.read_bytes()
        log.unlink()
        Journal.open(device.directory).close()
        with_log = EntryLog(device.directory)
        assert with_log.last_sequence == ENTRIES
        assert len(log.read_bytes().splitlines()) == len(whole.splitlines())
        with_log.close()
        device.journal.unlink()
        with Journal.open(device.directory) as journal:
            assert set(device.rows[SETTLED:]) <= set(journal.outbox.load_due(1000))

    @pytest.mark.parametrize("kept", [0, 1, 0.5, 0.999])
    def test_a_damaged_end_is_made_good_from_the_journal(self, device: Device, kept: float) -> None:
        log = device.directory / entry_log.ENTRIES
        whole = [line.split(b'"outbox"')[1] for line in log.read_bytes().splitlines()]
        log.write_bytes(log.read_bytes()[: int(log.stat().st_size * kept)] + b"rubbish")
        Journal.open(device.directory).close()
        assert [line.split(b'"outbox"')[1] for line in log.read_bytes().splitlines()] == whole

    def test_without_it_a_broken_journal_is_not_guessed_at(self, device: Device) -> None:
        (device.directory / entry_log.ENTRIES).unlink()
        overwrite_the_middle(device.journal)
        before = device.journal.read_bytes()
        for _ in range(2):
            with pytest.raises(StorageFailed, match=r"journal\.db: .*restore it from a copy"):
                Journal.open(device.directory)
        assert device.journal.read_bytes() == before
        assert device.aside() == []

    def test_that_of_another_device_is_refused(self, device: Device, tmp_path_factory: pytest.TempPathFactory) -> None:
        other = tmp_path_factory.mktemp("other")
        with Journal.open(other) as journal:
            said = utterance()
            journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
        shutil.copy(other / entry_log.ENTRIES, device.directory)
        with pytest.raises(StorageFailed, match=r"entry 1 is another one than in .*entries\.log"):
            Journal.open(device.directory)
        assert device.aside() == []


@pytest.mark.parametrize("step", range(9))
def test_a_kill_within_the_rebuilding_is_made_good_by_the_next_start(
    device: Device, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are the names that are given and taken; what is written before them is in a file of its own."""
    with Journal.open(device.directory):
        zero_the_header(device.journal)  # its log is there
        copies = {end: (device.directory / f"journal.db{end}").read_bytes() for end in ("", "-wal", "-shm")}
    for end, content in copies.items():
        (device.directory / f"journal.db{end}").write_bytes(content)
    steps = count()

    def killed(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            if next(steps) == step:
                raise KeyboardInterrupt
            return call(*arguments, **named)

        return stepped

    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(Path, name, killed(getattr(Path, name)))
    with suppress(KeyboardInterrupt):
        Journal.open(device.directory).close()
    monkeypatch.undo()
    with Journal.open(device.directory) as journal:
        assert [row.event_id for row in reversed(journal.queries.entries(1000))] == [
            row.event_id for row in device.rows
        ]
        assert audit.verify(journal.trail).broken is None
        assert list(journal.queries.unread_utterances()) == []
        assert journal.queries.counts().utterances == ENTRIES + len(device.asked)
    assert [name for name in device.aside() if name.endswith(".db")], "the broken file is not kept"


class Silence:
    """A microphone in a silent room, for as long as the agent listens."""

    name = "microphone"
    live = True

    def frames(self) -> Iterator[Frame]:
        deadline = time.monotonic() + PATIENCE_S
        for number in count():
            assert time.monotonic() < deadline, "the agent works on"
            time.sleep(0.02)  # the pace of sound
            yield Frame(number * 320, bytes(640))

    def close(self) -> None:
        pass


def test_a_journal_too_large_for_the_start_is_checked_beside_the_agent_at_work(
    device: Device, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    monkeypatch.setattr(database, "CHECK_AT_OPEN_BYTES", -1)
    monkeypatch.setattr("edge.keep.journal.CHECK_AT_OPEN_BYTES", -1)
    damage_an_index(device.journal)
    form = load_form(repository / "schemas" / "forms" / "pallet-move.schema.json")
    settings = Settings(state_directory=device.directory, speak=Speak(enabled=False))
    parts = Parts(settings, form, Catalogue.load(repository / "config" / "catalogue"), ScriptedInterpreter())
    with JournalThread(device.directory) as executor, pytest.raises(ExceptionGroup) as fault:
        asyncio.run(Agent(parts, executor, lambda _: None, live=True).run([Silence()], settle_within_s=0))
    assert fault.group_contains(Damaged)
    with Journal.open(device.directory) as journal:
        assert device.aside()
        assert journal.queries.counts().accepted == ENTRIES


def test_damage_found_while_the_agent_works_is_mended_at_the_next_start(device: Device) -> None:
    with Journal.open(device.directory):
        Journal.check(device.directory)
        overwrite_the_middle(device.journal)
        with pytest.raises(StorageFailed, match=r"journal\.db: .*(damaged|malformed)"):
            Journal.check(device.directory)
    with Journal.open(device.directory) as journal:
        assert device.aside()
        assert journal.queries.counts().accepted == ENTRIES
    assert not (device.directory / "journal.damaged").exists()
