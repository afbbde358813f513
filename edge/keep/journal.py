"""The journal: utterances, entries and pending events, safe from a crash at any moment.

    state directory/
        journal.db                               the tables (see database.py)
        journal.lock                             held by the one process that writes
        entries.log                              each entry once more (see entry_log.py)
        journal.anchor                           where both begin, if not with the first entry (see device_key.py)
        evidence/2026-11-20/<utterance_id>.flac  the recordings

Each writing method is one transaction, durable when it returns. Used by one thread at a time; which one may change.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import Misconfigured, StorageFailed
from dockvoice_protocol.hash_chain import PublicKey, Signer
from dockvoice_protocol.plain_file import atomic_write
from dockvoice_protocol.records import Reading, ShiftEvent
from dockvoice_protocol.systemd import is_service_directory, refuse_root_for_others
from edge.keep import device_key, evidence
from edge.keep.audit import AuditTrail
from edge.keep.copies import Copies, CopyRow
from edge.keep.database import CHECK_AT_OPEN_BYTES, JOURNAL, JournalDatabase, check_beside_writer, open_for_reading
from edge.keep.device_key import KEY
from edge.keep.dialogue import DialogueRecord, Shifts
from edge.keep.entries import Entries
from edge.keep.entry_log import EntryLog
from edge.keep.erasing import Erasing
from edge.keep.evidence import Evidence
from edge.keep.outbox import Outbox
from edge.keep.queries import Queries
from edge.keep.readings import ModelReadings
from edge.keep.recovery import open_repaired
from edge.keep.retention import Retention
from edge.keep.review import Review, ReviewLog
from edge.keep.signed import Clips, SignedDecisions, SignedLists
from edge.keep.storage import DiskFull, Lock, make_directory, translated_errors
from edge.records import (
    NOTHING_STANDS,
    SAMPLE_RATE,
    Cause,
    Commit,
    Draft,
    DurableOrder,
    Entry,
    EventIds,
    Note,
    OutboxRow,
    Outcome,
    Park,
    Reason,
    ReviewChange,
    StandingContext,
    StoreDropped,
    StoreFormOrLanguageChange,
    Utterance,
    Verdict,
)

_TAKEN_BACK = Verdict(Outcome.CANCEL, (Cause(Reason.TAKEN_BACK),), {})  # For a draft that the operator took back.

_SUPERSEDED = "journal.superseded"
"""Marker file with the reason: another journal of this device has overtaken this one."""

_log = logging.getLogger(__name__)


class _OvertakingDetector:
    """Detects a journal that has overtaken the one in a state directory."""

    def __init__(self, directory: Path, db: JournalDatabase) -> None:
        self._path = directory / _SUPERSEDED
        self._db = db
        self._outbox = Outbox(db)
        self._trail = AuditTrail(db)

    def demand_none(self) -> None:
        """Raise Misconfigured where another journal has overtaken this one: its numbers are used up."""
        with translated_errors(self._path):
            if self._path.exists():
                raise self._misconfigured(self._path.read_text(encoding="utf-8"))

    def proves_overtaking(self, event: Mapping[str, Any], own: PublicKey) -> bool:
        """Whether the event proves an overtaking journal: signed by this device, but not in this journal."""
        known, newest = {**self._trail.keys(), own.keyid: own}, self._outbox.last_event()
        key = known.get(str(event.get(hash_chain.KEYID)))
        if key is None or newest is None or event.get("source") != json.loads(newest.body)["source"]:
            return False
        if not hash_chain.is_whole_event_signed(
            event, key, known.values(), withheld=hash_chain.WITHHELD_SIGNATURE in event
        ):
            return False
        number = int(event["sequence"])  # as this device wrote it
        link = self._trail.find_link(number)
        # A removed or lost event was one of this journal's too.
        return number > newest.sequence if link is None else link != event[hash_chain.CHAIN]

    def note(self, why: str) -> Misconfigured:
        """Write the marker that another journal has overtaken this one; return the error to raise."""
        with translated_errors(self._path), atomic_write(self._path) as file:
            file.write(why.encode())
        return self._misconfigured(why)

    def review_unread(self) -> None:
        """Put unread utterances of an overtaken journal under review: no agent will read them."""
        if self._path.exists():
            self._db.write("UPDATE utterances SET review = 'superseded' WHERE outcome IS NULL AND review IS NULL")

    def _misconfigured(self, why: str) -> Misconfigured:
        directory, owed = self._path.parent, self._outbox.count_unsettled()
        # The inventory may have these: entered again, they would count twice.
        first = f"let `dockvoice queue reconcile` ask about the {owed} that are still owed, then " if owed else ""
        return Misconfigured(
            f"{directory}: is an older copy of this device's journal, or stands beside a copy ({why}); {first}give "
            f"this device a new name and a new state_directory, keep this one, and enter there what `dockvoice queue "
            f"list --held --state {directory}` shows: `dockvoice queue accept --from {directory} ID`"
        )


class JournalReader:
    """A device's journal, read-only, also while another process writes it.

    Closes when left as a context manager.
    """

    def __init__(self, directory: Path, db: JournalDatabase, held: ExitStack) -> None:
        """`directory` is the state directory, to which paths of recordings are relative; `held` is closed with it."""
        self.directory = directory
        self._db = db
        self._held = held
        self.queries = Queries(db)
        self.outbox = Outbox(db)
        self.review = Review(db, self.queries)
        self.readings = ModelReadings(db)
        self.review_log = ReviewLog(db)
        self.orders = SignedDecisions(db)
        self.expected = SignedLists(db, "expected")
        self.roster = SignedLists(db, "roster")
        self.catalogue = SignedLists(db, "catalogue")
        self.shifts = Shifts(db)
        self.clips = Clips(db)
        self.trail = AuditTrail(db)
        self.copies = Copies(db, directory)
        self.successor = _OvertakingDetector(directory, db)

    def demand_in_place(self) -> None:
        """Raise StorageFailed where the opened file is not the one at its path any more."""
        self._db.demand_in_place()

    def close(self) -> None:
        """Close the files. Closing twice is harmless."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_checked(self) -> bool:
        """Whether the opening has checked the file; a large one is left to `Journal.check`."""
        return self._db.opened_size <= CHECK_AT_OPEN_BYTES


class Journal(JournalReader):
    """A device's journal, opened for writing by this process alone."""

    def __init__(self, directory: Path, db: JournalDatabase, entry_log: EntryLog, key: Signer, held: ExitStack) -> None:
        """Made by `open`."""
        super().__init__(directory, db, held)
        self._key = key
        self._entries = Entries(db, entry_log, key, self.queries)
        self.outbox = Outbox(db, key)
        self.dialogue = DialogueRecord(db)
        self.retention = Retention(db, entry_log, key)
        self.erasing = Erasing(db, entry_log, self.retention, key)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open or create the journal in `directory`, migrated, checked and complete.

        Recordings that a crash left without a row become unread utterances; a broken journal is set aside and rebuilt
        (recovery.py). Raises AlreadyRunning, StorageFailed, and Misconfigured for a journal of a newer version, and
        where root would write in a service's.
        """
        if is_service_directory(directory):
            refuse_root_for_others(directory)
        with ExitStack() as opened:
            with translated_errors(directory):
                make_directory(directory)
            opened.callback(Lock(directory).release)
            db, entry_log = open_repaired(directory)
            opened.callback(entry_log.close)
            opened.callback(db.close)
            journal = cls(directory, db, entry_log, device_key.load_or_create(directory), opened)
            journal._log_new_key()
            journal._insert_orphans()
            journal.successor.review_unread()
            journal.erasing.resume()
            journal._held = opened.pop_all()
        return journal

    @classmethod
    def check(cls, directory: Path) -> None:
        """Check the journal in `directory` as an opening does, also while a process writes it.

        Raises StorageFailed: a damaged one is rebuilt at the next opening.
        """
        check_beside_writer(directory / JOURNAL)

    @classmethod
    def inspect(cls, directory: Path) -> JournalReader:
        """Open the journal in `directory` read-only, also while another process writes it.

        Raises UnreadableInput when there is none or it is of an older version, StorageFailed, Misconfigured.
        """
        db = open_for_reading(directory / JOURNAL)
        held = ExitStack()
        held.callback(db.close)
        return JournalReader(directory, db, held)

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies this device's signatures."""
        return self._key.public

    def store_utterance(self, utterance: Utterance, *, waited_for: bool = True) -> Evidence:
        """Store an utterance before it is read: the recording first, then its row.

        Idempotent. Raises StorageFailed: it is not safe; but if the recording was written and the row failed, the next
        `open` finds it. Raises DiskFull: nothing is left of it, since the operator is told and repeats it; unless not
        `waited_for`.
        """
        for row in self._db.rows("SELECT * FROM utterances WHERE utterance_id = ?", utterance.utterance_id):
            return Evidence(self.directory / row["audio_path"], row["audio_sha256"], row["samples"] / SAMPLE_RATE)
        self.demand_in_place()  # before a removed directory would be made again
        recording = evidence.write(self.directory, utterance)
        try:
            self._insert_utterance(utterance, recording)
        except DiskFull:
            if waited_for:
                recording.path.unlink(missing_ok=True)
            raise
        return self._move_to_final_path(utterance, recording)

    def set_work(self, utterance_id: str, work: StoreFormOrLanguageChange) -> None:
        """Move an utterance without a verdict to the form and language that became active while it was queued."""
        self._db.write(
            "UPDATE utterances SET form = ?, language = ? WHERE utterance_id = ? AND outcome IS NULL",
            [work.form, work.language, utterance_id],
        )

    def conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        """Store a verdict that makes no entry: ask, repeat, ignore, defer. The last one counts; a commit may follow.

        Raises ValueError where it would contradict a commit, LookupError for an unknown utterance.
        """
        if verdict.outcome is Outcome.ACCEPT:
            raise ValueError(f"{utterance_id}: what is accepted is committed, not concluded")
        with self._db.writing():
            self._entries.conclude(utterance_id, reading, verdict)

    def put_under_review(self, utterance_id: str, reading: Reading, verdict: Verdict, why: str) -> None:
        """Store an utterance's reading, and put it under review. Raises as `conclude` does."""
        with self._db.writing():
            self._entries.conclude(utterance_id, reading, verdict)
            self._entries.park(Park(utterance_id, why, verdict.fields))

    def commit(self, entry: Entry, verdict: Verdict, render: Callable[[EventIds], dict[str, Any]]) -> OutboxRow:
        """Store an entry and its pending event in one transaction. From here it cannot be lost or doubled.

        `render` makes the event from the identity minted for it; `seal_event` links and signs it. Committing the
        same utterance again returns the first event. Raises StorageFailed: nothing was committed and no number is used
        up; ValueError or LookupError where the entry does not match the utterance.
        """
        if verdict.outcome is not Outcome.ACCEPT:
            raise ValueError(f"{entry.utterance_id}: what is committed must be accepted, not {verdict.outcome}")
        with self._db.writing():
            return self._entries.commit(entry, verdict, render)

    def reenter(
        self,
        copy: CopyRow,
        entry: Entry,
        verdict: Verdict,
        render: Callable[[EventIds], dict[str, Any]],
        noted: Callable[[OutboxRow], None],
    ) -> OutboxRow:
        """Commit an entry again under the next number. Idempotent.

        `noted` records that where the entry was held, inside the transaction if that is this journal. Raises as
        `commit` does: the entry stays held.
        """
        with self._db.writing():
            self.copies.insert([copy])
            owed = self._entries.commit(entry, verdict, render)
            noted(owed)
            return owed

    def accept(
        self, entry: Entry, verdict: Verdict, who: str, reason: str | None, render: Callable[[EventIds], dict[str, Any]]
    ) -> OutboxRow:
        """Commit the entry that a person makes of an utterance under review, with name and reason.

        Raises as `commit` does, and UnreadableInput for what is not under review.
        """
        history = self.review.find_open(entry.utterance_id)
        with self._db.writing():
            self.review.store_decision(history, "accept", who, reason)
            self._db.execute("UPDATE utterances SET review = NULL WHERE utterance_id = ?", [history.utterance_id])
            # An open question about it is obsolete.
            self.dialogue.clear_draft(history.utterance_id)
            return self._entries.commit(entry, verdict, render)

    def store_dialogue_step(
        self,
        orders: Sequence[DurableOrder],
        draft: Draft | None,
        operator: str | None,
        render: Callable[[Entry, EventIds], dict[str, Any]],
        context: StandingContext = NOTHING_STANDS,
    ) -> OutboxRow | None:
        """Store the changes of one step of the dialogue in one transaction; the new pending event, if any.

        `draft`, `operator` and `context` are the state after the step. Raises as `conclude` and `commit` do: nothing is
        stored.
        """
        owed = None
        further = self.copies.store_second_things(orders)
        with self._db.writing():
            self.copies.insert(further)
            for order in sorted(orders, key=_commit_order):
                match order:
                    case Note(utterance_id, reading, verdict):
                        self._entries.conclude(utterance_id, reading, verdict)
                    case StoreDropped(dropped):
                        self._entries.conclude(dropped.utterance_id, dropped.reading, _TAKEN_BACK)
                    case Park():
                        self._entries.park(order)
                    case ShiftEvent():
                        self.shifts.store_change(order)
                    case Commit(agreed, verdict):
                        entry = self.queries.make_entry(agreed, verdict)
                        owed = self._entries.commit(entry, verdict, partial(render, entry))
                    case StoreFormOrLanguageChange():
                        self.dialogue.save_work(order)
            self.dialogue.save_state(draft, operator, context)
        return owed

    def write_reviews(self, render: Callable[[ReviewChange, EventIds], dict[str, Any]]) -> int:
        """Store the changes of reviews, numbered and signed; how many."""
        return self.review_log.write(render, self._entries.make_instance_id(), self._key)

    def _log_new_key(self) -> None:
        last = self._db.rows("SELECT public_key FROM audit ORDER BY sequence DESC LIMIT 1")
        if last and last[0]["public_key"] != self.public_key.raw.hex():
            _log.warning("%s: is not the key that signed until now; the chain goes on with it", self.directory / KEY)

    def _insert_orphans(self) -> None:
        """Insert a row for each recording that a crash left without one."""
        with translated_errors(self.directory):
            evidence.remove_partial_files(self.directory)
            found = evidence.list_new(self.directory)
        for path in found:
            try:
                utterance, recording = evidence.read_without_row(path)
            except StorageFailed as fault:
                _log.warning("heard before a crash, and cannot be read: %s", fault)
                continue
            # A second copy of a recording is no second utterance.
            if self.queries.get_utterance(utterance.utterance_id) is None:
                self._insert_utterance(utterance, recording)
            self._move_to_final_path(utterance, recording)

    def _insert_utterance(self, utterance: Utterance, recording: Evidence) -> None:
        with self._db.writing():
            self._db.insert("utterances", evidence.utterance_row(self.directory, utterance, recording))

    def _move_to_final_path(self, utterance: Utterance, recording: Evidence) -> Evidence:
        path = self.directory / evidence.final_path(utterance)
        evidence.put_in_place(recording.path, path)
        return replace(recording, path=path)


def _commit_order(order: DurableOrder) -> int:
    """Sort key: verdicts, parked utterances, commits, shifts."""
    return 3 if isinstance(order, ShiftEvent) else 2 if isinstance(order, Commit) else isinstance(order, Park)
