"""The journal opened, looked at, and told what was heard."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from dockvoice_protocol.errors import AlreadyRunning, Misconfigured, StorageFailed, UnreadableInput
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.deliver.device_events import entry_event
from edge.keep import evidence
from edge.keep.journal import Journal
from edge.keep.queries import Counts
from edge.records import Segment, Utterance
from inventory.ingest.rule import is_older_or_forked_instance
from tests.sayings import ACCEPT, ASK, IGNORE, REPEAT, committed, database, entry, utterance
from tests.servers.small_disk import full

RECORDING = "sha256:" + "a" * 64


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "state") as opened:
        yield opened


def begun(journal: Journal, said: Utterance) -> bool:
    try:
        journal.store_utterance(said)
    except StorageFailed:
        return False
    return True


def pragma(directory: Path, name: str) -> Any:
    with sqlite3.connect(directory / "journal.db") as db:
        found = db.execute(f"PRAGMA {name}").fetchone()[0]
    db.close()
    return found


class TestOpening:
    def test_a_closed_journal_can_be_opened_by_another(self, tmp_path: Path) -> None:
        Journal.open(tmp_path).close()
        with Journal.open(tmp_path), pytest.raises(AlreadyRunning):
            Journal.open(tmp_path)
        Journal.open(tmp_path).close()

    def test_a_file_that_is_no_database_is_named_and_kept(self, tmp_path: Path) -> None:
        rubbish = b"no database at all, but long enough to be taken for one" * 20
        (tmp_path / "journal.db").write_bytes(rubbish)
        with pytest.raises(StorageFailed, match=r"journal\.db: .*restore it from a copy"):
            Journal.open(tmp_path)
        assert (tmp_path / "journal.db").read_bytes() == rubbish

    def test_who_looks_into_a_broken_journal_is_told_that_the_agent_makes_it_anew(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path) as journal:
            committed(journal, utterance())
        (tmp_path / "journal.db").write_bytes(b"no database at all" * 20)
        with pytest.raises(StorageFailed, match=r"journal\.db: .*entries\.log is beside it, start the agent"):
            Journal.inspect(tmp_path)
        with Journal.open(tmp_path) as journal:
            assert journal.outbox.count_unsettled() == 1

    def test_a_file_in_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("in the way")
        with pytest.raises(StorageFailed, match=r"state: .*move it away"):
            Journal.open(tmp_path / "state")
        with pytest.raises(StorageFailed, match="move it away"):
            Journal.open(tmp_path / "state" / "below")

    def test_recordings_without_journal_and_log_are_not_taken_for_new(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path) as journal:
            committed(journal, utterance())
        (tmp_path / "journal.db").rename(tmp_path / "elsewhere.db")
        (tmp_path / "entries.log").rename(tmp_path / "elsewhere.log")
        for _ in range(2):
            with pytest.raises(StorageFailed, match=r"journal\.db: is missing, but the recordings"):
                Journal.open(tmp_path)
            assert not (tmp_path / "journal.db").exists()
        (tmp_path / "journal.db").touch()
        with pytest.raises(UnreadableInput, match=r"journal\.db: is empty; start the agent once"):
            Journal.inspect(tmp_path)
        with pytest.raises(StorageFailed, match=r"journal\.db: is empty, but the recordings"):
            Journal.open(tmp_path)

    def test_all_of_it_is_for_its_owner_only(self, journal: Journal, tmp_path: Path) -> None:
        committed(journal, utterance())
        made = [tmp_path / "state", *(tmp_path / "state").iterdir()]
        assert {path.name for path in made} >= {"state", "evidence", "journal.db", "journal.db-wal", "journal.lock"}
        assert [path.name for path in made if path.stat().st_mode & 0o077] == []

    def test_what_is_committed_is_synced_and_checked_by_sqlite(self, journal: Journal, tmp_path: Path) -> None:
        assert pragma(tmp_path / "state", "journal_mode") == "wal"
        assert database(journal).execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert database(journal).execute("PRAGMA foreign_keys").fetchone()[0] == 1


class TestInspecting:
    def test_without_a_journal(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableInput, match=r"journal\.db: no such journal"):
            Journal.inspect(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_beside_the_process_that_writes(self, journal: Journal, tmp_path: Path) -> None:
        row = committed(journal, utterance())
        with Journal.inspect(tmp_path / "state") as seen:
            assert seen.outbox.load_due(10) == [row]
            second = committed(journal, utterance(1))
            assert seen.outbox.load_due(10) == [row, second]
            assert seen.queries.counts() == journal.queries.counts()

    def test_it_cannot_write(self, journal: Journal, tmp_path: Path) -> None:
        with Journal.inspect(tmp_path / "state") as seen, pytest.raises(sqlite3.OperationalError, match="readonly"):
            database(seen).execute("DELETE FROM outbox")


class TestHearing:
    def test_what_cannot_be_written_is_not_acknowledged(self, journal: Journal, tmp_path: Path) -> None:
        (tmp_path / "state" / "evidence").write_text("in the way")
        said = utterance()
        with pytest.raises(StorageFailed, match=r"evidence.*move it away"):
            journal.store_utterance(said)
        assert journal.queries.get_utterance(said.utterance_id) is None

    def test_a_recording_without_a_row_is_adopted_at_the_next_start(self, tmp_path: Path) -> None:
        Journal.open(tmp_path).close()
        said = utterance()
        evidence.write(tmp_path, said)
        with Journal.open(tmp_path) as journal:
            assert list(journal.queries.unread_utterances()) == [said]
            assert journal.queries.counts().utterances == 1

    def test_what_a_full_disk_refuses_leaves_nothing_since_it_will_be_said_again(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path) as journal, full(journal):
            refused = {said.utterance_id for said in map(utterance, range(100)) if not begun(journal, said)}
        assert refused
        assert refused.isdisjoint(path.stem for path in evidence.list_recordings(tmp_path))
        with Journal.open(tmp_path) as journal:
            assert refused.isdisjoint(said.utterance_id for said in journal.queries.unread_utterances())

    def test_a_kill_between_the_row_and_the_moving_of_its_recording(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path) as journal:
            kept = journal.store_utterance(said := utterance())
        kept.path.rename(tmp_path / "evidence" / "new" / kept.path.name)
        with Journal.open(tmp_path) as journal:
            assert list(journal.queries.unread_utterances()) == [said]
        assert kept.path.exists()

    def test_a_copy_of_a_recording_is_not_a_second_utterance(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path) as journal:
            kept = journal.store_utterance(utterance())
        (tmp_path / "evidence" / "new" / "copy of it.flac").write_bytes(kept.path.read_bytes())
        with Journal.open(tmp_path) as journal:
            assert journal.queries.counts().utterances == 1

    def test_a_recording_that_cannot_be_adopted_is_named_and_stops_nobody(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Journal.open(tmp_path) as journal:
            journal.store_utterance(utterance())
        foreign = tmp_path / "evidence" / "new" / "foreign.flac"
        soundfile.write(foreign, [0.0] * 100, 16_000)
        broken = foreign.with_name("broken.flac")
        broken.write_bytes(b"fLaC")
        with Journal.open(tmp_path) as journal:
            assert len(list(journal.queries.unread_utterances())) == 1
        assert f"{foreign}: does not say whose sound it is" in caplog.text
        assert f"{broken}: is not a FLAC file" in caplog.text
        assert foreign.exists()
        assert broken.exists()

    def test_a_lost_recording_is_named_and_stops_nobody(
        self, journal: Journal, caplog: pytest.LogCaptureFixture
    ) -> None:
        lost, changed, good = utterance(0), utterance(1), utterance(2)
        journal.store_utterance(lost).path.unlink()
        path = journal.store_utterance(changed).path
        path.write_bytes(path.read_bytes() + b"!")
        journal.store_utterance(good)
        assert list(journal.queries.unread_utterances()) == [good]
        assert f"{lost.utterance_id}.flac: No such file" in caplog.text
        assert f"{changed.utterance_id}.flac: is not the recording that was written" in caplog.text

    def test_what_a_crash_left_half_written_is_removed(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path) as journal:
            journal.store_utterance(utterance())
        leftover = tmp_path / "evidence" / "new" / "half.flac.partial"
        leftover.write_bytes(b"fLaC")
        with Journal.open(tmp_path) as journal:
            assert journal.queries.counts().utterances == 1
        assert not leftover.exists()

    def test_beginning_twice_changes_nothing(self, journal: Journal) -> None:
        said = utterance()
        assert journal.store_utterance(said) == journal.store_utterance(said)
        assert journal.queries.counts().utterances == 1

    def test_unread_comes_with_its_sound_and_first_begun_first_whatever_the_clock_said(self, journal: Journal) -> None:
        first, second = utterance(5), utterance(3)  # between the two, the clock was set back
        journal.store_utterance(first)
        journal.store_utterance(second)
        assert list(journal.queries.unread_utterances()) == [first, second]


class TestKnowing:
    @pytest.fixture
    def said(self, journal: Journal) -> Utterance:
        said = utterance(1, source=RECORDING)
        journal.store_utterance(said)
        return said

    @pytest.mark.parametrize(
        ("speech", "known"),
        [
            ((16_100, 16_700), True),
            ((16_699, 20_000), True),
            ((0, 16_101), True),
            ((16_200, 16_300), True),
            ((0, 40_000), True),
            ((16_700, 20_000), False),
            ((0, 16_100), False),
        ],
    )
    def test_the_same_recording_played_again(
        self, journal: Journal, said: Utterance, speech: tuple[int, int], known: bool
    ) -> None:
        segment = Segment(0, *speech, 50_000, said.segment.closing, b"\0\0" * 40_000)
        found = journal.queries.find_utterance(RECORDING, segment)
        assert (found is not None) is known
        if found is not None:
            assert (found.utterance_id, found.verdict, found.event_id) == (said.utterance_id, None, None)

    def test_another_recording_and_a_microphone_are_new(self, journal: Journal, said: Utterance) -> None:
        live = utterance(1)
        journal.store_utterance(live)
        assert journal.queries.find_utterance("sha256:" + "b" * 64, said.segment) is None
        assert journal.queries.find_utterance("microphone", live.segment) is None

    def test_counts(self, journal: Journal) -> None:
        for number, verdict in enumerate([ASK, ASK, REPEAT, IGNORE]):
            said = utterance(number)
            journal.store_utterance(said)
            journal.conclude(said.utterance_id, None, verdict)
        journal.store_utterance(utterance(9))
        rows = [committed(journal, utterance(number)) for number in range(10, 15)]
        for row, outcome in zip(rows, [*ReceiptOutcome, None], strict=False):
            journal.outbox.settle(row.event_id, outcome and Receipt(row.event_id, outcome))
        assert journal.queries.counts() == Counts(
            utterances=10, accepted=5, asked=2, repeat=1, ignored=1, unsettled=1, applied=1, duplicate=1, refused=1
        )


def test_the_latest_of_each_signed_list_is_there_after_a_restart(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "state") as journal:
        kept = [
            journal.expected.store(site, place, version, body)
            for site, place, version, body in [
                ("north", "door/12", 2, "[2]"),
                ("north", "door/12", 1, "[1]"),
                ("north", "door/12", 2, "[22]"),
                ("north", "door/12", 2, "[2]"),
                ("north", "door/13", 1, "[13]"),
                ("north", "door/13", 2, None),
                ("north", "door/11", 1, "[11]"),
                ("south", "door/12", 1, "[0]"),
            ]
        ]
    assert kept == [*("new", "old", "old", "known"), *("new", "new", "new", "new")]
    with Journal.open(tmp_path / "state") as journal:
        assert journal.expected.bodies("north") == [("door/11", "[11]"), ("door/12", "[2]")]


def test_each_life_that_writes_is_another_instance_of_the_journal_and_an_older_copy_shows(tmp_path: Path) -> None:
    def life(directory: Path) -> str:
        with Journal.open(directory) as journal:
            said = utterance()
            meant = entry(said, journal.store_utterance(said))
            row = journal.commit(meant, ACCEPT, lambda minted: entry_event(meant, minted, site="s", device="d"))
            return str(json.loads(row.body)["instance"])

    first = life(tmp_path / "state")
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    Journal.open(tmp_path / "state").close()  # nothing was written: no new one
    second, other = life(tmp_path / "state"), life(tmp_path / "copy")
    assert [int(one.partition("-")[0]) for one in (first, second, other)] == [1, 2, 2]
    assert not is_older_or_forked_instance(second, first)
    assert is_older_or_forked_instance(other, second)
    assert is_older_or_forked_instance(first, second)


def test_a_journal_that_was_overtaken_says_so_whenever_it_is_opened(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.successor.demand_none()
        told = journal.successor.note("it ends at 4")
    with Journal.open(tmp_path) as journal, pytest.raises(Misconfigured, match=r"\(it ends at 4\); give this") as again:
        journal.successor.demand_none()
    assert str(again.value) == str(told)


@pytest.mark.parametrize("how", ["removed", "replaced", "moved"])
def test_a_journal_that_is_not_where_it_was_takes_nothing_any_more(tmp_path: Path, how: str) -> None:
    directory = tmp_path / "state"
    with Journal.open(directory) as journal:
        committed(journal, utterance(0))
        journal.demand_in_place()
        path = directory / "journal.db"
        match how:
            case "removed":
                shutil.rmtree(directory)
            case "replaced":
                shutil.copy(path, tmp_path / "older")
                (tmp_path / "older").replace(path)
            case _:
                directory.rename(tmp_path / "elsewhere")
        for write in (journal.demand_in_place, lambda: committed(journal, utterance(1))):
            with pytest.raises(StorageFailed, match="was removed, moved or replaced while it was in use"):
                write()
