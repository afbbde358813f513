"""The state directory: errors of its disk, durable names, and the lock of the one writing process."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockvoice_protocol.errors import AlreadyRunning, StorageFailed
from dockvoice_protocol.plain_file import sync_directory

_FREE = "free space on its disk"
_PERMIT = "give the user who runs this program the right to write there, or name another state_directory"
_DEVICE = "check the disk and its cable, and replace it if it fails again"
_RESTORE = (
    "where entries.log is beside it, start the agent, which makes it anew from that; else restore it from a copy; "
    "or, to begin anew, move its whole directory aside and keep it: "
    "what it holds may not have reached the inventory"
)

_FILE_REMEDIES = {
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EFBIG: "raise the limit on file sizes (LimitFSIZE, ulimit -f)",
    errno.EACCES: _PERMIT,
    errno.EPERM: _PERMIT,
    errno.EROFS: "mount its disk writable, or name another state_directory",
    errno.ENOTDIR: "a file is where a directory should be: move it away",
    errno.EEXIST: "a file is where a directory should be: move it away",
    errno.ENOENT: "it was moved or deleted: put it back",
    errno.EIO: _DEVICE,
}

_SQLITE_REMEDIES = {
    "SQLITE_READONLY": _PERMIT,
    "SQLITE_CANTOPEN": _PERMIT,
    "SQLITE_PERM": _PERMIT,
    "SQLITE_IOERR": _DEVICE,
    "SQLITE_CORRUPT": _RESTORE,
    "SQLITE_NOTADB": _RESTORE,
    "SQLITE_BUSY": "close the other program that holds it locked",
}
"""By primary result code (https://www.sqlite.org/rescode.html). Others are bugs, and raised as they are."""

_FULL = {errno.ENOSPC, errno.EDQUOT, "SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}
"""The last one: no room for the WAL's index, which every opening makes."""

_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}

_LOCK = "journal.lock"
"""The file's lock, not its presence, marks the journal as open: the kernel releases it when the process dies."""

_PID_WIDTH = 20  # Bytes of the padded pid, written in place, so that a full disk cannot stop a restart.


class DiskFull(StorageFailed):
    """The disk is full. Nothing was written; retry once there is room."""


class Locked(StorageFailed):
    """Another program holds the journal locked. Nothing was written; retry."""


class Damaged(StorageFailed):
    """The journal's file is corrupt: it is set aside and rebuilt at the next opening."""


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Translate errors of the disk or SQLite about `path` into StorageFailed: where, what, and the remedy."""
    try:
        yield
    except OSError as fault:
        remedy = _FILE_REMEDIES.get(fault.errno or 0, _DEVICE)
        kind = DiskFull if fault.errno in _FULL else StorageFailed
        raise kind(f"{fault.filename or path}: {fault.strerror or fault}; {remedy}") from fault
    except sqlite3.Error as fault:
        code = str(getattr(fault, "sqlite_errorname", None))
        if code in _FULL:
            raise DiskFull(f"{path}: {fault}; {_FREE}") from fault
        # Extended codes name their primary one: SQLITE_IOERR_FSYNC is an SQLITE_IOERR.
        primary = "_".join(code.split("_")[:2])
        if primary not in _SQLITE_REMEDIES:
            raise
        kind = Damaged if primary in _DAMAGED else Locked if primary == "SQLITE_BUSY" else StorageFailed
        raise kind(f"{path}: {fault}; {_SQLITE_REMEDIES[primary]}") from fault


def damaged_error(path: Path, found: str) -> Damaged:
    """The error for a journal that SQLite's own check calls corrupt."""
    return Damaged(f"{path}: is damaged ({found}); {_RESTORE}")


def free_bytes(path: Path) -> int:
    """The free bytes of the disk that holds `path`."""
    with translated_errors(path):
        disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def make_directory(path: Path) -> None:
    """Create `path` and its parents durably, for the owner only: recordings of speech lie there."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


class Lock:
    """The lock on one journal directory, held until `release` or until the process ends."""

    def __init__(self, directory: Path) -> None:
        """Acquire the lock. Raises AlreadyRunning if another process has it, StorageFailed."""
        path = directory / _LOCK
        with translated_errors(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._acquire(path)
        except BaseException:
            self.release()
            raise

    def _acquire(self, path: Path) -> None:
        with translated_errors(path):
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
        """Release the lock. The file stays: removing it would let two processes in."""
        os.close(self._descriptor)
