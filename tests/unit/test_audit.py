"""A journal under attack: whatever is altered in it or beside it, the audit names the first event it concerns."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.hash_chain import BadEvent, DefectKind, KeySpan
from dockvoice_protocol.records import ShiftChange, ShiftEvent
from edge.deliver.device_events import entry_event, review_event, withheld_event
from edge.keep import audit, device_key, entry_log
from edge.keep.codec import to_json
from edge.keep.device_key import KEY, erasure_digest, removal_digest, review_removal_digest
from edge.keep.journal import Journal
from edge.keep.review import sign_review_removals
from edge.keep.signed import DecisionFailure, StoredClip
from edge.records import Recording
from tests.dictated import ANOTHER
from tests.doc_pages import audit_page
from tests.rows import rows_of
from tests.sayings import ACCEPT, ASK, READ, database, entry, utterance

EVENTS = 5
AT = 3  # The event that is attacked, unless a test says otherwise.

Attack = Callable[[Journal], object]


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory with the events in it, for each test to have a copy of."""
    directory = tmp_path_factory.mktemp("committed")
    with Journal.open(directory) as opened:
        commit(opened, EVENTS)
    return directory


@pytest.fixture
def journal(committed: Path, tmp_path: Path) -> Iterator[Journal]:
    shutil.copytree(committed, tmp_path, dirs_exist_ok=True)
    with Journal.open(tmp_path) as opened:
        yield opened


def commit(journal: Journal, count: int) -> None:
    for number in range(count):
        said, answer = utterance(2 * number), utterance(2 * number + 1)
        answered = journal.store_utterance(answer)
        journal.conclude(answer.utterance_id, READ, ASK)
        support = Recording(answer.utterance_id, answered.sha256, answered.seconds)
        meant = replace(entry(said, journal.store_utterance(said)), support=(support,))
        journal.commit(meant, ACCEPT, partial(entry_event, meant, site="hall", device="dock-1"))


def sql(*statements: str, table: str = "", at: int = AT) -> Attack:
    """Statements in which `$table` and `:at` stand for these."""

    def attack(journal: Journal) -> None:
        database(journal).execute("PRAGMA foreign_keys = OFF")
        database(journal).execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            database(journal).execute(statement.replace("$table", table), {"at": at})

    return attack


def everywhere(*statements: str, tables: tuple[str, ...] = ("entries", "audit", "outbox"), at: int = AT) -> Attack:
    def attack(journal: Journal) -> None:
        for table in tables:
            sql(*statements, table=table, at=at)(journal)

    return attack


DELETE = "DELETE FROM $table WHERE sequence = :at"


def resigned(journal: Journal) -> None:
    """Somebody alters an event, links it anew and signs it with a key of his own, which he leaves in the journal."""
    stranger = device_key.load_or_create(journal.directory / "evidence")
    trailed = {one.sequence: one for one in journal.trail.events()}[AT]
    event = {**trailed.event, "subject": "other"}
    forged = hash_chain.seal_event(event, trailed.previous, trailed.audio_sha256, trailed.reading or "", stranger)
    database(journal).execute(
        "UPDATE outbox SET body = ? WHERE sequence = ?", [json.dumps(forged, separators=(",", ":")), AT]
    )
    database(journal).execute(
        "UPDATE audit SET link = ?, public_key = ?, signature = ? WHERE sequence = ?",
        [forged[hash_chain.CHAIN], stranger.public.raw.hex(), forged[hash_chain.SIGNATURE], AT],
    )


def recording(journal: Journal, at: int = AT) -> Path:
    return journal.directory / {one.sequence: one for one in journal.trail.events()}[at].audio_path


def support(journal: Journal, at: int = AT) -> Path:
    (named,) = {one.sequence: one for one in journal.trail.events()}[at].event["data"]["support"]
    row = journal.trail.recording(named["id"])
    assert row is not None
    return journal.directory / str(row["audio_path"])


def written_anew(change: Callable[[dict[str, Any]], object] = lambda _: None, at: int = AT) -> Attack:
    """entries.log as the tables are now, but for this change to one of its lines: its checksums are no secret."""

    def attack(journal: Journal) -> None:
        lines = []
        for number in [
            row["sequence"] for row in database(journal).rows("SELECT sequence FROM entries ORDER BY sequence")
        ]:
            rows = entry_log.entry_rows(database(journal), number)
            if number == at:
                change(rows)
            lines.append(entry_log._format_line(rows))
        (journal.directory / entry_log.ENTRIES).write_bytes(b"".join(lines))

    return attack


def all_of(*attacks: Attack) -> Attack:
    def attack(journal: Journal) -> None:
        for each in attacks:
            each(journal)

    return attack


def without_line(journal: Journal) -> None:
    path = journal.directory / entry_log.ENTRIES
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: AT - 1] + lines[AT:]))


def unsigned_everywhere(journal: Journal) -> None:
    """The quantity of one event altered, all signatures stripped, all links made anew: it costs no key."""
    unsign(
        journal, change=lambda event, sequence: event["data"]["fields"].update(quantity=99) if sequence == AT else None
    )
    database(journal).execute("UPDATE entries SET fields = replace(fields, ':12', ':99') WHERE sequence = ?", [AT])
    written_anew()(journal)


def a_strangers_removal(journal: Journal) -> None:
    """He deletes the recording, and signs for it with a key of his own."""
    trailed = {one.sequence: one for one in journal.trail.events()}[AT]
    stranger, at = device_key.load_or_create(journal.directory / "evidence"), "2026-11-21T00:00:00.000000+00:00"
    recording(journal).unlink()
    utterance_of(f"audio_removed_at = '{at}'")(journal)
    signature = stranger.sign(removal_digest(trailed.row["utterance_id"], trailed.audio_sha256, at))
    row = {"utterance_id": trailed.row["utterance_id"], "removed_at": at, "keyid": stranger.public.keyid}
    database(journal).insert("removals", {**row, "signature": signature})


def a_strangers_erasure(journal: Journal) -> None:
    """He takes away what an event says, leaves its hash, and signs for it with a key of his own."""
    trailed = {one.sequence: one for one in journal.trail.events()}[AT]
    stranger = device_key.load_or_create(journal.directory / "evidence")
    stub = {name: value for name, value in trailed.event.items() if name != "data"}
    told = {"event_sha256": hash_chain.event_sha256(trailed.event), "at": "now", "by": "nobody"}
    signature = stranger.sign(erasure_digest(AT, trailed.link, "now", "nobody"))
    stub["erased"] = {**told, "keyid": stranger.public.keyid, "signature": signature}
    database(journal).execute("UPDATE outbox SET body = ? WHERE sequence = ?", [json.dumps(stub), AT])
    database(journal).execute("UPDATE entries SET fields = '{}', operator = NULL WHERE sequence = ?", [AT])
    utterance_of("reading = NULL")(journal)
    written_anew()(journal)


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


def entry_says(change: str) -> Attack:
    """A change to the entry, and its second copy to match."""
    return all_of(sql(f"UPDATE entries SET {change} WHERE sequence = :at"), written_anew())  # noqa: S608 - a forger's


MADE_BY: dict[str, Callable[..., Attack]] = {
    "rows": sql,
    "everywhere": everywhere,
    "utterance": utterance_of,
    "entry": entry_says,
}


def by_sql(of: str) -> dict[str, tuple[Attack, DefectKind]]:
    return {what: (MADE_BY[how](*said), DefectKind[wrong]) for what, how, said, wrong in rows_of("audit", of)}


ATTACKS: dict[str, tuple[Attack, DefectKind]] = {
    **by_sql("of_events"),
    "all signatures stripped, and a quantity altered": (unsigned_everywhere, DefectKind.UNSIGNED),
    "the entry's utterance": (
        all_of(sql("UPDATE entries SET utterance_id = support ->> '$[0]' WHERE sequence = :at"), written_anew()),
        DefectKind.ALTERED,
    ),
    "a bit of the recording": (one_bit, DefectKind.RECORDING_ALTERED),
    "another recording and its hash": (another_recording_and_its_hash, DefectKind.ALTERED),
    "the recording deleted": (lambda journal: recording(journal).unlink(), DefectKind.RECORDING_MISSING),
    "the recording deleted and marked as removed": (
        all_of(
            lambda journal: recording(journal).unlink(),
            utterance_of("evidence = 'removed', audio_removed_at = '2026-11-21T00:00:00.000000+00:00'"),
        ),
        DefectKind.REMOVAL_FORGED,
    ),
    "the recording deleted, and a stranger signs for it": (a_strangers_removal, DefectKind.REMOVAL_FORGED),
    "the recording of an answer altered": (
        lambda journal: support(journal).write_bytes(recording(journal).read_bytes()),
        DefectKind.RECORDING_ALTERED,
    ),
    "an event erased, and a stranger signs for it": (a_strangers_erasure, DefectKind.ERASURE_FORGED),
    "the second copy's line deleted": (without_line, DefectKind.LOG_ALTERED),
    "the second copy's fields": (
        written_anew(lambda rows: rows["entries"].update(fields='{"quantity":99}')),
        DefectKind.LOG_ALTERED,
    ),
    "the second copy emptied": (
        lambda journal: (journal.directory / entry_log.ENTRIES).write_bytes(b"") and None,
        DefectKind.LOG_ALTERED,
    ),
}
"""Each by plain SQL or a file tool, without the device's key."""

FROM_THE_FIRST = {
    *("its key made nonsense", "all signatures stripped, and a quantity altered"),
    "the second copy emptied",
}
"""What concerns all events is found at the first."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found_where_it_was_made(journal: Journal, attack: str) -> None:
    made, wrong = ATTACKS[attack]
    made(journal)
    at = 1 if attack in FROM_THE_FIRST else AT
    report = audit.verify(journal.trail)
    assert report.broken == BadEvent(at, wrong)
    assert report.events == at - 1


def reviewed(journal: Journal) -> None:
    """Three utterances are put aside, and a person decides about the first: four events tell of it."""
    told = partial(review_event, doubts=(), account_of=lambda _: (), site="hall", device="dock-1")
    for number in range(100, 103):
        said = utterance(number)
        journal.store_utterance(said)
        journal.put_under_review(said.utterance_id, READ, ASK, "unanswered")
    journal.write_reviews(told)
    journal.review.discard(
        journal.review.list_under_review()[0].utterance_id, "a clerk", "said twice", partial(withheld_event, reason="x")
    )
    journal.write_reviews(told)


def stranger_tells(journal: Journal) -> None:
    """Somebody alters what was told, links it anew and signs it with a key of his own."""
    (row,) = database(journal).rows("SELECT * FROM reviews WHERE sequence = 3")
    event = hash_chain.parse_event_or_empty(row["body"])
    audio = event["data"]["utterance"]["audio_sha256"]
    plain = {name: one for name, one in event.items() if name not in {*hash_chain.UNHASHED, hash_chain.PREVIOUS}}
    made = hash_chain.seal_event(plain | {"subject": "other"}, event[hash_chain.PREVIOUS], audio, "{}", ANOTHER)
    database(journal).execute(
        "UPDATE reviews SET body = ?, link = ? WHERE sequence = 3", [to_json(made), made[hash_chain.CHAIN]]
    )


def stranger_removes(journal: Journal) -> None:
    """Somebody deletes what was told, and signs for it with a key of his own."""
    (row,) = database(journal).rows("SELECT sequence, link FROM reviews WHERE sequence = 3")
    signature = ANOTHER.sign(review_removal_digest(3, row["link"]))
    database(journal).insert("reviews_removed", {**row, "keyid": ANOTHER.public.keyid, "signature": signature})
    database(journal).execute("DELETE FROM reviews WHERE sequence = 3")


REVIEW_ATTACKS: dict[str, tuple[Attack, DefectKind]] = {
    **by_sql("of_reviews"),
    "told anew by a stranger": (stranger_tells, DefectKind.UNKNOWN_KEY),
    "deleted, and a stranger signs for it": (stranger_removes, DefectKind.ERASURE_FORGED),
}
"""On what is told of reviews: each by plain SQL, without the device's key."""


@pytest.mark.parametrize("attack", REVIEW_ATTACKS)
def test_what_was_told_of_reviews_is_found_where_it_was_altered_dropped_or_forged(
    journal: Journal, attack: str
) -> None:
    reviewed(journal)
    report = audit.verify(journal.trail)
    assert (report.reviews, report.review_broken, report.is_intact) == (4, None, True)
    made, wrong = REVIEW_ATTACKS[attack]
    made(journal)
    report = audit.verify(journal.trail)
    assert (report.review_broken, report.is_intact) == (BadEvent(AT, wrong), False)
    assert (report.reviews, report.broken) == (AT - 1, None)


def test_what_the_device_itself_removes_of_reviews_is_no_fault_and_its_numbers_are_not_used_again(
    journal: Journal,
) -> None:
    reviewed(journal)
    gone = [row["utterance_id"] for row in database(journal).rows("SELECT DISTINCT utterance_id FROM reviews")]
    with database(journal).writing():
        sign_review_removals(database(journal), to_json(gone[:2]), device_key.load(journal.directory))
        database(journal).execute("UPDATE reviews SET body = '{}', fields = NULL WHERE utterance_id = ?", [gone[0]])
        database(journal).execute("DELETE FROM reviews WHERE utterance_id = ?", [gone[1]])
    report = audit.verify(journal.trail)
    assert (report.reviews, report.review_broken, report.is_intact) == (1, None, True)
    with database(journal).writing():
        sign_review_removals(database(journal), to_json(gone), device_key.load(journal.directory))
        database(journal).execute("DELETE FROM reviews")
    reviewed(journal)
    assert min(row["sequence"] for row in database(journal).rows("SELECT sequence FROM reviews")) == 5
    assert audit.verify(journal.trail).is_intact


def test_whatever_is_altered_in_any_column_is_found_but_for_what_the_page_lists(
    journal: Journal, repository: Path
) -> None:
    """One column of one row after the other, with entries.log written anew to match."""
    overlooked: dict[str, set[str]] = {}
    tables = [row["name"] for row in database(journal).rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    one_row_each(journal)
    log = (journal.directory / entry_log.ENTRIES).read_bytes()
    database(journal).execute("PRAGMA foreign_keys = OFF")
    database(journal).execute("PRAGMA ignore_check_constraints = ON")
    for table in [name for name in tables if not name.startswith(("_sqlite", "sqlite_"))]:
        every = {row["name"]: row["type"] for row in database(journal).rows(f"PRAGMA table_info({table})")}
        assert database(journal).rows(f"SELECT * FROM {table}"), f"{table}: nothing in it to alter"  # noqa: S608
        for column, kind in every.items():
            database(journal).execute("BEGIN")
            altered_in_place(journal, table, column, kind)
            written_anew()(journal)
            if audit.verify(journal.trail).is_intact:
                overlooked.setdefault(table, set()).add(column)
            database(journal).execute("ROLLBACK")
            (journal.directory / entry_log.ENTRIES).write_bytes(log)
    assert audit.verify(journal.trail).is_intact
    assert overlooked == audit_page(repository, "On the device")


def one_row_each(journal: Journal) -> None:
    """A row in the tables that entries alone leave empty, and everything removed that may be."""
    which = next(journal.queries.histories())
    journal.readings.store_answer(which.utterance_id, "a model", "late", READ, None)
    journal.review.store_decision(which, "stand", "a clerk", None)
    journal.orders.store("a signature", "{}")
    journal.orders.count_not_stored(DecisionFailure.LATE)
    journal.clips.store(StoredClip("r", which.utterance_id, "0" * 64, True, "ana", "pallet 742", "then", "{}"))
    journal.expected.store("north", "door/12", 1, "{}")
    database(journal).execute("INSERT INTO rests_on VALUES ('another utterance', 2)")
    journal.roster.store("north", "roster", 1, "{}")
    journal.catalogue.store("north", "docks", 1, "{}")
    with database(journal).writing():
        journal.shifts.store_change(ShiftEvent("op-17", ShiftChange.BREAK, "meal"))
    reviewed(journal)
    with database(journal).writing():
        (gone,) = database(journal).rows("SELECT utterance_id FROM reviews WHERE sequence = 4")
        sign_review_removals(database(journal), to_json([gone["utterance_id"]]), device_key.load(journal.directory))
        database(journal).execute("DELETE FROM reviews WHERE utterance_id = ?", [gone["utterance_id"]])
    journal.outbox.settle(str(which.event_id), None)
    journal.retention.remove_evidence(journal.retention.list_spare_evidence(2))


def altered_in_place(journal: Journal, table: str, column: str, kind: str) -> None:
    """The value in the row of one event, or in one row where the table knows of no events."""
    keys = {
        "utterances": "utterance_id = (SELECT utterance_id FROM entries WHERE sequence = 2)",
        "removals": "utterance_id = (SELECT utterance_id FROM entries WHERE sequence = 1)",
        **dict.fromkeys(("entries", "audit", "outbox"), "sequence = 2"),
        "answers": "id = 1",
        "decisions": "id = 1",
        "reviews": "sequence = 3",
        "reviews_removed": "sequence = 4",
        "orders": "rowid = 1",
        "orders_not_done": "reason = 'late'",
        "expected": "site = 'north'",
        "roster": "site = 'north'",
        "catalogue": "site = 'north'",
        "shifts": "id = 1",
        "clips": "rowid = 1",
        "clip_requests": "rowid = 1",
        "conversation": "one = 1",
        "rests_on": "sequence = 2",
        "tally": "what = 'owed'",
    }
    change = f"coalesce({column}, '') || 'x'" if kind == "TEXT" else f"coalesce({column}, 0) + 100"
    if column in {"body", "context", "draft", "fields", "reading", "reasons", "receipt", "support", "tombstone"}:
        change = "'\"x\"'"  # JSON all the same: triggers read it
    database(journal).execute(f"UPDATE {table} SET {column} = {change} WHERE {keys[table]}")  # noqa: S608 - the journal's own


def test_an_event_signed_anew_with_another_key_does_not_fit_between_its_neighbours(journal: Journal) -> None:
    resigned(journal)
    written_anew()(journal)
    report = audit.verify(journal.trail)
    assert report.broken == BadEvent(AT + 1, DefectKind.MISPLACED)
    assert [span.last - span.first for span in report.spans] == [AT - 2, 0]  # his key stands out besides


def test_the_last_event_signed_anew_shows_another_key_and_is_found_where_the_keys_are_known(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        commit(journal, AT)
        resigned(journal)
        written_anew()(journal)
        report = audit.verify(journal.trail)
        assert report.broken is None
        assert report.spans == (
            KeySpan(journal.public_key.keyid, 1, AT - 1),
            KeySpan(device_key.load(tmp_path / "evidence").public.keyid, AT, AT),
        )
        known = {journal.public_key.keyid: journal.public_key}
        assert audit.verify(journal.trail, keys=known).broken == BadEvent(AT, DefectKind.UNKNOWN_KEY)


def test_an_end_cut_off_everywhere_is_for_the_inventory_to_notice(journal: Journal) -> None:
    everywhere(DELETE, at=EVENTS)(journal)
    assert audit.verify(journal.trail).broken == BadEvent(EVENTS, DefectKind.UNCOMMITTED)  # entries.log has it
    everywhere(DELETE, at=EVENTS - 1)(journal)
    assert audit.verify(journal.trail).broken == BadEvent(EVENTS - 1, DefectKind.MISSING)
    written_anew()(journal)
    report = audit.verify(journal.trail)
    assert (report.events, report.broken) == (EVENTS - 2, None)


def test_a_failed_commit_behind_one_that_came_during_the_audit_is_no_missing_event(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere(DELETE, at=EVENTS)(journal)
    trail = journal.trail
    monkeypatch.setattr(trail, "last_sequence", lambda: EVENTS - 2)  # when the audit began; one has come since
    assert audit.verify(trail).broken == BadEvent(EVENTS, DefectKind.UNCOMMITTED)


def test_a_recording_that_the_agent_removes_while_the_audit_reads_is_no_fault(journal: Journal) -> None:
    def meanwhile(_: int) -> None:
        for one in journal.trail.events():
            journal.outbox.settle(one.event_id, None)
        journal.retention.remove_evidence(journal.retention.list_spare_evidence(100))

    report = audit.verify(journal.trail, meanwhile)
    assert (report.broken, report.events) == (None, EVENTS)


def test_a_recording_that_a_full_disk_left_among_the_new_ones_is_there(journal: Journal) -> None:
    path = recording(journal)
    new = journal.directory / "evidence" / "new" / path.name
    path.rename(new)
    assert audit.verify(journal.trail).is_intact
    new.write_bytes(recording(journal, at=1).read_bytes())
    assert audit.verify(journal.trail).broken == BadEvent(AT, DefectKind.RECORDING_ALTERED)


def test_a_recording_that_the_disk_does_not_give_back_is_no_verdict(journal: Journal) -> None:
    path = recording(journal)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageFailed, match=rf"{path.name}: Is a directory"):
        audit.verify(journal.trail)


def test_a_whole_journal(journal: Journal) -> None:
    told: list[int] = []
    report = audit.verify(journal.trail, told.append)
    assert report == audit.AuditReport(EVENTS, 0, None, (KeySpan(journal.public_key.keyid, 1, EVENTS),))
    assert told == [1, 2, 3, 4, 5]


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
        assert report.spans == (KeySpan(first, 1, 2), KeySpan(journal.public_key.keyid, 3, 3))
        assert report.broken is None


def unsign(journal: Journal, change: Callable[[dict[str, Any], int], object]) -> None:
    """Write the journal without signatures, with a change to the events: it costs no key."""
    previous = hash_chain.GENESIS
    for trailed in list(journal.trail.events()):
        event = {name: value for name, value in trailed.event.items() if name not in hash_chain.UNHASHED}
        event[hash_chain.PREVIOUS] = previous
        change(event, trailed.sequence)
        link = hash_chain.compute_link(previous, event, trailed.audio_sha256)
        database(journal).execute(
            "UPDATE outbox SET body = ? WHERE sequence = ?",
            [
                json.dumps({**event, hash_chain.CHAIN: link}, separators=(",", ":"), ensure_ascii=False),
                trailed.sequence,
            ],
        )
        database(journal).execute(
            "UPDATE audit SET previous = ?, link = ?, public_key = '', signature = '' WHERE sequence = ?",
            [previous, link, trailed.sequence],
        )
        previous = link
