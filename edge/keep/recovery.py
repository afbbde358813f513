"""Recovery: a journal that is broken, missing or out of date is made whole, without anything being applied twice.

What is known, from the surest source to the least sure:

1. `entries.log` has every entry ever committed, with the event as published (see entry_log.py).
2. The broken file, as far as it can be read, has the verdicts that made no entry, and what became of the events.
3. Each recording says whose sound it is.

So an entry keeps its event id and number. An event whose settlement is not known any more is sent again under its own
id, and the inventory answers that it is a duplicate. An utterance without a verdict is *not* read as if it were new:
what it once led to may be lost, and the operator may have said it again. It waits, under review, for a person.

The broken file is set aside with the time in its name, and never deleted.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.plain_file import sync_directory
from dockvoice_protocol.terminal.tables import pluralize
from edge.keep import evidence
from edge.keep.database import DAMAGE_MARKER, JOURNAL, JournalDatabase, Row, open_for_writing
from edge.keep.entry_log import ENTRIES, EntryLog, entries_since, insert_missing
from edge.keep.storage import Damaged, translated_errors

_JOURNAL_LOST = "journal_lost"  # Why an utterance is under review: the journal that knew what became of it is lost.

_REBUILT = "journal.rebuilt.db"
_WITH_LOG = ("-wal", "-shm", "")
"""A database and the files beside it, in the order in which they are moved: a log (WAL) left behind would be taken for
that of the next file of the name."""

_TABLES = ("utterances", "entries", "audit", "outbox", "decisions", "answers", "removals")
"""In the order in which they refer to one another. `tally` follows from the others."""

_LATER = {
    "utterances": "UPDATE utterances SET evidence = :evidence, audio_removed_at = :audio_removed_at, flag = :flag, "
    "dated_at = :dated_at "
    "WHERE utterance_id = :utterance_id AND audio_path = :audio_path",
    "outbox": "UPDATE outbox SET state = :state, attempts = :attempts, sent_at = :sent_at, settled_at = :settled_at, "
    "receipt = :receipt, reason = :reason, tombstone = :tombstone, reentered = :reentered "
    "WHERE event_id = :event_id AND sequence = :sequence AND body = :body",
}
"""What the second copy of an entry cannot know, because it came later: whether its recording was removed, and how far
its event has come."""

_log = logging.getLogger(__name__)


def open_repaired(directory: Path) -> tuple[JournalDatabase, EntryLog]:
    """Open the journal's database and its log, rebuilt where damaged and brought to the same entries.

    Raises StorageFailed where there are recordings, but neither a sound journal nor a log to rebuild it from.
    """
    path = directory / JOURNAL
    has_log = (directory / ENTRIES).exists()
    try:
        _refuse_lost_journal(directory)
        db = open_for_writing(path)
    except Damaged as fault:
        if not has_log:
            raise
        _rebuild(directory, fault)
        db = open_for_writing(path)
    try:
        return db, _reconcile(directory, db)
    except BaseException:
        db.close()
        raise


def _refuse_lost_journal(directory: Path) -> None:
    """Raise Damaged for a journal that is missing, or marked as damaged.

    Recordings whose journal is gone may be in the inventory already: reading them as new would apply them twice.
    """
    path = directory / JOURNAL
    with translated_errors(path):
        if (directory / DAMAGE_MARKER).exists():
            raise Damaged(f"{path}: was found damaged while the agent worked")
        if path.exists() and path.stat().st_size:
            return
        if evidence.list_recordings(directory) or (directory / ENTRIES).exists():
            raise Damaged(
                f"{path}: is {'empty' if path.exists() else 'missing'}, but the recordings it names are there; "
                f"restore it from a copy, or, to begin anew, move {directory} aside and keep it"
            )


def _rebuild(directory: Path, fault: Damaged) -> None:
    """Make a new journal from the log, the readable rows and the recordings, and set the broken one aside."""
    path, rebuilt = directory / JOURNAL, directory / _REBUILT
    with translated_errors(rebuilt):
        for leftover in _database_files(rebuilt):
            leftover.unlink()
    db = open_for_writing(rebuilt)
    entries = EntryLog(directory)
    try:
        with db.writing():
            insert_missing(db, entries.entries())
            _salvage(path, db)
            reviewed = _review_undecided(directory, db)
        db.execute("PRAGMA journal_mode=DELETE")  # all in one file, which can be moved
    finally:
        entries.close()
        db.close()
    aside = _set_aside(path)
    with translated_errors(path):
        rebuilt.replace(path)
        (directory / DAMAGE_MARKER).unlink(missing_ok=True)
        sync_directory(directory)
    found, _, _ = str(fault).partition(";")  # without the remedy: there is nothing to be done
    _log.error(
        "%s. It is kept as %s; a new one was made of what is known. %s", found, aside.name, _loss_summary(reviewed)
    )


def _salvage(broken: Path, db: JournalDatabase) -> None:
    """Copy the readable rows of the file `broken`, from both ends up to the damage, into the journal `db`.

    Rows that `db` has already stay; a row that violates a constraint is left out.
    """
    if not broken.exists():
        return
    with closing(sqlite3.connect(f"{broken.absolute().as_uri()}?mode=ro", uri=True)) as source:
        source.text_factory = bytes  # invalid text must not stop the copy
        for table in _TABLES:
            # Generated columns are not among these: they follow from the others.
            columns = {row["name"] for row in db.rows(f"PRAGMA table_info({table})")}
            for row in _readable_rows(source, table):
                with suppress(sqlite3.IntegrityError):
                    db.insert(table, {name: row[name] for name in row if name in columns}, "ON CONFLICT DO NOTHING")
                    if table in _LATER:
                        db.execute(_LATER[table], row)


def _readable_rows(source: sqlite3.Connection, table: str) -> Iterator[Row]:
    """The rows before the damage, and then those after it, from the last one back."""
    seen = 0
    for row in _rows_until_damaged(source, f"SELECT rowid AS place, * FROM {table} ORDER BY rowid"):  # noqa: S608 - our own tables
        seen = row.pop("place")
        yield row
    for row in _rows_until_damaged(source, f"SELECT rowid AS place, * FROM {table} ORDER BY rowid DESC"):  # noqa: S608 - likewise
        if row.pop("place") <= seen:
            return
        yield row


def _rows_until_damaged(source: sqlite3.Connection, sql: str) -> Iterator[Row]:
    with suppress(sqlite3.DatabaseError):
        found = source.execute(sql)
        names = [name for name, *_ in found.description]
        for values in found:
            with suppress(UnicodeDecodeError):
                texts = (value.decode() if isinstance(value, bytes) else value for value in values)
                yield dict(zip(names, texts, strict=True))


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"journal.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.db")
    with translated_errors(path):
        for file in _database_files(path):
            file.rename(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    return aside


def _database_files(path: Path) -> list[Path]:
    return [file for end in _WITH_LOG if (file := path.with_name(path.name + end)).exists()]


def _reconcile(directory: Path, db: JournalDatabase) -> EntryLog:
    """Bring the shorter of log and journal up to the other; return the log."""
    path = directory / JOURNAL
    entries = EntryLog(directory)
    try:
        with translated_errors(path):
            last = int(db.rows("SELECT coalesce(max(sequence), 0) AS n FROM entries")[0]["n"])
            _demand_same_device(directory, db, entries)
            entries.write_last_again()
            entries.extend(entries_since(db, entries.last_sequence))
            if entries.last_sequence > last:
                _insert_missing_entries(directory, db, entries, last)
    except BaseException:
        entries.close()
        raise
    return entries


def _demand_same_device(directory: Path, db: JournalDatabase, entries: EntryLog) -> None:
    if (newest := entries.newest) is None:
        return
    known = db.rows("SELECT event_id FROM entries WHERE sequence = ?", entries.last_sequence)
    if known and known[0]["event_id"] != newest["entries"]["event_id"]:
        raise StorageFailed(
            f"{directory / JOURNAL}: entry {entries.last_sequence} is another one than in {entries.path}; they are of "
            "two devices: put back the one that was there, from a copy"
        )


def _insert_missing_entries(directory: Path, db: JournalDatabase, entries: EntryLog, last: int) -> None:
    """Insert the entries that the log has and the journal lacks.

    One entry: a crash fell between the two. More: the journal is an old copy, with unknown other losses.
    """
    with db.writing():
        insert_missing(db, entries.entries_after(last))
        if entries.last_sequence == last + 1:
            _conclude_supporting_utterances(db)
            return
        reviewed = _review_undecided(directory, db)
    _log.error(
        "%s: is older than %s; it was brought up from %d to %d entries. %s",
        db.path,
        entries.path.name,
        last,
        entries.last_sequence,
        _loss_summary(reviewed),
    )


_SUPPORTING = """
    UPDATE utterances SET outcome = 'heed', reasons = '[]', fields = '{}'
    WHERE outcome IS NULL AND utterance_id IN (SELECT value FROM entries, json_each(support))
"""
_SUPPORTING_OWED = """
    UPDATE utterances SET evidence = 'needed' WHERE evidence <> 'removed' AND utterance_id IN (
        SELECT value FROM entries JOIN outbox USING (event_id), json_each(support) WHERE settled_at IS NULL
    )
"""
"""An entry's supporting utterances led to something, even where their verdicts are lost."""
_AGREED = """
    UPDATE conversation SET draft = NULL
    WHERE json_extract(draft, '$.utterance_id') IN (SELECT utterance_id FROM entries)
"""
"""A draft that became an entry is not asked about any more: an answer could not change the entry."""


def _conclude_supporting_utterances(db: JournalDatabase) -> None:
    """Conclude the utterances and the draft that the inserted entries rest on, as the lost transaction did."""
    db.execute(_SUPPORTING)
    db.execute(_SUPPORTING_OWED)
    db.execute(_AGREED)


def _review_undecided(directory: Path, db: JournalDatabase) -> int:
    """Put utterances without entry and verdict under review; return how many."""
    for path in evidence.list_recordings(directory):
        if not _has_utterance(db, path.stem):
            _insert_for_review(directory, db, path)
    _conclude_supporting_utterances(db)
    marked = db.execute(
        "UPDATE utterances SET review = ?, outcome = NULL, reasons = NULL, fields = NULL, ask = NULL "
        "WHERE outcome IS NULL OR outcome IN ('accept', 'hold') AND evidence <> 'removed' "
        "AND utterance_id NOT IN (SELECT utterance_id FROM entries)",
        [_JOURNAL_LOST],
    )
    # As old as the journal: the draft may be an entry by now, and the context outdated.
    db.execute("UPDATE conversation SET draft = NULL, context = NULL")
    return marked.rowcount


def _insert_for_review(directory: Path, db: JournalDatabase, path: Path) -> None:
    try:
        utterance, recording = evidence.read_without_row(path)
    except StorageFailed as fault:
        _log.warning("not known to the journal, and cannot be read: %s", fault)
    else:
        if not _has_utterance(db, utterance.utterance_id):
            db.insert("utterances", evidence.utterance_row(directory, utterance, recording))


def _has_utterance(db: JournalDatabase, utterance_id: str) -> bool:
    return bool(db.rows("SELECT 1 FROM utterances WHERE utterance_id = ?", utterance_id))


def _loss_summary(reviewed: int) -> str:
    if not reviewed:
        return "Nothing is lost"
    waiting = pluralize(reviewed, "utterance waits", "utterances wait")
    return f"No entry is lost; {waiting} for a person: see `dockvoice queue list --held`"
