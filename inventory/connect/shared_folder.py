"""The folder that a connector shares with other, untrusted users.

A link there must make the connector neither read a file that the link's creator may not read, nor quote it in a log:
links are not followed, only regular files are read, and only lines in our layout are quoted. Files for others are
readable by the folder's group, whatever the service's umask.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from dockvoice_protocol import plain_file

_HANDED_OVER = 0o640  # The mode of a file for others: an output file or a report of faults.
SHARED, READ, OWN = 0o770, 0o750, 0o700  # Modes of folders: shared read-write, read-only, private.

_LARGEST = 20_000_000  # Most bytes of a file read here, our own or a dropped one.


def create_folder(path: Path, mode: int) -> None:
    """Create a folder of that mode, whatever the umask. Raises OSError for a link.

    Its group, and whether new files inherit it, comes from the parent folder.
    """
    before = os.umask(0)
    try:
        path.mkdir(mode)
    except FileExistsError:
        there = path.lstat()
        if not stat.S_ISDIR(there.st_mode):
            raise OSError(errno.ENOTDIR, "is a link or a file, where a folder must be", str(path)) from None
        if mode == OWN and there.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "belongs to another user, and must be the connector's own", str(path)) from None
    finally:
        os.umask(before)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file that is no link. Raises OSError, UnicodeDecodeError."""
    return plain_file.read_regular_file(path, _LARGEST, follow=False).decode(encoding)


def is_plain_file(path: Path) -> bool:
    """Whether the path is a regular file, and no link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def share_with_group(path: Path) -> None:
    """Make a file readable by its group."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, _HANDED_OVER)
    finally:
        os.close(descriptor)
