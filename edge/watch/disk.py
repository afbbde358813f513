"""How much room the disk has left: ample, low, or so little that nothing more may be recorded.

A level is left again only when there is clearly more room, so that a disk at the brink does not stop and start the
recording at every look. Free space is handed in, in bytes.
"""

from __future__ import annotations

from enum import IntEnum

RETURN = 1.25
"""How much more than its threshold must be free before a level is left for a better one."""


class Level(IntEnum):
    """How much room there is; the higher, the worse."""

    AMPLE = 0
    LOW = 1
    """Time to make room."""
    OUT = 2
    """Nothing more may be recorded: what is left is for bringing to an end what was said."""


class DiskWatch:
    """Follows the free space of one disk."""

    def __init__(self, *, alarm_free: float, stop_free: float) -> None:
        """Both in bytes; `alarm_free` is the larger one."""
        self._thresholds = {Level.OUT: stop_free, Level.LOW: alarm_free}
        self.level = Level.AMPLE

    def look(self, free: int) -> bool:
        """Take in how much is free now; whether the level changed."""
        before = self.level
        worse, better = self._level(free, 1), self._level(free, RETURN)
        self.level = max(worse, min(before, better))
        return self.level is not before

    def _level(self, free: int, margin: float) -> Level:
        return max((level for level, least in self._thresholds.items() if free < least * margin), default=Level.AMPLE)
