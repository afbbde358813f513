"""Retention: room on the disk is made of what nothing rests on any more, the oldest first; a reserve is held ready.

Recordings go when they are spare and wanting room, or have outlived their time; their rows stay. First the journal says
that a recording is removed, signed by the device and committed, then the file goes: whatever comes between, the journal
tells the truth, and the next look goes on with it.

Age counts only by a clock that can be believed. While nobody vouches for it nothing outlives its time, and what was
heard meanwhile is as old as the first look of a clock that is believed.

Where no recordings are to be kept (`keep.audio_after_receipt = false`) each goes as soon as nothing rests on it.

Entries go when the journal and its second copy take more room than they may. Only from the beginning, so that the chain
has no hole, and only what nothing rests on any more: the inventory has answered for it, no person has to look at it,
and its recording was removed before. The newest entry always stays: the next one continues its number and its link.
First the anchor says so, then the second copy is shortened, then the rows go. A crash in between leaves more than the
anchor says, which is removed the next time.

The reserve is space held back, so that on a full disk what was said last can still be brought to its end.
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
from edge.config import Keep
from edge.keep import evidence
from edge.keep.codec import now, to_json, to_time
from edge.keep.database import JournalDatabase
from edge.keep.device_key import Anchor, removal
from edge.keep.entry_log import EntryLog
from edge.keep.review import sign_off
from edge.keep.storage import DiskFull, free_bytes, refusals, sync_directory

MB = 1_000_000  # Bytes.
RESERVE = "journal.reserve"  # The file in the state directory that takes the space.
_AT_ONCE = 500  # Recordings removed at one look: a fraction of a second in which nothing can be committed.

_MARKED_AT_ONCE = 50
"""Recordings removed by one transaction: some 0.3 MB of SQLite's log, which a disk that is nearly full still has."""

_DATED_AT_ONCE = 1000
"""Utterances whose age begins to count at one look: they may be many when a clock is believed at last."""

_FORGOTTEN_AT_ONCE = 200
"""Entries removed in one go: some tens of milliseconds; more than are made between two looks at the disk."""

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
"""Utterances of a recording stay: should it be played again, it must be known."""

_LED_TO_NOTHING = """
    SELECT utterance_id FROM utterances WHERE evidence = 'removed' AND source = 'microphone' AND review IS NULL
        AND outcome IN ('ask', 'repeat', 'ignore', 'heed', 'cancel') AND heard_at <= ?
        AND NOT EXISTS (SELECT 1 FROM rests_on AS r WHERE r.utterance_id = utterances.utterance_id AND r.sequence > ?)
        AND utterance_id NOT IN (SELECT value FROM conversation, json_each(context, '$.said_in'))
"""
"""What was said once for many entries stays as long as one of them."""

_ORDERS_OUTLIVED = """
    DELETE FROM orders WHERE body IS NULL AND taken_at < (SELECT coalesce(min(heard_at), '') FROM utterances)
"""
"""Those taken before all that is left was heard: should one come again, it finds nothing that it could decide."""

_REQUESTS_OUTLIVED = (
    "DELETE FROM clip_requests WHERE taken_at < (SELECT coalesce(min(heard_at), '') FROM utterances)",
    "DELETE FROM clips WHERE closed IS NOT NULL AND opened_at < (SELECT coalesce(min(heard_at), '') FROM utterances)",
)
"""Those for what was never recorded here, likewise."""

_BYTES = """
    SELECT (page_count - freelist_count) * page_size AS n
    FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Spare:
    """A recording that nothing rests on any more."""

    utterance_id: str
    path: str  # Relative to the state directory.
    bytes: int
    dated_at: str  # From when its age counts, ISO 8601 in UTC; `unknown` sorts behind all dates.
    audio_sha256: str


class Reserve:
    """The reserve file of one state directory."""

    def __init__(self, directory: Path, size: int) -> None:
        """`size` in bytes; 0 for none."""
        self._path = directory / RESERVE
        self._size = size

    @property
    def lacks(self) -> int:
        """How many bytes it takes to have it whole."""
        held = self._path.stat().st_size if self._path.exists() else 0
        return max(0, self._size - held)

    def refill(self) -> None:
        """Hold the space back again, if there is that much; raises StorageFailed for anything else."""
        if not self.lacks:
            return
        try:
            with refusals(self._path):
                self._allocate()
        except DiskFull as fault:
            self.give_back()
            log.warning("no reserve: %s", fault)

    def give_back(self) -> bool:
        """Free the space; false if there was none to free."""
        with refusals(self._path):
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
    """What one journal takes of its disk, and what may go."""

    def __init__(self, db: JournalDatabase, entries: EntryLog, signer: Signer) -> None:
        self._db = db
        self._entries = entries
        self._signer = signer
        self._directory = db.path.parent
        self._believed_since: str | None = None  # The first look from which on the clock was believed at every one.

    def evidence_bytes(self) -> int:
        """How much room the recordings take that were not removed."""
        return int(self._db.rows("SELECT n FROM tally WHERE what = 'evidence bytes'")[0]["n"])

    def entries_bytes(self) -> int:
        """How much room the entries take, here and in their second copy."""
        with refusals(self._db.path):
            return int(self._db.rows(_BYTES)[0]["n"]) + self._entries.bytes_on_disk

    def tidy(self, keep: Keep, reserve: Reserve, at: datetime, *, believed: bool) -> int:
        """Make room where it is wanting at `at`, and refill the reserve where there is some.

        `believed`: whether the clock that says `at` can be believed; otherwise nothing is removed for its age. Returns
        the bytes free afterwards. Raises StorageFailed.
        """
        self._unlink()
        free = free_bytes(self._directory) - reserve.lacks
        over_budget = self.evidence_bytes() - keep.budget_mb * MB
        self._believed_since = (self._believed_since or to_time(at)) if believed else None
        if believed:
            self._date(to_time(at))
        kept_from = to_time(at - timedelta(days=keep.retention_days)) if believed else ""
        wanting = max(over_budget, keep.alarm_free_mb * MB - free) if keep.audio_after_receipt else math.inf
        self._prune(wanting, kept_from)
        self._forget_shifts(kept_from)
        if self.entries_bytes() > keep.entries_mb * MB:
            self.forget(_FORGOTTEN_AT_ONCE)
        # What the reserve takes must not be what recording stops for.
        if free_bytes(self._directory) - reserve.lacks >= keep.stop_free_mb * MB:
            reserve.refill()
        return free_bytes(self._directory)

    def spare_evidence(self, limit: int) -> list[_Spare]:
        """The first `limit` recordings that nothing rests on any more, oldest first.

        Those whose age is not known follow, in the order in which they came.
        """
        return [_Spare(**row) for row in self._db.rows(f"{_SPARE} ORDER BY dated_at, rowid LIMIT ?", limit)]

    def remove_evidence(self, outlived: Sequence[_Spare]) -> None:
        """Delete recordings that nothing rests on any more. Their rows stay, and say that they were removed, and when.

        Raises StorageFailed: then the journal says of each that is gone that it was removed, and maybe of some that are
        still there; the next `tidy` deletes those.
        """
        for first in range(0, len(outlived), _MARKED_AT_ONCE):
            self._mark(outlived[first : first + _MARKED_AT_ONCE])
            self._unlink()

    def remove(self, utterances: Sequence[str]) -> None:
        """Delete the recordings of these, as far as nothing rests on them any more, at once. Raises StorageFailed."""
        those = "utterance_id IN (SELECT value FROM json_each(?))"
        found = self._db.rows(f"{_SPARE} AND {those}", to_json(utterances))
        self.remove_evidence([_Spare(**row) for row in found])
        self._unlink()  # and what a crash left

    def forget(self, at_most: int) -> int:
        """Remove so many of the oldest entries, as far as nothing rests on them; how many it were.

        Raises StorageFailed: then some of what was to go may be gone, and the anchor says of all of it that it may be.
        """
        first, last = self._removable(at_most)
        if last < first or not self._entries.can_forget():
            return 0
        (newest,) = self._db.rows("SELECT link FROM audit WHERE sequence = ?", last)
        Anchor.signed(last, newest["link"], self._signer).write(self._directory)
        self._entries.forget(last)
        with self._db.writing():
            self._delete(last)
        return last - first + 1

    def _date(self, at: str) -> None:
        """Let the age count of what no believed clock has seen yet: from when it was heard, if that clock heard it."""
        if undated := [row["rowid"] for row in self._db.rows(_UNDATED, _DATED_AT_ONCE)]:
            with self._db.writing():
                self._db.execute(
                    "UPDATE utterances SET dated_at = iif(heard_at BETWEEN :since AND :at, heard_at, :at) "
                    "WHERE rowid IN (SELECT value FROM json_each(:undated))",
                    {"since": self._believed_since, "at": at, "undated": to_json(undated)},
                )

    def _prune(self, excess: float, kept_from: str) -> None:
        """Remove so many bytes of spare recordings, if there are so many, and those from before `kept_from`."""
        outlived = []
        for spare in self.spare_evidence(_AT_ONCE):
            if excess <= 0 and spare.dated_at >= kept_from:
                break
            outlived.append(spare)
            excess -= spare.bytes
        self.remove_evidence(outlived)

    def _forget_shifts(self, kept_from: str) -> None:
        """Nobody is to be told for longer who worked when than what he said can be heard."""
        if self._db.rows("SELECT 1 FROM shifts WHERE at < ? LIMIT 1", kept_from):
            with self._db.writing():
                self._db.execute("DELETE FROM shifts WHERE at < ?", [kept_from])

    def _mark(self, outlived: Sequence[_Spare]) -> None:
        """Say durably that these are removed, before they are."""
        removed_at, keyid = now(), self._signer.public.keyid
        with self._db.writing():
            for spare in outlived:
                marked = self._db.execute(
                    "UPDATE utterances SET evidence = 'removed', audio_removed_at = ? "
                    "WHERE utterance_id = ? AND evidence = 'spare'",
                    [removed_at, spare.utterance_id],
                )
                if marked.rowcount:
                    signature = self._signer.sign(removal(spare.utterance_id, spare.audio_sha256, removed_at))
                    self._db.insert(
                        "removals",
                        {
                            "utterance_id": spare.utterance_id,
                            "removed_at": removed_at,
                            "keyid": keyid,
                            "signature": signature,
                        },
                    )

    def _unlink(self) -> None:
        """Delete the recordings that the journal says are removed, and that are not known to be gone."""
        under_way = self._db.rows(
            "SELECT audio_path FROM removals JOIN utterances USING (utterance_id) WHERE unlinked = 0"
        )
        if not under_way:
            return
        paths = [self._directory / row["audio_path"] for row in under_way]
        for path in paths:
            evidence.remove(path)
        evidence.sync_removed(self._directory, paths)
        with self._db.writing():
            self._db.execute("UPDATE removals SET unlinked = 1 WHERE unlinked = 0")

    def _removable(self, at_most: int) -> tuple[int, int]:
        """The first and the last number that may go; the last before the first where none may."""
        ends = "SELECT coalesce(min(sequence), 1) AS first, coalesce(max(sequence), 0) AS last FROM entries"
        (found,) = self._db.rows(ends)
        first, upto = found["first"], min(found["first"] + at_most, found["last"])
        needed = self._db.rows(_FIRST_NEEDED, upto)[0]["n"]
        return first, (upto if needed is None else needed) - 1

    def _delete(self, upto: int) -> None:
        rested_on = self._db.rows(_RESTED_ON, upto)
        heard_at = max((row["heard_at"] for row in rested_on), default="")
        gone = to_json([row["utterance_id"] for row in (*rested_on, *self._db.rows(_LED_TO_NOTHING, heard_at, upto))])
        sign_off(self._db, gone, self._signer)
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
