"""Files: reads up to a size limit, writes for the owner alone, and the directories shipped with the program.

Only regular files are read: a device or a pipe may have no end. Every failure of a read or a write is an OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from dockvoice_protocol.errors import Misconfigured

_SETTINGS = 1_000_000  # Bytes of a file of settings, of a key or of a form, at most: a hundred times what any has.

LINES = 100_000_000
"""Bytes of a file of many records, one or more a line, as programs write them: a hundred thousand events with room."""

PARTIAL = ".partial"  # Suffix of a file that is being written, or that a crash left.

_NO_SUCH_OPERATION = frozenset({errno.EINVAL, errno.ENOTSUP})
"""What fsync answers for a directory of a file system that syncs files only."""

_HOW = {"x": os.O_EXCL, "w": os.O_TRUNC, "a": os.O_APPEND}


class NotRegularFile(OSError):
    """The path is no regular file, or the file is too large."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EINVAL, why, str(path))


def read_regular_file(path: Path, most: int = _SETTINGS, *, follow: bool = True) -> bytes:
    """Read a regular file of at most `most` bytes; without `follow`, a symbolic link is refused."""
    how = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, how)
    except OSError as fault:
        if fault.errno == errno.ELOOP and not follow:
            raise NotRegularFile(path, "is a link, which is not followed here") from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise NotRegularFile(path, "is no regular file")
        found = file.read(most + 1)
    if len(found) > most:
        raise NotRegularFile(path, f"has more than {most:,} bytes")
    return found


def require_regular_files(*paths: Path | None) -> None:
    """Check that files which a library opens by name are regular files: a pipe would block it for ever."""
    for path in paths:
        if path is not None:
            read_regular_file(path)


def open_owner_only(path: Path, how: str = "x") -> BinaryIO:
    """Open a file for writing with mode 0600, whatever the umask: x creates, w truncates, a appends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | _HOW[how], 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "ab" if how == "a" else "wb")
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Write a file durably and atomically, readable by its owner only; until then it is `NAME.partial`.

    A failure leaves the old file, and frees the space at once: on a full disk others need it.
    """
    partial = path.with_name(path.name + PARTIAL)
    partial.unlink(missing_ok=True)
    try:
        with open_owner_only(partial) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file with this content by `atomic_write`."""
    with atomic_write(path) as file:
        file.write(content)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: without it, a rename may be lost in a power cut (fsync(2)).

    Where the file system has no such operation, as some of SMB and FUSE, nothing is done.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in _NO_SUCH_OPERATION:
            raise
    finally:
        os.close(descriptor)


def shipped_directory(name: str) -> Path:
    """The directory `name` (`schemas` or `config`) that came with the program.

    Inside the wheel it lies in `dockvoice_protocol/shipped`; in a checkout, at its own place in the tree.

    Raises Misconfigured.
    """
    package = Path(str(resources.files("dockvoice_protocol")))
    inside = package / "shipped" / name
    if inside.is_dir():
        return inside
    tree = package.parent.parent / name
    if tree.is_dir():
        return tree
    raise Misconfigured(f"{tree}: the shipped {name} are missing; install dockvoice-protocol again")
