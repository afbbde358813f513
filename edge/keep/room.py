"""Room on the disk: what nothing rests on any more makes it, the oldest first; the reserve is held ready."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge.config import Keep
from edge.keep.disk import free_bytes
from edge.keep.journal import Journal
from edge.keep.reserve import Reserve
from edge.keep.rows import to_time

MB = 1_000_000
"""Bytes."""

_AT_ONCE = 500
"""Recordings removed in one go: a fraction of a second in which nothing can be committed."""

_FORGOTTEN_AT_ONCE = 200
"""Entries removed in one go: some tens of milliseconds; more than are made between two looks at the disk."""


def tidy(journal: Journal, keep: Keep, reserve: Reserve, now: datetime) -> int:
    """Make room where it is wanting, and refill the reserve where there is some. Returns the bytes free afterwards.

    Raises StorageFailed.
    """
    free = free_bytes(journal.directory) - reserve.lacks
    over_budget = journal.evidence_bytes() - keep.budget_mb * MB
    _prune(journal, max(over_budget, keep.alarm_free_mb * MB - free), keep, now)
    if journal.entries_bytes() > keep.entries_mb * MB:
        journal.forget(_FORGOTTEN_AT_ONCE)
    # What the reserve takes must not be what recording stops for.
    if free_bytes(journal.directory) - reserve.lacks >= keep.stop_free_mb * MB:
        reserve.refill()
    return free_bytes(journal.directory)


def _prune(journal: Journal, excess: float, keep: Keep, now: datetime) -> None:
    """Remove so many bytes of spare recordings, if there are so many, and those that have outlived their time."""
    kept_from = to_time(now - timedelta(days=keep.retention_days))
    outlived = []
    for spare in journal.spare_evidence(_AT_ONCE):
        if excess <= 0 and spare.heard_at >= kept_from:
            break
        outlived.append(spare)
        excess -= spare.bytes
    if outlived:
        journal.remove_evidence(outlived)
