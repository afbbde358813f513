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
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge.errors import StorageFailed
from edge.hash_chain import PublicKey
from edge.keep import evidence, forgetting, rows
from edge.keep.answers import AnswersView
from edge.keep.committing import Committing
from edge.keep.database import JOURNAL, check_at_work, open_for_reading
from edge.keep.disk import DiskFull, make_directory, refusals
from edge.keep.evidence import Evidence
from edge.keep.identity import KEY, DeviceKey
from edge.keep.lock import Lock
from edge.keep.mending import open_whole
from edge.keep.rows import Counts, KeptEntry, KeptUtterance, OutboxState, Row, Spare
from edge.keep.view import JournalView
from edge.records import SAMPLE_RATE, Receipt, Utterance

__all__ = ["Counts", "Journal", "JournalView", "KeptEntry", "KeptUtterance"]

log = logging.getLogger(__name__)


class Journal(Committing):
    """A device's journal, open to be written by this process alone."""

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

    def sent(self, event_id: str) -> bool:
        """Note that the broker took the event once more. It stays owed. False for one that is not of this journal."""
        with self._writing():
            changed = self._db.execute(
                "UPDATE outbox SET attempts = attempts + 1, sent_at = ? WHERE event_id = ?", [_now(), event_id]
            )
            return bool(changed.rowcount)

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


def _now() -> str:
    return rows.to_time(datetime.now(UTC))
