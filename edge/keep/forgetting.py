"""The oldest entries are removed when the journal and its second copy take more room than they may.

Only from the beginning, so that the chain has no hole, and only what nothing rests on any more: the inventory has
answered for it, no person has to look at it, and its recording was removed before. The newest entry always stays: the
next one continues its number and its link.

First the anchor says so, then the second copy is shortened, then the rows go. A crash in between leaves more than the
anchor says, which is removed the next time.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from edge.hash_chain import Signer
from edge.keep.anchor import Anchor
from edge.keep.database import JOURNAL, writing
from edge.keep.disk import refusals
from edge.keep.entrylog import EntryLog

_FIRST_NEEDED = """
    SELECT min(e.sequence) AS n FROM entries e JOIN outbox o USING (event_id) JOIN utterances u USING (utterance_id)
    WHERE e.sequence <= :upto
        AND (o.settled_at IS NULL OR o.state = 'dead' OR u.evidence <> 'removed' OR u.flag IS NOT NULL)
"""

_RESTED_ON = """
    SELECT utterance_id, heard_at FROM utterances JOIN entries USING (utterance_id)
    WHERE sequence <= :upto AND source = 'microphone'
"""
"""Utterances of a recording stay: should it be played again, it must be known."""

_LED_TO_NOTHING = """
    SELECT utterance_id FROM utterances WHERE evidence = 'removed' AND source = 'microphone' AND review IS NULL
        AND outcome IN ('ask', 'repeat', 'ignore', 'heed', 'cancel') AND heard_at <= :heard_at
"""

_BYTES = """
    SELECT (page_count - freelist_count) * page_size AS n
    FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""


def taken(db: Database, entries: EntryLog) -> int:
    """How many bytes the entries take, in the journal and in the second copy."""
    return int(next(iter(db.query(_BYTES)))["n"]) + entries.taken


def forget(directory: Path, db: Database, entries: EntryLog, signer: Signer, at_most: int) -> int:
    """Remove so many of the oldest entries, as far as nothing rests on them; how many it were.

    Raises StorageFailed: then some of what was to go may be gone, and the anchor says of all of it that it may be.
    """
    path = directory / JOURNAL
    with refusals(path):
        first, last = _removable(db, at_most)
        if last < first or not entries.can_forget():
            return 0
        newest = next(iter(db.query("SELECT link FROM audit WHERE sequence = ?", [last])))
    Anchor.signed(last, newest["link"], signer).write(directory)
    entries.forget(last)
    with writing(db, path):
        _delete(db, last)
    return last - first + 1


def _removable(db: Database, at_most: int) -> tuple[int, int]:
    """The first and the last number that may go; the last before the first where none may."""
    ends = next(
        iter(db.query("SELECT coalesce(min(sequence), 1) AS first, coalesce(max(sequence), 0) AS last FROM entries"))
    )
    first, upto = ends["first"], min(ends["first"] + at_most, ends["last"])
    needed = next(iter(db.query(_FIRST_NEEDED, {"upto": upto})))["n"]
    return first, (upto if needed is None else needed) - 1


def _delete(db: Database, upto: int) -> None:
    rested_on = list(db.query(_RESTED_ON, {"upto": upto}))
    heard_at = max((row["heard_at"] for row in rested_on), default="")
    gone = [[row["utterance_id"]] for row in (*rested_on, *db.query(_LED_TO_NOTHING, {"heard_at": heard_at}))]
    for table in ("outbox", "audit", "entries"):
        db.execute(f"DELETE FROM {table} WHERE sequence <= ?", [upto])  # noqa: S608 - our own tables
    for table in ("answers", "utterances"):
        db.conn.executemany(f"DELETE FROM {table} WHERE utterance_id = ?", gone)  # noqa: S608 - likewise
