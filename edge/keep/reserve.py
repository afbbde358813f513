"""Space held back from everybody, so that on a full disk what was said last can still be brought to its end."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from edge.keep.disk import DiskFull, refusals, sync_directory

RESERVE = "journal.reserve"
"""The file in the state directory that takes the space."""

log = logging.getLogger(__name__)


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
