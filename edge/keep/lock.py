"""One process writes a journal: a second one is told who has it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from edge.errors import AlreadyRunning
from edge.keep.disk import refusals

LOCK = "journal.lock"
"""The file's lock, not its presence, says that the journal is taken: the kernel lets go of it when the process dies."""

_PID_WIDTH = 20
"""Bytes of the file, padded: written in place each time, so that a full disk cannot stop a restart."""


class Lock:
    """The right to write the journal of one directory, held until `release` or until the process ends, in any way."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises AlreadyRunning if another process has it, StorageFailed if the file cannot be made."""
        path = directory / LOCK
        with refusals(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(path)
        except BaseException:
            self.release()
            raise

    def _take(self, path: Path) -> None:
        with refusals(path):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self._descriptor, _PID_WIDTH, 0).decode("ascii", "replace").strip() or "unknown"
                raise AlreadyRunning(
                    f"{path.parent}: process {holder} has this journal open; "
                    "stop it first, or name another state_directory"
                ) from None
            os.pwrite(self._descriptor, f"{os.getpid()}\n".rjust(_PID_WIDTH).encode("ascii"), 0)

    def release(self) -> None:
        """Give the journal free for another process. The file stays: removing it would let two processes in."""
        os.close(self._descriptor)
