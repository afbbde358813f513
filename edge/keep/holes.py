"""Holes at the beginning of a file: the disk has the room back, and all that follows stays at its place.

Linux' fallocate(2) with FALLOC_FL_PUNCH_HOLE; ext4, XFS, Btrfs, F2FS and tmpfs know it. What is gone reads as zeros.
"""

from __future__ import annotations

import ctypes
import errno
import os

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02
"""linux/falloc.h"""

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = _libc.fallocate64
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def possible(descriptor: int) -> bool:
    """Whether the file system of this file knows holes. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        _punch(descriptor, size, 1)  # behind the end, where there is nothing
    except OSError as fault:
        if fault.errno not in {errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        return False
    return True


def punch(descriptor: int, end: int) -> None:
    """Give the room of the first `end` bytes back. Raises OSError."""
    if end:
        _punch(descriptor, 0, end)


def _punch(descriptor: int, start: int, length: int) -> None:
    if _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, length) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def first_data(descriptor: int) -> int:
    """Where the first hole ends, or a little before; the end of a file that holds nothing. Raises OSError."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError as fault:
        if fault.errno != errno.ENXIO:
            raise
        return os.fstat(descriptor).st_size
