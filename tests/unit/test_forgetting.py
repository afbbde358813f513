"""The oldest entries make room: never what is owed or looked at, and the chain tells that nothing else is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.hash_chain import BadEvent, DefectKind
from edge.config import Keep
from edge.deliver.device_events import entry_event
from edge.keep import device_key, entry_log, retention
from edge.keep.audit import verify
from edge.keep.database import JOURNAL
from edge.keep.device_key import Anchor
from edge.keep.entry_log import ENTRIES, EntryLog, sequence_of
from edge.keep.journal import Journal
from edge.keep.retention import Reserve
from edge.keep.signed import DecisionFailure
from tests.sayings import ACCEPT, ASK, MUMBLED, database, entry, utterance

render = partial(entry_event, site="hall", device="dock-1")


def commit(journal: Journal, count: int, *, source: str = "microphone") -> list[str]:
    """So many entries; their event ids."""
    ids = []
    for _ in range(count):
        said = utterance(journal.trail.last_sequence(), source=source)
        meant = entry(said, journal.store_utterance(said))
        ids.append(journal.commit(meant, ACCEPT, partial(render, meant)).event_id)
    return ids


def outlive(journal: Journal) -> None:
    """Remove every recording that nothing rests on."""
    journal.retention.remove_evidence(journal.retention.list_spare_evidence(1000))


def settled(journal: Journal, count: int) -> list[str]:
    """So many entries that nothing rests on any more."""
    ids = commit(journal, count)
    for event_id in ids:
        journal.outbox.settle(event_id, None)
    outlive(journal)
    return ids


def sequences(journal: Journal) -> list[int]:
    return [kept.sequence for kept in reversed(journal.queries.entries(1000))]


def test_a_decision_that_is_done_goes_when_nothing_is_left_that_it_could_be_about(journal: Journal) -> None:
    settled(journal, 3)
    for signature in ("outlived", "late", "due"):
        journal.orders.store(signature, "{}")
    for signature in ("outlived", "late"):
        journal.orders.refuse(signature, DecisionFailure.LATE)
    database(journal).execute("UPDATE orders SET taken_at = '2000' WHERE signature <> 'late'")
    assert journal.retention.prune(100) == 2
    kept = {row["signature"] for row in database(journal).rows("SELECT signature FROM orders")}
    assert kept == {"late", "due"}


def logged(directory: Path) -> list[int]:
    log = EntryLog(directory)
    try:
        return [sequence_of(one) for one in log.entries()]
    finally:
        log.close()


def test_the_oldest_go_and_the_newest_goes_on(journal: Journal, tmp_path: Path) -> None:
    settled(journal, 10)
    assert [journal.retention.prune(4), journal.retention.prune(100), journal.retention.prune(100)] == [4, 5, 0]
    assert sequences(journal) == logged(tmp_path) == [10]
    assert journal.trail.last_removed_sequence == 9
    commit(journal, 2)
    assert sequences(journal) == logged(tmp_path) == [10, 11, 12]
    report = verify(journal.trail)
    assert (report.events, report.forgotten, report.broken) == (3, 9, None)


def owed(journal: Journal, _: str) -> None:
    journal.outbox.reopen(3, 3)


def dead(journal: Journal, event_id: str) -> None:
    journal.outbox.reopen(3, 3)
    journal.outbox.dead_letter(event_id, "too large", lambda event: event)
    journal.outbox.settle(event_id, None)


def flagged(journal: Journal, event_id: str) -> None:
    with database(journal).writing():
        database(journal).execute(
            "UPDATE utterances SET flag = 'a model read something else' "
            "WHERE utterance_id = (SELECT utterance_id FROM entries WHERE event_id = ?)",
            [event_id],
        )


@pytest.mark.parametrize("needed", [owed, dead, flagged])
def test_what_is_owed_or_waits_for_a_person_stays_and_all_behind_it(
    journal: Journal, needed: Callable[[Journal, str], None]
) -> None:
    needed(journal, settled(journal, 6)[2])
    assert journal.retention.prune(100) == 2
    assert sequences(journal) == [3, 4, 5, 6]


def test_what_was_said_to_no_effect_goes_with_what_was_said_after_it_and_a_recording_stays_known(
    journal: Journal,
) -> None:
    mumbled = [utterance(0), replace(utterance(9), heard_at=datetime(2027, 1, 1, tzinfo=UTC))]
    for said in mumbled:
        journal.store_utterance(said)
        journal.conclude(said.utterance_id, MUMBLED, ASK)
    played = utterance(1, source="sha256:f00d")
    meant = entry(played, journal.store_utterance(played))
    journal.outbox.settle(journal.commit(meant, ACCEPT, partial(render, meant)).event_id, None)
    settled(journal, 2)
    assert journal.retention.prune(100) == 2
    assert [journal.queries.get_utterance(said.utterance_id) is None for said in mumbled] == [True, False]
    assert journal.queries.find_utterance(played.source, played.segment) is not None


def test_what_models_answered_goes_with_its_utterance(journal: Journal) -> None:
    settled(journal, 3)
    with database(journal).writing():
        database(journal).execute(
            "INSERT INTO answers (utterance_id, interpreter, came, answered_at) "
            "SELECT utterance_id, 'a model', 'in time', '2026-11-20' FROM entries"
        )
    journal.retention.prune(2)
    assert [row["n"] for row in database(journal).rows("SELECT count(*) AS n FROM answers")] == [1]


def test_a_journal_that_breaks_afterwards_is_rebuilt_from_what_the_log_still_has(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        settled(journal, 6)
        journal.retention.prune(3)
        commit(journal, 1)
    (tmp_path / JOURNAL).write_bytes(b"rubbish" * 1000)
    with Journal.open(tmp_path) as journal:
        assert sequences(journal) == [4, 5, 6, 7]
        report = verify(journal.trail)
        assert report.forgotten == 3
        # What became of the recordings is not known any more, but for those that are there.
        assert report.broken == BadEvent(4, DefectKind.RECORDING_MISSING)


@pytest.mark.parametrize("shortened", [False, True])
def test_a_crash_before_the_rows_are_gone_leaves_more_than_the_anchor_says(tmp_path: Path, shortened: bool) -> None:
    with Journal.open(tmp_path) as journal:
        settled(journal, 5)
        third = next(trailed for trailed in journal.trail.events() if trailed.sequence == 3)
        Anchor.signed(3, third.link, device_key.load_or_create(tmp_path)).write(tmp_path)
        if shortened:
            journal._entries._entry_log.forget(3)
    assert logged(tmp_path) == ([4, 5] if shortened else [1, 2, 3, 4, 5])
    with Journal.open(tmp_path) as journal:
        assert sequences(journal) == [1, 2, 3, 4, 5]
        report = verify(journal.trail)
        assert (report.events, report.forgotten, report.broken) == (2, 3, None)
        assert journal.retention.prune(100) == 4
    assert logged(tmp_path) == [5]


def test_whoever_cuts_off_the_beginning_without_the_devices_key_is_found_out(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        settled(journal, 6)
        journal.retention.prune(3)
        fifth = next(trailed for trailed in journal.trail.events() if trailed.sequence == 5)
        anchor = tmp_path / "journal.anchor"
        honest = anchor.read_text()
        for forged, found in (
            ({"sequence": 5, "link": fifth.link}, BadEvent(5, DefectKind.FORGED)),
            ({"removed_at": "2020-01-01"}, BadEvent(3, DefectKind.FORGED)),
            ({"keyid": "0" * 16}, BadEvent(3, DefectKind.UNKNOWN_KEY)),
        ):
            anchor.write_text(json.dumps({**json.loads(honest), **forged}))
            assert verify(journal.trail).broken == found
        anchor.unlink()
        assert verify(journal.trail).broken == BadEvent(1, DefectKind.MISSING)
        anchor.write_text(honest)
        assert verify(journal.trail).broken is None


def test_room_is_made_until_the_entries_are_within_their_budget(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MB", 450_000)
    settled(journal, 170)
    owed_since = len(sequences(journal)) + 1
    commit(journal, 20)
    before = journal.retention.entries_bytes()
    keep = Keep(entries_mb=1, alarm_free_mb=2, stop_free_mb=1)
    for _ in range(20):
        journal.retention.free_disk_space(keep, Reserve(tmp_path, 0), datetime.now(UTC), believed=True)
    assert before > 1.5 * retention.MB
    assert journal.retention.entries_bytes() <= retention.MB
    assert sequences(journal)[-20:] == list(range(owed_since, owed_since + 20))
    assert (tmp_path / ENTRIES).stat().st_blocks * 512 < (tmp_path / ENTRIES).stat().st_size / 2
    assert verify(journal.trail).broken is None


def test_on_a_disk_that_knows_no_holes_nothing_is_removed_and_it_is_told_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settled(journal, 5)
    monkeypatch.setattr(entry_log, "can_punch_holes", lambda _: False)
    assert [journal.retention.prune(2), journal.retention.prune(2)] == [0, 0]
    assert sequences(journal) == [1, 2, 3, 4, 5]
    assert caplog.text.count("no entries are removed") == 1
    assert journal.trail.last_removed_sequence == 0
    assert verify(journal.trail).broken is None
