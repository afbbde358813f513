"""Retention: removes unneeded recordings and entries, the oldest first, and holds a reserve on the disk.

Recordings are removed when they are spare and space is needed, or past `keep.retention_days`; their rows stay. The
removal is signed and committed before the file is deleted; after a crash the next pass deletes it.

Age counts only by a synchronised clock. Without one nothing expires, and utterances of that time are dated by the first
pass with a synchronised clock.

With `keep.audio_after_receipt = false` a recording is removed as soon as nothing needs it.

Entries are removed when the journal and its second copy exceed their limit, only from the beginning, so that the chain
has no gap, and only where they are settled, undisputed, and without a recording. The newest entry stays: the next one
continues its number and link. First the anchor is written, then the second copy shortened, then the rows deleted; after
a crash in between the next pass continues.

The reserve is space that is freed on a full disk, so that the last utterance can be completed.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.plain_file import sync_directory
from edge.config import Keep
from edge.keep import evidence
from edge.keep.codec import format_time, now, to_json
from edge.keep.database import JournalDatabase
from edge.keep.device_key import Anchor, removal_digest
from edge.keep.entry_log import EntryLog
from edge.keep.review import sign_review_removals
from edge.keep.storage import DiskFull, free_bytes, translated_errors

MB = 1_000_000  # Bytes.
_RESERVE = "journal.reserve"  # The file in the state directory.
_AT_ONCE = 500  # Recordings removed in one pass: a fraction of a second without commits.

_MARKED_AT_ONCE = 50  # Recordings removed by one transaction: some 0.3 MB of WAL, which a nearly full disk still has.

_DATED_AT_ONCE = 1000  # Utterances dated in one pass: there may be many when the clock is synchronised at last.

_FORGOTTEN_AT_ONCE = 200
"""Entries removed in one pass: some tens of milliseconds; more than are made between two passes."""

_FIRST_NEEDED = """
    SELECT min(e.sequence) AS n FROM entries e JOIN outbox o USING (event_id) JOIN utterances u USING (utterance_id)
    WHERE e.sequence <= ?
        AND (o.settled_at IS NULL OR o.state IN ('refused', 'dead') OR u.evidence <> 'removed' OR u.flag IS NOT NULL)
"""

_SPARE = (
    "SELECT utterance_id, audio_path AS path, audio_bytes AS bytes, dated_at, audio_sha256 FROM utterances "
    "WHERE evidence = 'spare'"
)

_UNDATED = "SELECT rowid FROM utterances WHERE dated_at = 'unknown' LIMIT ?"

_RESTED_ON = """
    SELECT utterance_id, heard_at FROM utterances JOIN entries USING (utterance_id)
    WHERE sequence <= ? AND source = 'microphone'
"""
"""Utterances of replayed recordings stay, so that another replay finds them."""

_LED_TO_NOTHING = """
    SELECT utterance_id FROM utterances WHERE evidence = 'removed' AND source = 'microphone' AND review IS NULL
        AND outcome IN ('ask', 'repeat', 'ignore', 'heed', 'cancel') AND heard_at <= ?
        AND NOT EXISTS (SELECT 1 FROM rests_on AS r WHERE r.utterance_id = utterances.utterance_id AND r.sequence > ?)
        AND utterance_id NOT IN (SELECT value FROM conversation, json_each(context, '$.said_in'))
"""
"""A supporting utterance stays as long as any of its entries."""

_ORDERS_OUTLIVED = """
    DELETE FROM orders WHERE body IS NULL AND taken_at < (SELECT coalesce(min(heard_at), '') FROM utterances)
"""
"""Orders from before the oldest utterance: a duplicate finds nothing to decide."""

_REQUESTS_OUTLIVED = (
    "DELETE FROM clip_requests WHERE taken_at < (SELECT coalesce(min(heard_at), '') FROM utterances)",
    "DELETE FROM clips WHERE closed IS NOT NULL AND opened_at < (SELECT coalesce(min(heard_at), '') FROM utterances)",
)
"""Likewise for requests about utterances that were never recorded here."""

_BYTES = """
    SELECT (page_count - freelist_count) * page_size AS n
    FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Spare:
    """A recording that nothing needs any more."""

    utterance_id: str
    path: str  # Relative to the state directory.
    bytes: int
    dated_at: str  # From when its age counts, ISO 8601 in UTC; `unknown` sorts behind all dates.
    audio_sha256: str


class Reserve:
    """The reserve file of one state directory."""

    def __init__(self, directory: Path, size: int) -> None:
        """`size` of the reserve file in bytes; 0 keeps no reserve."""
        self._path = directory / _RESERVE
        self._size = size

    @property
    def missing_bytes(self) -> int:
        """How many bytes the reserve file lacks."""
        held = self._path.stat().st_size if self._path.exists() else 0
        return max(0, self._size - held)

    def refill(self) -> None:
        """Allocate the reserve where the disk has room. Raises StorageFailed for other errors than a full disk."""
        if not self.missing_bytes:
            return
        try:
            with translated_errors(self._path):
                self._allocate()
        except DiskFull as fault:
            self.release()
            _log.warning("no reserve: %s", fault)

    def release(self) -> bool:
        """Free the reserve's space; False where there was none."""
        with translated_errors(self._path):
            held = self._path.exists() and self._path.stat().st_size > 0
            self._path.unlink(missing_ok=True)
        return held

    def _allocate(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(self._path.parent)


class Retention:
    """The disk usage of one journal, and its removals."""

    def __init__(self, db: JournalDatabase, entries: EntryLog, signer: Signer) -> None:
        self._db = db
        self._entries = entries
        self._signer = signer
        self._directory = db.path.parent
        self._believed_since: str | None = None  # The first look from which on the clock was believed at every one.

    def evidence_bytes(self) -> int:
        """The total size of the existing recordings."""
        return int(self._db.rows("SELECT n FROM tally WHERE what = 'evidence bytes'")[0]["n"])

    def entries_bytes(self) -> int:
        """The size of the journal's entries and of their second copy."""
        with translated_errors(self._db.path):
            return int(self._db.rows(_BYTES)[0]["n"]) + self._entries.bytes_on_disk

    def free_disk_space(self, keep: Keep, reserve: Reserve, at: datetime, *, believed: bool) -> int:
        """Make room where needed at `at`, and refill the reserve where possible.

        `believed`: whether the clock is synchronised; otherwise nothing expires. Returns the free bytes afterwards.
        Raises StorageFailed.
        """
        self._delete_recorded()
        free = free_bytes(self._directory) - reserve.missing_bytes
        over_budget = self.evidence_bytes() - keep.budget_mb * MB
        self._believed_since = (self._believed_since or format_time(at)) if believed else None
        if believed:
            self._date_utterances(format_time(at))
        kept_from = format_time(at - timedelta(days=keep.retention_days)) if believed else ""
        wanting = max(over_budget, keep.alarm_free_mb * MB - free) if keep.audio_after_receipt else math.inf
        self._remove_outlived(wanting, kept_from)
        self._delete_shifts(kept_from)
        if self.entries_bytes() > keep.entries_mb * MB:
            self.prune(_FORGOTTEN_AT_ONCE)
        # What the reserve takes must not be what recording stops for.
        if free_bytes(self._directory) - reserve.missing_bytes >= keep.stop_free_mb * MB:
            reserve.refill()
        return free_bytes(self._directory)

    def list_spare_evidence(self, limit: int) -> list[_Spare]:
        """The first `limit` unneeded recordings, oldest first, then those of unknown age."""
        return [_Spare(**row) for row in self._db.rows(f"{_SPARE} ORDER BY dated_at, rowid LIMIT ?", limit)]

    def remove_evidence(self, outlived: Sequence[_Spare]) -> None:
        """Delete unneeded recordings. Their rows stay, with the time of removal.

        Raises StorageFailed: the journal has the removal of each deleted file, and maybe of some that still exist; the
        next `free_disk_space` deletes those.
        """
        for first in range(0, len(outlived), _MARKED_AT_ONCE):
            self._record_removals(outlived[first : first + _MARKED_AT_ONCE])
            self._delete_recorded()

    def remove_recordings(self, utterances: Sequence[str]) -> None:
        """Delete the recordings of these utterances as far as nothing needs them. Raises StorageFailed."""
        those = "utterance_id IN (SELECT value FROM json_each(?))"
        found = self._db.rows(f"{_SPARE} AND {those}", to_json(utterances))
        self.remove_evidence([_Spare(**row) for row in found])
        self._delete_recorded()  # and what a crash left

    def prune(self, at_most: int) -> int:
        """Remove at most so many of the oldest unneeded entries; return how many.

        Raises StorageFailed: some may be removed, and the anchor covers all of them.
        """
        first, last = self._removable_range(at_most)
        if last < first or not self._entries.can_forget():
            return 0
        (newest,) = self._db.rows("SELECT link FROM audit WHERE sequence = ?", last)
        Anchor.signed(last, newest["link"], self._signer).write(self._directory)
        self._entries.forget(last)
        with self._db.writing():
            self._delete_entries(last)
        return last - first + 1

    def _date_utterances(self, at: str) -> None:
        """Date the undated utterances: by their own time, if the clock was synchronised then."""
        if undated := [row["rowid"] for row in self._db.rows(_UNDATED, _DATED_AT_ONCE)]:
            self._db.write(
                "UPDATE utterances SET dated_at = iif(heard_at BETWEEN :since AND :at, heard_at, :at) "
                "WHERE rowid IN (SELECT value FROM json_each(:undated))",
                {"since": self._believed_since, "at": at, "undated": to_json(undated)},
            )

    def _remove_outlived(self, excess: float, kept_from: str) -> None:
        """Remove spare recordings of `excess` bytes, and those from before `kept_from`."""
        outlived = []
        for spare in self.list_spare_evidence(_AT_ONCE):
            if excess <= 0 and spare.dated_at >= kept_from:
                break
            outlived.append(spare)
            excess -= spare.bytes
        self.remove_evidence(outlived)

    def _delete_shifts(self, kept_from: str) -> None:
        """Delete shifts from before `kept_from`, as recordings are."""
        if self._db.rows("SELECT 1 FROM shifts WHERE at < ? LIMIT 1", kept_from):
            self._db.write("DELETE FROM shifts WHERE at < ?", [kept_from])

    def _record_removals(self, outlived: Sequence[_Spare]) -> None:
        """Record the removals durably before the files are deleted."""
        removed_at, keyid = now(), self._signer.public.keyid
        with self._db.writing():
            for spare in outlived:
                marked = self._db.execute(
                    "UPDATE utterances SET evidence = 'removed', audio_removed_at = ? "
                    "WHERE utterance_id = ? AND evidence = 'spare'",
                    [removed_at, spare.utterance_id],
                )
                if marked.rowcount:
                    signature = self._signer.sign(removal_digest(spare.utterance_id, spare.audio_sha256, removed_at))
                    self._db.insert(
                        "removals",
                        {
                            "utterance_id": spare.utterance_id,
                            "removed_at": removed_at,
                            "keyid": keyid,
                            "signature": signature,
                        },
                    )

    def _delete_recorded(self) -> None:
        """Delete the files of recorded removals that are not known to be gone."""
        under_way = self._db.rows(
            "SELECT audio_path FROM removals JOIN utterances USING (utterance_id) WHERE unlinked = 0"
        )
        if not under_way:
            return
        paths = [self._directory / row["audio_path"] for row in under_way]
        for path in paths:
            evidence.remove(path)
        evidence.sync_removed(self._directory, paths)
        self._db.write("UPDATE removals SET unlinked = 1 WHERE unlinked = 0")

    def _removable_range(self, at_most: int) -> tuple[int, int]:
        """The first and the last removable number; last < first where there is none."""
        ends = "SELECT coalesce(min(sequence), 1) AS first, coalesce(max(sequence), 0) AS last FROM entries"
        (found,) = self._db.rows(ends)
        first, upto = found["first"], min(found["first"] + at_most, found["last"])
        needed = self._db.rows(_FIRST_NEEDED, upto)[0]["n"]
        return first, (upto if needed is None else needed) - 1

    def _delete_entries(self, upto: int) -> None:
        rested_on = self._db.rows(_RESTED_ON, upto)
        heard_at = max((row["heard_at"] for row in rested_on), default="")
        gone = to_json([row["utterance_id"] for row in (*rested_on, *self._db.rows(_LED_TO_NOTHING, heard_at, upto))])
        sign_review_removals(self._db, gone, self._signer)
        for table in ("outbox", "audit", "entries"):
            self._db.execute(f"DELETE FROM {table} WHERE sequence <= ?", [upto])  # noqa: S608 - our own tables
        for table in ("answers", "removals", "reviews", "clips", "clip_requests", "utterances"):
            self._db.execute(
                f"DELETE FROM {table} WHERE utterance_id IN (SELECT value FROM json_each(?))",  # noqa: S608 - likewise
                [gone],
            )
        self._db.execute(_ORDERS_OUTLIVED)
        for outlived in _REQUESTS_OUTLIVED:
            self._db.execute(outlived)
