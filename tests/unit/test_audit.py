"""A journal under attack: whatever is altered in it or beside it, the audit names the first event it concerns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge import hash_chain
from edge.errors import StorageFailed
from edge.hash_chain import Broken, Span, Wrong
from edge.keep import audit
from edge.keep.device_key import KEY, DeviceKey
from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, render, utterance

EVENTS = 5
AT = 3
"""The event that is attacked, unless a test says otherwise."""

Attack = Callable[[Journal], None]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as opened:
        commit(opened, EVENTS)
        yield opened


def commit(journal: Journal, count: int) -> None:
    for number in range(count):
        said = utterance(number)
        journal.commit(entry(said, journal.begin(said)), ACCEPT, render)


def sql(*statements: str, table: str = "", at: int = AT) -> Attack:
    """Statements in which `$table` and `:at` stand for these."""

    def attack(journal: Journal) -> None:
        journal._db.execute("PRAGMA foreign_keys = OFF")
        journal._db.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            journal._db.execute(statement.replace("$table", table), {"at": at})

    return attack


def everywhere(*statements: str, tables: tuple[str, ...] = ("entries", "audit", "outbox"), at: int = AT) -> Attack:
    def attack(journal: Journal) -> None:
        for table in tables:
            sql(*statements, table=table, at=at)(journal)

    return attack


DELETE = "DELETE FROM $table WHERE sequence = :at"
MOVE_UP = "UPDATE $table SET sequence = sequence - 1 WHERE sequence > :at"
EXCHANGE = (
    "UPDATE $table SET sequence = -1 WHERE sequence = :at",
    "UPDATE $table SET sequence = :at WHERE sequence = :at + 1",
    "UPDATE $table SET sequence = :at + 1 WHERE sequence = -1",
)
"""The numbers of two rows."""


def resigned(journal: Journal) -> None:
    """Somebody alters an event, links it anew and signs it with a key of his own, which he leaves in the journal."""
    stranger = DeviceKey.of(journal.directory / "evidence")
    trailed = {one.sequence: one for one in journal.trail.events()}[AT]
    event = {**trailed.event, "data": {"quantity": 99}}
    forged = hash_chain.sealed(event, trailed.previous, trailed.audio_sha256, trailed.reading or "", stranger)
    journal._db.execute(
        "UPDATE outbox SET body = ? WHERE sequence = ?", [json.dumps(forged, separators=(",", ":")), AT]
    )
    journal._db.execute(
        "UPDATE audit SET link = ?, public_key = ?, signature = ? WHERE sequence = ?",
        [forged[hash_chain.CHAIN], stranger.public.raw.hex(), forged[hash_chain.SIGNATURE], AT],
    )


def recording(journal: Journal, at: int = AT) -> Path:
    return journal.directory / {one.sequence: one for one in journal.trail.events()}[at].audio_path


def one_bit(journal: Journal) -> None:
    path = recording(journal)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_recording(journal: Journal) -> None:
    recording(journal).write_bytes(recording(journal, at=1).read_bytes())


def another_recording_and_its_hash(journal: Journal) -> None:
    another_recording(journal)
    sql(
        "UPDATE utterances SET audio_sha256 = (SELECT audio_sha256 FROM utterances JOIN entries USING (utterance_id) "
        "WHERE sequence = 1) WHERE utterance_id = (SELECT utterance_id FROM entries WHERE sequence = :at)"
    )(journal)


def utterance_of(change: str) -> Attack:
    """A change to the row of the utterance that the event rests on."""
    return sql(
        f"UPDATE utterances SET {change} "  # noqa: S608 - a forger's SQL, all of it above
        "WHERE utterance_id = (SELECT utterance_id FROM entries WHERE sequence = :at)"
    )


ATTACKS: dict[str, tuple[Attack, Wrong]] = {
    "a field altered": (
        sql("UPDATE outbox SET body = replace(body, '\"quantity\":12', '\"quantity\":21') WHERE sequence = :at"),
        Wrong.ALTERED,
    ),
    "a letter altered": (
        sql("UPDATE outbox SET body = replace(body, 'Łódź', 'Lódź') WHERE sequence = :at"),
        Wrong.ALTERED,
    ),
    "no event any more": (sql("UPDATE outbox SET body = '[1' WHERE sequence = :at"), Wrong.ALTERED),
    "the link altered": (sql("UPDATE audit SET link = 'none' WHERE sequence = :at"), Wrong.ALTERED),
    "the previous link altered": (sql("UPDATE audit SET previous = 'none' WHERE sequence = :at"), Wrong.MISPLACED),
    "two events exchanged": (everywhere(*EXCHANGE), Wrong.MISPLACED),
    "two bodies exchanged": (sql(*EXCHANGE, table="outbox"), Wrong.MISSING),
    "an event deleted": (everywhere(DELETE), Wrong.MISSING),
    "its link deleted": (sql(DELETE, table="audit"), Wrong.MISSING),
    "its body deleted": (sql(DELETE, table="outbox"), Wrong.MISSING),
    "its entry deleted": (sql(DELETE, table="entries"), Wrong.MISSING),
    "an event deleted, and the others moved up": (everywhere(DELETE, MOVE_UP), Wrong.MISPLACED),
    "its key taken away": (sql("UPDATE audit SET public_key = NULL"), Wrong.UNKNOWN_KEY),
    "its key made nonsense": (sql("UPDATE audit SET public_key = 'nonsense'"), Wrong.UNKNOWN_KEY),
    "the reading altered": (
        utterance_of("reading = replace(reading, 'pallet', 'ballet')"),
        Wrong.READING_ALTERED,
    ),
    "the reading deleted": (utterance_of("reading = NULL"), Wrong.READING_ALTERED),
    "a bit of the recording": (one_bit, Wrong.RECORDING_ALTERED),
    "another recording": (another_recording, Wrong.RECORDING_ALTERED),
    "another recording and its hash": (another_recording_and_its_hash, Wrong.ALTERED),
    "the recording deleted": (lambda journal: recording(journal).unlink(), Wrong.RECORDING_MISSING),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found_where_it_was_made(journal: Journal, attack: str) -> None:
    made, wrong = ATTACKS[attack]
    made(journal)
    at = 1 if wrong is Wrong.UNKNOWN_KEY else AT  # the key signed all of them
    report = audit.verify(journal.trail)
    assert report.broken == Broken(at, wrong)
    assert report.events == at - 1


def test_an_event_signed_anew_with_another_key_does_not_fit_between_its_neighbours(journal: Journal) -> None:
    resigned(journal)
    report = audit.verify(journal.trail)
    assert report.broken == Broken(AT + 1, Wrong.MISPLACED)
    assert [span.last - span.first for span in report.spans] == [AT - 2, 0]  # his key stands out besides


def test_the_last_event_signed_anew_shows_another_key(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        commit(journal, AT)
        resigned(journal)
        report = audit.verify(journal.trail)
        assert report.broken is None
        assert report.spans == (
            Span(journal.public_key.keyid, 1, AT - 1),
            Span(DeviceKey.read(tmp_path / "evidence").public.keyid, AT, AT),
        )


@pytest.mark.parametrize("tables", [("audit",), ("audit", "outbox"), ("audit", "entries"), ("outbox",), ("entries",)])
def test_an_end_cut_off_leaves_traces_unless_it_is_done_everywhere(journal: Journal, tables: tuple[str, ...]) -> None:
    everywhere(DELETE, tables=tables, at=EVENTS)(journal)
    assert audit.verify(journal.trail).broken == Broken(EVENTS, Wrong.MISSING)


def test_an_end_cut_off_everywhere_is_for_the_inventory_to_notice(journal: Journal) -> None:
    everywhere(DELETE, at=EVENTS)(journal)
    report = audit.verify(journal.trail)
    assert (report.events, report.broken) == (EVENTS - 1, None)


def test_a_recording_removed_to_make_room_is_no_fault(journal: Journal) -> None:
    recording(journal).unlink()
    utterance_of("audio_removed_at = '2026-11-21T00:00:00.000000+00:00'")(journal)
    report = audit.verify(journal.trail)
    assert (report.events, report.removed, report.broken) == (EVENTS, 1, None)


def test_a_recording_that_the_disk_does_not_give_back_is_no_verdict(journal: Journal) -> None:
    path = recording(journal)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageFailed, match=rf"{path.name}: Is a directory"):
        audit.verify(journal.trail)


def test_a_whole_journal(journal: Journal) -> None:
    told: list[int] = []
    report = audit.verify(journal.trail, told.append)
    assert report == audit.AuditReport(EVENTS, 0, None, (Span(journal.public_key.keyid, 1, EVENTS),))
    assert told == [1, 2, 3, 4, 5]


def test_an_empty_journal(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        assert audit.verify(journal.trail) == audit.AuditReport(0, 0, None, ())


def test_a_long_journal_is_read_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.keep.audit._PAGE", 2)
    with Journal.open(tmp_path) as journal:
        commit(journal, EVENTS)
        assert audit.verify(journal.trail).events == EVENTS


def test_events_from_before_they_were_signed_are_told(journal: Journal) -> None:
    unsign(journal)
    commit(journal, 1)
    report = audit.verify(journal.trail)
    assert report.broken is None
    assert report.spans == (Span(None, 1, EVENTS), Span(journal.public_key.keyid, EVENTS + 1, EVENTS + 1))


def test_a_new_key_goes_on_with_the_chain_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Journal.open(tmp_path) as journal:
        commit(journal, 2)
        first = journal.public_key.keyid
    assert caplog.text == ""
    (tmp_path / KEY).unlink()
    with Journal.open(tmp_path) as journal:
        assert "device.key: is not the key that signed until now; the chain goes on with it" in caplog.text
        commit(journal, 1)
        report = audit.verify(journal.trail)
        assert report.spans == (Span(first, 1, 2), Span(journal.public_key.keyid, 3, 3))
        assert report.broken is None


def unsign(journal: Journal) -> None:
    """Write the journal as the first version did."""
    previous = hash_chain.GENESIS
    for trailed in list(journal.trail.events()):
        ours = {hash_chain.PREVIOUS, hash_chain.READING, hash_chain.KEYID, hash_chain.CHAIN, hash_chain.SIGNATURE}
        event = {name: value for name, value in trailed.event.items() if name not in ours}
        link = hash_chain.link(previous, event, trailed.audio_sha256)
        journal._db.execute(
            "UPDATE outbox SET body = ? WHERE sequence = ?",
            [
                json.dumps({**event, hash_chain.CHAIN: link}, separators=(",", ":"), ensure_ascii=False),
                trailed.sequence,
            ],
        )
        journal._db.execute(
            "UPDATE audit SET previous = ?, link = ?, public_key = NULL, signature = NULL WHERE sequence = ?",
            [previous, link, trailed.sequence],
        )
        previous = link
