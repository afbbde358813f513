"""Which recordings make room, and which never do."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from dockvoice_protocol.records import Receipt, ReceiptOutcome, ShiftChange, ShiftEvent
from edge.config import Keep
from edge.keep import audit, retention
from edge.keep.journal import Journal
from edge.keep.retention import Reserve
from edge.keep.storage import DiskFull
from edge.records import Utterance
from tests.sayings import ACCEPT, ASK, NOON, READ, database, entry, render, utterance
from tests.servers.small_disk import full

KEEP = Keep(stop_free_mb=100, alarm_free_mb=500, reserve_mb=0)

AMPLE, WANTING = 10**12, 10**8  # Bytes free on the disk.


def settled(journal: Journal, number: int, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED) -> Utterance:
    said = owed(journal, number)
    event_id = str(journal.queries.history(said.utterance_id).event_id)
    journal.outbox.settle(event_id, Receipt(event_id, outcome))
    return said


def owed(journal: Journal, number: int) -> Utterance:
    said = utterance(number)
    journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
    return said


def asked(journal: Journal, number: int) -> Utterance:
    said = utterance(number)
    journal.store_utterance(said)
    journal.conclude(said.utterance_id, READ, ASK)
    return said


def unread(journal: Journal, number: int) -> Utterance:
    said = utterance(number)
    journal.store_utterance(said)
    return said


class Disk:
    """A disk that says how much is free as the test will have it."""

    free = AMPLE

    def tidy(
        self, journal: Journal, keep: Keep = KEEP, days_later: int = 0, reserve: int = 0, *, believed: bool = True
    ) -> int:
        at = NOON + timedelta(days=days_later)
        return journal.retention.free_disk_space(keep, Reserve(journal.directory, reserve), at, believed=believed)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(retention, "free_bytes", lambda _: disk.free)
    return disk


def kept(journal: Journal, said: Utterance) -> bool:
    found = journal.queries.history(said.utterance_id)
    exists = (journal.directory / found.audio_path).exists()
    assert exists is (found.audio_removed_at is None)
    return exists


def test_what_is_owed_or_undecided_is_never_removed(journal: Journal, disk: Disk) -> None:
    needed = [owed(journal, 0), unread(journal, 1)]
    dead = owed(journal, 2)
    event_id = str(journal.queries.history(dead.utterance_id).event_id)
    journal.outbox.dead_letter(event_id, "too_large", lambda event: event)
    journal.outbox.settle(event_id, None)
    disk.free = 0
    disk.tidy(journal, days_later=10_000)
    assert all(kept(journal, said) for said in [*needed, dead])


def test_what_is_owed_again_or_decided_anew_is_needed_again(journal: Journal, disk: Disk) -> None:
    again, answered = settled(journal, 0), asked(journal, 1)
    journal.outbox.reopen(1)
    recording = journal.store_utterance(answered)
    journal.commit(entry(answered, recording), ACCEPT, render)
    disk.free = WANTING
    disk.tidy(journal)
    assert kept(journal, again)
    assert kept(journal, answered)


@pytest.mark.parametrize("outcome", ReceiptOutcome)
def test_too_little_free_takes_what_is_settled(journal: Journal, disk: Disk, outcome: ReceiptOutcome) -> None:
    done, question = settled(journal, 0, outcome), asked(journal, 1)
    disk.tidy(journal)
    assert kept(journal, done)
    disk.free = WANTING
    disk.tidy(journal)
    assert not kept(journal, done)
    assert not kept(journal, question)


def test_over_budget_the_oldest_go_first_and_no_more_than_needed(journal: Journal, disk: Disk, tmp_path: Path) -> None:
    sayings = [settled(journal, number) for number in (4, 0, 3, 1, 2)]
    by_age = sorted(sayings, key=lambda said: said.heard_at)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE utterances SET audio_bytes = 400000, dated_at = heard_at")
        db.execute("UPDATE tally SET n = 2000000 WHERE what = 'evidence bytes'")
    disk.tidy(journal, Keep(budget_mb=1))
    assert [kept(journal, said) for said in by_age] == [False, False, False, True, True]
    assert journal.retention.evidence_bytes() == 800_000


def test_what_has_outlived_its_time_goes(journal: Journal, disk: Disk) -> None:
    said = settled(journal, 0)
    with database(journal).writing():
        journal.shifts.store_change(ShiftEvent("op-17", ShiftChange.ON))
        database(journal).execute("UPDATE shifts SET at = ?", [NOON.isoformat()])
    disk.tidy(journal)  # the clock that heard it is believed
    disk.tidy(journal, days_later=89)
    assert kept(journal, said)
    assert len(journal.shifts.shifts_and_breaks(1)) == 1
    disk.tidy(journal, days_later=91)
    assert not kept(journal, said)
    assert journal.shifts.shifts_and_breaks(1) == []


@pytest.mark.parametrize("days_later", [3650, -20_000])
def test_a_clock_that_nobody_vouches_for_removes_nothing(journal: Journal, disk: Disk, days_later: int) -> None:
    said = [settled(journal, number) for number in range(3)]
    disk.tidy(journal)
    disk.tidy(journal, days_later=days_later, believed=False)
    assert all(kept(journal, one) for one in said)


def test_what_was_heard_by_a_doubtful_clock_is_as_old_as_the_first_look_of_a_believed_one(
    journal: Journal, disk: Disk
) -> None:
    said = settled(journal, 0)
    disk.tidy(journal, days_later=-20_000, believed=False)
    disk.tidy(journal, days_later=100)  # by its date it would have outlived its time
    disk.tidy(journal, days_later=189)
    assert kept(journal, said)
    disk.tidy(journal, days_later=191)
    assert not kept(journal, said)


def test_whose_age_is_not_known_goes_last_and_in_the_order_in_which_it_came(journal: Journal) -> None:
    sayings = [settled(journal, number) for number in (2, 0, 1)]
    database(journal).execute(
        "UPDATE utterances SET dated_at = heard_at WHERE utterance_id = ?", [sayings[2].utterance_id]
    )
    spare = [one.utterance_id for one in journal.retention.list_spare_evidence(10)]
    assert spare == [sayings[at].utterance_id for at in (2, 0, 1)]


def test_where_no_audio_is_kept_it_goes_with_the_receipt(journal: Journal, disk: Disk) -> None:
    done, question, needed = settled(journal, 0), asked(journal, 1), owed(journal, 2)
    disk.tidy(journal, Keep(audio_after_receipt=False), believed=False)
    assert [kept(journal, said) for said in (done, question, needed)] == [False, False, True]
    assert audit.verify(journal.trail).broken is None


@pytest.mark.parametrize("nth", range(5))
def test_a_kill_at_an_unlink_leaves_a_record_that_tells_the_truth(
    journal: Journal, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    sayings = [settled(journal, number) for number in range(4)]
    unlinked: list[Path] = []

    def killed(path: Path) -> None:
        if len(unlinked) == nth:
            raise KeyboardInterrupt
        unlinked.append(path)
        path.unlink()

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr("edge.keep.evidence.remove", killed)
        journal.retention.remove_evidence(journal.retention.list_spare_evidence(10))
    assert len(unlinked) == nth
    assert audit.verify(journal.trail).broken is None
    journal.close()
    with Journal.open(tmp_path) as again:
        disk.tidy(again)
        assert not any(kept(again, said) for said in sayings)
        assert audit.verify(again.trail).broken is None
        assert again.retention.evidence_bytes() == 0


def test_a_disk_too_full_to_say_what_is_removed_keeps_it(journal: Journal, disk: Disk) -> None:
    said = settled(journal, 0)
    disk.free = 0
    with full(journal), suppress(DiskFull):
        disk.tidy(journal)
    assert audit.verify(journal.trail).broken is None
    disk.tidy(journal)
    assert not kept(journal, said)


class TestTheReserve:
    def test_it_takes_real_room_and_gives_it_back(self, journal: Journal, disk: Disk) -> None:
        disk.tidy(journal, reserve=3_000_000)
        path = journal.directory / "journal.reserve"
        assert path.stat().st_blocks * 512 >= 3_000_000
        reserve = Reserve(journal.directory, 3_000_000)
        assert reserve.missing_bytes == 0
        assert reserve.release()
        assert not path.exists()
        assert not reserve.release()

    def test_it_is_not_taken_from_what_recording_needs(self, journal: Journal, disk: Disk) -> None:
        disk.free = 102_999_999
        disk.tidy(journal, reserve=3_000_000)
        assert not (journal.directory / "journal.reserve").exists()
        disk.free = 103_000_000
        disk.tidy(journal, reserve=3_000_000)
        assert (journal.directory / "journal.reserve").exists()
