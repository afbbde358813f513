"""The journal: what was heard, what was meant and what is still owed, safe from a crash at any moment.

    state directory/
        journal.db                               the tables (see schema.py)
        journal.lock                             held by the one process that writes
        entries.log                              each entry once more (see entrylog.py)
        journal.anchor                           where both begin, if not with the first entry (see anchor.py)
        evidence/2026-11-20/<utterance_id>.flac  the recordings

Each method that writes is one transaction, and what it wrote is on the disk when it returns. Used by one thread at a
time; which one may change.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import uuid_utils

from edge import chain
from edge.chain import PublicKey
from edge.errors import StorageFailed
from edge.keep import committed, evidence, forgetting, rows
from edge.keep.answers import AnswersView
from edge.keep.conversing import Conversing
from edge.keep.database import JOURNAL, check_at_work, open_for_reading
from edge.keep.disk import DiskFull, make_directory, refusals
from edge.keep.drafts import Parked, Turn, draft_json, recordings_json
from edge.keep.entrylog import EntryLog
from edge.keep.evidence import Evidence
from edge.keep.identity import KEY, DeviceKey
from edge.keep.lock import Lock
from edge.keep.mending import open_whole
from edge.keep.rows import Counts, KeptEntry, KeptUtterance, OutboxState, Row, Spare
from edge.keep.view import JournalView
from edge.records import (
    SAMPLE_RATE,
    Entry,
    Minted,
    OutboxRow,
    Outcome,
    Reading,
    Receipt,
    Utterance,
    Verdict,
)

__all__ = ["Counts", "Journal", "JournalView", "KeptEntry", "KeptUtterance"]

log = logging.getLogger(__name__)


class Journal(Conversing):
    """A device's journal, open to be written by this process alone."""

    _key: DeviceKey
    _entry_log: EntryLog

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The journal in `directory`: made if there is none, brought up to date, checked and complete.

        Recordings that a crash left without a row become unread utterances; a broken journal is set aside and rebuilt
        (see mending.py). Raises AlreadyRunning, StorageFailed, and Misconfigured for a journal of a newer version.
        """
        with ExitStack() as opened:
            with refusals(directory):
                make_directory(directory)
            opened.callback(Lock(directory).release)
            db, entry_log = open_whole(directory)
            opened.callback(entry_log.close)
            opened.callback(db.close)
            journal = cls(directory, db, opened)
            journal._entry_log = entry_log
            journal._key = DeviceKey.of(directory)
            journal._notice_new_key()
            journal._adopt()
            journal._held = opened.pop_all()
        return journal

    @classmethod
    def check(cls, directory: Path) -> None:
        """Check the journal in `directory` as an opening does, also while a process writes it.

        Raises StorageFailed: where it is damaged, the next opening rebuilds it.
        """
        check_at_work(directory / JOURNAL)

    @classmethod
    def inspect(cls, directory: Path) -> AnswersView:
        """The journal in `directory` to look at, also while another process writes it.

        Raises UnreadableInput when there is none or it is of an older version, StorageFailed, Misconfigured.
        """
        db = open_for_reading(directory / JOURNAL)
        held = ExitStack()
        held.callback(db.close)
        return AnswersView(directory, db, held)

    @property
    def public_key(self) -> PublicKey:
        """What others check this device's signatures with."""
        return self._key.public

    def begin(self, utterance: Utterance) -> Evidence:
        """Keep what was heard, before anything reads it: the recording first, then the row that names it.

        Beginning the same utterance again changes nothing. Raises StorageFailed: then it is not safe; but if the disk
        took the recording and failed at the row, the next `open` finds it. Raises DiskFull: then nothing is left of it,
        since whoever is told so says it again.
        """
        if found := self._rows("SELECT * FROM utterances WHERE utterance_id = ?", utterance.utterance_id):
            return self._recording(found[0])
        recording = evidence.write(self._directory, utterance)
        try:
            self._keep(utterance, recording)
        except DiskFull:
            recording.path.unlink(missing_ok=True)
            raise
        return self._in_place(utterance, recording)

    def conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        """Keep a verdict that makes no entry: ask, repeat, ignore, defer. The last one stands; a commit may follow.

        Raises ValueError where it would contradict a commit, LookupError for an utterance that never began.
        """
        if verdict.outcome is Outcome.ACCEPT:
            raise ValueError(f"{utterance_id}: what is accepted is committed, not concluded")
        with self._writing():
            self._conclude(utterance_id, reading, verdict)

    def put_under_review(self, utterance_id: str, reading: Reading, verdict: Verdict, why: str) -> None:
        """Keep what was read of an utterance, and let a person decide about it. Raises as `conclude` does."""
        with self._writing():
            self._conclude(utterance_id, reading, verdict)
            self._park(Parked(utterance_id, why, verdict.fields))

    def commit(self, entry: Entry, verdict: Verdict, render: Callable[[Minted], dict[str, Any]]) -> OutboxRow:
        """Keep an entry and owe its event, in one transaction. From here it cannot be lost or doubled.

        `render` makes the event from the identity minted for it; `chain.sealed` ties and signs it. Committing the same
        utterance again returns the first event, unchanged. Raises StorageFailed: then nothing was committed and no
        number is used up; ValueError or LookupError where the entry does not rest on what was heard.
        """
        if verdict.outcome is not Outcome.ACCEPT:
            raise ValueError(f"{entry.utterance_id}: what is committed must be accepted, not {verdict.outcome}")
        with self._writing():
            return self._commit(entry, verdict, render)

    def accept(
        self, entry: Entry, verdict: Verdict, who: str, reason: str | None, render: Callable[[Minted], dict[str, Any]]
    ) -> OutboxRow:
        """Commit the entry that a person makes of an utterance under review; his name and reason stay beside it.

        Raises as `commit` does, and UnreadableInput for what is not under review.
        """
        found = self.under_review_as(entry.utterance_id)
        with self._writing():
            self._note(found, "accept", who, reason)
            self._db.execute("UPDATE utterances SET review = NULL WHERE utterance_id = ?", [found.utterance_id])
            return self._commit(entry, verdict, render)

    def turn(self, turn: Turn, render: Callable[[Entry, Minted], dict[str, Any]]) -> OutboxRow | None:
        """Keep what one step of the dialogue changed, in one transaction; the event that is owed by it, if one is.

        Raises as `conclude` and `commit` do: then nothing of it was kept.
        """
        agreed = turn.agreed
        with self._writing():
            for noted in turn.noted:
                self._conclude(noted.utterance_id, noted.reading, noted.verdict)
            for parked in turn.parked:
                self._park(parked)
            owed = None if agreed is None else self._commit(agreed.entry, agreed.verdict, partial(render, agreed.entry))
            self._db.execute("UPDATE conversation SET draft = ?, operator = ?", [draft_json(turn.draft), turn.operator])
        return owed

    def sent(self, event_id: str) -> None:
        """Note that the broker took the event once more. It stays owed. Raises LookupError for an unknown event."""
        with self._writing():
            changed = self._db.execute(
                "UPDATE outbox SET attempts = attempts + 1, sent_at = ? WHERE event_id = ?", [_now(), event_id]
            )
            if not changed.rowcount:
                raise LookupError(f"{event_id}: no such event was committed here")

    def settle(self, event_id: str, receipt: Receipt | None) -> bool:
        """Strike the event off: the inventory's receipt came, or (None) the broker's word is taken for it.

        The first settlement stands, whatever comes later. False for an event that is not of this journal.
        """
        state = OutboxState.REFUSED if receipt is not None and receipt.turned_down else OutboxState.SETTLED
        with self._writing():
            self._db.execute(
                "UPDATE outbox SET state = iif(state = 'waiting', ?, state), settled_at = ?, receipt = ? "
                "WHERE event_id = ? AND settled_at IS NULL",
                [state.value, _now(), rows.receipt_json(receipt), event_id],
            )
            return bool(self._rows("SELECT 1 FROM outbox WHERE event_id = ?", event_id))

    def reopen(self, first: int, last: int = sys.maxsize) -> int:
        """Owe the events of these numbers again, because the inventory lost them; how many were settled before."""
        with self._writing():
            changed = self._db.execute(
                "UPDATE outbox SET state = iif(state IN ('settled', 'refused'), 'waiting', state), "
                "settled_at = NULL, receipt = NULL WHERE sequence BETWEEN ? AND ? AND settled_at IS NOT NULL",
                [first, last],
            )
            return changed.rowcount

    def remove_evidence(self, outlived: Iterable[Spare]) -> None:
        """Delete recordings that nothing rests on any more. Their rows stay, and say that they were removed, and when.

        Raises StorageFailed: then some are gone and still called spare, and removing them again is harmless.
        """
        removed_at = _now()
        with self._writing():
            for spare in outlived:
                evidence.remove(self._directory / spare.path)
                self._db.execute(
                    "UPDATE utterances SET evidence = 'removed', audio_removed_at = ? "
                    "WHERE utterance_id = ? AND evidence = 'spare'",
                    [removed_at, spare.utterance_id],
                )

    def entries_bytes(self) -> int:
        """How much room the entries take, here and in their second copy."""
        with refusals(self._path):
            return forgetting.taken(self._db, self._entry_log)

    def forget(self, at_most: int) -> int:
        """Remove so many of the oldest entries at most, if nothing rests on them any more (see forgetting.py).

        Returns how many it were. Raises StorageFailed.
        """
        return forgetting.forget(self._directory, self._db, self._entry_log, self._key, at_most)

    def _notice_new_key(self) -> None:
        last = self._rows("SELECT public_key FROM audit ORDER BY sequence DESC LIMIT 1")
        if last and last[0]["public_key"] not in {None, self.public_key.raw.hex()}:
            log.warning("%s: is not the key that signed until now; the chain goes on with it", self._directory / KEY)

    def _adopt(self) -> None:
        """Give a row to each recording that a crash left without one."""
        with refusals(self._directory):
            evidence.sweep(self._directory)
            found = evidence.new(self._directory)
        for path in found:
            try:
                utterance, recording = evidence.recover(path)
            except StorageFailed as fault:
                log.warning("heard before a crash, and cannot be read: %s", fault)
                continue
            # A second copy of a recording is not a second saying.
            if self.kept(utterance.utterance_id) is None:
                self._keep(utterance, recording)
            self._in_place(utterance, recording)

    def _keep(self, utterance: Utterance, recording: Evidence) -> None:
        with self._writing():
            self._insert("utterances", evidence.columns(self._directory, utterance, recording))

    def _in_place(self, utterance: Utterance, recording: Evidence) -> Evidence:
        path = self._directory / evidence.place(utterance)
        evidence.put_in_place(recording.path, path)
        return replace(recording, path=path)

    def _recording(self, row: Row) -> Evidence:
        return Evidence(self._directory / row["audio_path"], row["audio_sha256"], row["samples"] / SAMPLE_RATE)

    def _conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        if self._owed(utterance_id) is not None:
            raise ValueError(f"{utterance_id}: is committed already, which cannot be taken back")
        self._decide(utterance_id, reading, verdict)

    def _commit(self, entry: Entry, verdict: Verdict, render: Callable[[Minted], dict[str, Any]]) -> OutboxRow:
        if (owed := self._owed(entry.utterance_id)) is not None:
            return owed
        self._decide(entry.utterance_id, entry.reading, verdict)
        self._demand_evidence(entry)
        minted = self._mint()
        reading = rows.reading_json(entry.reading)
        event = chain.sealed(render(minted), minted.chain, entry.audio_sha256, reading, self._key)
        owed = OutboxRow(minted.event_id, minted.sequence, rows.to_json(event))
        self._enter(entry, event, owed)
        self._entry_log.append(committed.rows_of(self._db, owed.sequence))
        return owed

    def _decide(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        changed = self._db.execute(
            # A verdict ends a review: what was put there while a question was open has been answered.
            "UPDATE utterances SET outcome = :outcome, reasons = :reasons, fields = :fields, ask = :ask, "
            "reading = :reading, review = NULL WHERE utterance_id = :utterance_id",
            {"utterance_id": utterance_id, **rows.verdict_columns(reading, verdict)},
        )
        if not changed.rowcount:
            raise LookupError(f"{utterance_id}: no such utterance was begun here")

    def _demand_evidence(self, entry: Entry) -> None:
        found = self._rows("SELECT audio_sha256 FROM utterances WHERE utterance_id = ?", entry.utterance_id)
        if found[0]["audio_sha256"] != entry.audio_sha256:
            raise ValueError(f"{entry.utterance_id}: the entry names another recording than the one kept")

    def _owed(self, utterance_id: str) -> OutboxRow | None:
        found = self._rows(
            "SELECT o.event_id, o.sequence, o.body FROM entries e JOIN outbox o USING (event_id) "
            "WHERE e.utterance_id = ?",
            utterance_id,
        )
        return OutboxRow(**found[0]) if found else None

    def _mint(self) -> Minted:
        last = self._rows("SELECT sequence, link FROM audit ORDER BY sequence DESC LIMIT 1")
        sequence, link = (last[0]["sequence"], last[0]["link"]) if last else (0, chain.GENESIS)
        return Minted(event_id=str(uuid_utils.uuid7()), sequence=sequence + 1, chain=link)

    def _enter(self, entry: Entry, event: dict[str, Any], owed: OutboxRow) -> None:
        identity = {"event_id": owed.event_id, "sequence": owed.sequence}
        self._insert(
            "entries",
            {
                **identity,
                "utterance_id": entry.utterance_id,
                "form": entry.form,
                "fields": rows.to_json(dict(entry.fields)),
                "operator": entry.operator,
                "recorded_at": rows.to_time(entry.recorded_at),
                "act": entry.act.value,
                "replaces": entry.replaces,
                "support": recordings_json(entry.support),
            },
        )
        self._insert("audit", {**identity, **rows.audit_columns(event, self._key.public)})
        self._insert("outbox", {**identity, "body": owed.body})

    def _insert(self, table: str, row: Row) -> None:
        self._db.table(table).insert(row)


def _now() -> str:
    return rows.to_time(datetime.now(UTC))
