"""The folder that a connector shares with whoever drops and fetches files there, whom nobody here knows.

Whoever can make a link in it must not have the connector read what he may not read himself, nor have it written into a
log: no link is followed, what is no regular file is left alone, and no line is quoted but one that is laid out as ours.
What is handed over is for the folder's group, whatever the umask of the service is.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from dockvoice_protocol import plain_file

HANDED_OVER = 0o640  # The mode of a file that others fetch, or read to learn why theirs was refused.
SHARED, READ, OWN = 0o770, 0o750, 0o700  # The modes of folders: to drop into and take away from, to read, ours alone.

LARGEST = 20_000_000  # Bytes of a file of ours: as of a file that is dropped.


def folder(path: Path, mode: int) -> None:
    """A folder of that mode, where there is none, also under a umask that leaves less. Raises OSError for a link.

    Its group, and whether what is made in it has that group too, it takes from the folder above.
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


def text(path: Path, encoding: str = "utf-8") -> str:
    """What is in a file there, and not where a link leads. Raises OSError, UnicodeDecodeError."""
    return plain_file.content(path, LARGEST, follow=False).decode(encoding)


def is_file(path: Path) -> bool:
    """Whether it is a file itself, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def hand_over(path: Path) -> None:
    """Let the folder's group read it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, HANDED_OVER)
    finally:
        os.close(descriptor)
