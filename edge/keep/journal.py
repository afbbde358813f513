"""The journal: what was heard, what was meant and what is still owed, safe from a crash at any moment.

    state directory/
        journal.db                               the tables (see schema.py)
        journal.lock                             held by the one process that writes
        evidence/2026-11-20/<utterance_id>.flac  the recordings

Each method that writes is one transaction, and what it wrote is on the disk when it returns. Used by one thread at a
time; which one may change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import uuid_utils

from edge.errors import StorageFailed
from edge.keep import audit, evidence, rows
from edge.keep.database import open_for_reading, open_for_writing, writing
from edge.keep.disk import make_directory, refusals
from edge.keep.evidence import Evidence
from edge.keep.lock import Lock
from edge.keep.rows import Counts, KeptEntry, KeptUtterance, OutboxState, Row
from edge.keep.view import JOURNAL, JournalView
from edge.records import (
    SAMPLE_BYTES,
    SAMPLE_RATE,
    Entry,
    Minted,
    OutboxRow,
    Outcome,
    Reading,
    Receipt,
    ReceiptOutcome,
    Utterance,
    Verdict,
)

__all__ = ["Counts", "Journal", "JournalView", "KeptEntry", "KeptUtterance"]

log = logging.getLogger(__name__)


class Journal(JournalView):
    """A device's journal, open to be written by this process alone."""

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The journal in `directory`: made if there is none, brought up to date, checked and complete.

        Recordings that a crash left without a row become unread utterances. Raises AlreadyRunning, StorageFailed, and
        Misconfigured for a journal of a newer version.
        """
        with ExitStack() as opened:
            with refusals(directory):
                make_directory(directory)
            opened.callback(Lock(directory).release)
            _refuse_recordings_alone(directory)
            db = open_for_writing(directory / JOURNAL)
            opened.callback(db.close)
            journal = cls(directory, db, opened)
            journal._adopt()
            journal._held = opened.pop_all()
        return journal

    @classmethod
    def inspect(cls, directory: Path) -> JournalView:
        """The journal in `directory` to look at, also while another process writes it.

        Raises UnreadableInput when there is none or it is of an older version, StorageFailed, Misconfigured.
        """
        db = open_for_reading(directory / JOURNAL)
        held = ExitStack()
        held.callback(db.close)
        return JournalView(directory, db, held)

    def begin(self, utterance: Utterance) -> Evidence:
        """Keep what was heard, before anything reads it: the recording first, then the row that names it.

        Beginning the same utterance again changes nothing. Raises StorageFailed: then it is not safe; but if the disk
        took the recording and refused only the row, the next `open` finds it.
        """
        if found := self._rows("SELECT * FROM utterances WHERE utterance_id = ?", utterance.utterance_id):
            return self._recording(found[0])
        recording = evidence.write(self._directory, utterance)
        self._keep(utterance, recording)
        return recording

    def conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        """Keep a verdict that makes no entry: ask, repeat, ignore. The last one stands, and a commit may follow it.

        Raises ValueError where it would contradict a commit, LookupError for an utterance that never began.
        """
        if verdict.outcome is Outcome.ACCEPT:
            raise ValueError(f"{utterance_id}: what is accepted is committed, not concluded")
        with self._writing():
            if self._owed(utterance_id) is not None:
                raise ValueError(f"{utterance_id}: is committed already, which cannot be taken back")
            self._decide(utterance_id, reading, verdict)

    def commit(self, entry: Entry, verdict: Verdict, render: Callable[[Minted], dict[str, Any]]) -> OutboxRow:
        """Keep an entry and owe its event, in one transaction. From here it cannot be lost or doubled.

        `render` makes the event from the identity minted for it; its audit link is added as `chain`. Committing the
        same utterance again returns the first event, unchanged. Raises StorageFailed: then nothing was committed and no
        number is used up; ValueError or LookupError where the entry does not rest on what was heard.
        """
        if verdict.outcome is not Outcome.ACCEPT:
            raise ValueError(f"{entry.utterance_id}: what is committed must be accepted, not {verdict.outcome}")
        with self._writing():
            if (owed := self._owed(entry.utterance_id)) is not None:
                return owed
            self._decide(entry.utterance_id, entry.reading, verdict)
            self._demand_evidence(entry)
            minted = self._mint()
            event = render(minted)
            link = audit.link(minted.chain, event, entry.audio_sha256)
            owed = OutboxRow(minted.event_id, minted.sequence, rows.to_json({**event, audit.CHAIN: link}))
            self._enter(entry, minted, link, owed)
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
        refused = receipt is not None and receipt.outcome is ReceiptOutcome.REFUSED
        state = OutboxState.REFUSED if refused else OutboxState.SETTLED
        with self._writing():
            self._db.execute(
                "UPDATE outbox SET state = ?, settled_at = ?, receipt = ? WHERE event_id = ? AND state = 'waiting'",
                [state.value, _now(), rows.receipt_json(receipt), event_id],
            )
            return bool(self._rows("SELECT 1 FROM outbox WHERE event_id = ?", event_id))

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self._db, self._path)

    def _adopt(self) -> None:
        """Give a row to each recording that a crash left without one."""
        with refusals(self._directory):
            evidence.sweep(self._directory)
            found = evidence.recordings(self._directory)
        named = {row["audio_path"] for row in self._rows("SELECT audio_path FROM utterances")}
        for path in found:
            if path.relative_to(self._directory).as_posix() in named:
                continue
            try:
                utterance, recording = evidence.recover(path)
            except StorageFailed as fault:
                log.warning("heard before a crash, and cannot be read: %s", fault)
                continue
            # A second copy of a recording is not a second saying.
            if self.kept(utterance.utterance_id) is None:
                self._keep(utterance, recording)

    def _keep(self, utterance: Utterance, recording: Evidence) -> None:
        with self._writing():
            self._insert(
                "utterances",
                {
                    **evidence.describe(utterance),
                    "samples": len(utterance.segment.pcm) // SAMPLE_BYTES,
                    "audio_path": recording.path.relative_to(self._directory).as_posix(),
                    "audio_sha256": recording.sha256,
                },
            )

    def _recording(self, row: Row) -> Evidence:
        return Evidence(self._directory / row["audio_path"], row["audio_sha256"], row["samples"] / SAMPLE_RATE)

    def _decide(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        changed = self._db.execute(
            "UPDATE utterances SET outcome = :outcome, reasons = :reasons, fields = :fields, ask = :ask, "
            "reading = :reading WHERE utterance_id = :utterance_id",
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
        sequence, chain = (last[0]["sequence"], last[0]["link"]) if last else (0, audit.GENESIS)
        return Minted(event_id=str(uuid_utils.uuid7()), sequence=sequence + 1, chain=chain)

    def _enter(self, entry: Entry, minted: Minted, link: str, owed: OutboxRow) -> None:
        identity = {"event_id": minted.event_id, "sequence": minted.sequence}
        self._insert(
            "entries",
            {
                **identity,
                "utterance_id": entry.utterance_id,
                "form": entry.form,
                "fields": rows.to_json(dict(entry.fields)),
                "operator": entry.operator,
                "recorded_at": rows.to_time(entry.recorded_at),
            },
        )
        self._insert("audit", {**identity, "link": link, "previous": minted.chain})
        self._insert("outbox", {**identity, "body": owed.body})

    def _insert(self, table: str, row: Row) -> None:
        self._db.table(table).insert(row)


def _refuse_recordings_alone(directory: Path) -> None:
    """Recordings whose journal is gone may long be in the inventory: to read them as new would apply them twice."""
    path = directory / JOURNAL
    with refusals(path):
        if path.exists() and path.stat().st_size:
            return
        if evidence.recordings(directory):
            raise StorageFailed(
                f"{path}: is missing, but the recordings it names are there; restore it from a copy, "
                f"or, to begin anew, move {directory} aside and keep it"
            )


def _now() -> str:
    return rows.to_time(datetime.now(UTC))
