"""The second copy: each committed entry as a line of a file, so that one damaged page loses no entry.

    state directory/entries.log       <CRC-32 in hex> <JSON: the rows of the entry, by table>

A line is durable before its transaction is committed. So the log has every acknowledged or published entry: event id,
sequence, link, signature, body and words. A journal that is broken, missing, or restored from an old copy is brought up
to the log: numbers are never reused, and what the inventory already has arrives under its old event id as a duplicate.

A line may exist whose transaction failed. Its entry was never acknowledged; if the process continues, the next commit
has the same number and overwrites it; if not, the next opening enters it, since it was accepted.

The log grows at its end, and loses its beginning when the oldest entries are removed (retention.py): a hole is punched,
which takes no space and reads as zeros (Linux' fallocate(2) with FALLOC_FL_PUNCH_HOLE; on ext4, XFS, Btrfs, F2FS and
tmpfs). An entry takes some three kilobytes, next to a recording of fifty.
"""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dockvoice_protocol.plain_file import atomic_write, sync_directory
from edge.keep.codec import to_json
from edge.keep.database import JournalDatabase, Row
from edge.keep.storage import translated_errors

ENTRIES = "entries.log"

Rows = dict[str, Row]  # The rows that make one entry, by table, in the order in which they can be inserted.
_BLOCK = 64 * 1024  # Bytes read from the end at a time, to find the last line: many times the longest.
_SECTOR = 512  # What stat(2) counts blocks in.
_HOLE = b"\0"  # What a hole reads as; it may end in the middle of a block, right before a line.
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02  # linux/falloc.h

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = _libc.fallocate64
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)

_OF_ENTRY = {
    "utterances": "SELECT u.* FROM utterances u JOIN entries e USING (utterance_id) WHERE e.sequence = ?",
    "entries": "SELECT * FROM entries WHERE sequence = ?",
    "audit": "SELECT * FROM audit WHERE sequence = ?",
    "outbox": "SELECT event_id, sequence, body FROM outbox WHERE sequence = ?",
}
"""By table, in the order of their references. The event's later states are not copied."""

_ON_CONFLICT = {
    "utterances": "ON CONFLICT (utterance_id) DO UPDATE SET outcome = excluded.outcome, reasons = excluded.reasons, "
    "fields = excluded.fields, ask = excluded.ask, reading = excluded.reading, review = NULL"
}

_log = logging.getLogger(__name__)


class _Line(NamedTuple):
    """A whole line of the log."""

    start: int  # Offset in bytes.
    end: int
    rows: Rows | None  # None: the log has no whole line.


class EntryLog:
    """The file entries.log of one state directory, for the one writing process."""

    def __init__(self, directory: Path) -> None:
        """Open or create the log, and find its last whole line. Raises StorageFailed."""
        self.path = directory / ENTRIES
        self._warned = False
        with translated_errors(self.path):
            is_new = not self.path.exists()
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if is_new:
                sync_directory(directory)
            self._start, self._end, self.newest = self._find_last_line()
            """Offsets of the last whole line, and its entry; None without one."""

    @property
    def last_sequence(self) -> int:
        """The sequence of the newest entry; 0 before the first."""
        return 0 if self.newest is None else sequence_of(self.newest)

    def append(self, entry: Rows) -> None:
        """Write an entry durably at the end, or over the last one with the same number.

        Raises StorageFailed: nothing that was committed is lost.
        """
        line = _format_line(entry)
        start = self._start if sequence_of(entry) == self.last_sequence else self._end
        with translated_errors(self.path):
            self._write(line, start)
            os.fdatasync(self._descriptor)
        self._start, self._end, self.newest = start, start + len(line), entry

    def extend(self, entries: Iterable[Rows]) -> None:
        """Append entries that the journal has already. Raises StorageFailed."""
        with translated_errors(self.path):
            for entry in entries:
                line = _format_line(entry)
                self._write(line, self._end)
                self._start, self._end, self.newest = self._end, self._end + len(line), entry
            os.fdatasync(self._descriptor)

    def write_last_again(self) -> None:
        """Write the last line again, at an opening.

        After a failed fsync (EIO), data that can be read back may not be on the disk, and another fsync writes nothing.
        """
        if self.newest is not None:
            self.append(self.newest)

    @property
    def bytes_on_disk(self) -> int:
        """Allocated bytes on the disk, without the punched hole."""
        return os.fstat(self._descriptor).st_blocks * _SECTOR

    def can_forget(self) -> bool:
        """Whether the file system can punch holes; logged once where it cannot. Raises StorageFailed."""
        with translated_errors(self.path):
            possible = can_punch_holes(self._descriptor)
        if not possible and not self._warned:
            _log.warning("%s: its file system cannot shorten it at its beginning; no entries are removed", self.path)
            self._warned = True
        return possible

    def forget(self, upto: int) -> None:
        """Free the space of the entries up to this number, except the last entry. Raises StorageFailed."""
        with translated_errors(self.path):
            if end := min(self._end_of(upto), self._start):
                _punch_hole(self._descriptor, 0, end)

    def replace(self, changed: Mapping[int, Rows]) -> None:
        """Replace the entries with these numbers, and leave nothing of the old lines.

        Damaged lines, of unknown content, are dropped too. Raises StorageFailed: then nothing has changed.
        """
        with translated_errors(self.path):
            with atomic_write(self.path) as file:
                for entry in self.entries():
                    file.write(_format_line(changed.get(sequence_of(entry), entry)))
            os.close(self._descriptor)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            self._start, self._end, self.newest = self._find_last_line()

    def entries(self) -> Iterator[Rows]:
        """All entries in order, without damaged lines."""
        return read_log(self.path)

    def entries_after(self, sequence: int) -> Iterator[Rows]:
        """The entries after `sequence`, in order."""
        if self.newest is not None and self.last_sequence == sequence + 1:
            yield self.newest
        elif self.last_sequence > sequence:
            yield from (entry for entry in self.entries() if sequence_of(entry) > sequence)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _end_of(self, upto: int) -> int:
        """The file offset where the log's lines up to this number end."""
        with self.path.open("rb") as file:
            end = file.seek(_first_data(file.fileno()))
            for line in file:
                if (entry := _parse_line(line)) is not None and sequence_of(entry) > upto:
                    break
                end += len(line)
        return end

    def _write(self, line: bytes, start: int) -> None:
        written = 0
        while written < len(line):  # a full disk writes partially
            written += os.pwrite(self._descriptor, line[written:], start + written)
        os.ftruncate(self._descriptor, start + len(line))

    def _find_last_line(self) -> _Line:
        """The last whole line. A partial line after a crash is ignored."""
        size = os.fstat(self._descriptor).st_size
        read = 0
        while read < size:
            read = min(size, read * 2 or _BLOCK)
            before = size - read
            if (found := _last_line(os.pread(self._descriptor, read, before))) is not None:
                return _Line(before + found.start, before + found.end, found.rows)
        return _Line(0, 0, None)


def read_log(path: Path) -> Iterator[Rows]:
    """All entries of the log at `path` in order, also while it is written, without damaged lines."""
    with translated_errors(path), path.open("rb") as file:
        file.seek(_first_data(file.fileno()))
        for line in file:
            if (entry := _parse_line(line)) is not None:
                yield entry


def sequence_of(entry: Rows) -> int:
    """The sequence of an entry."""
    return int(entry["entries"]["sequence"])


def entry_rows(db: JournalDatabase, sequence: int) -> Rows:
    """The rows of the entry with this number in the journal."""
    return {table: row for table, sql in _OF_ENTRY.items() for row in db.rows(sql, sequence)}


def entries_since(db: JournalDatabase, sequence: int) -> Iterator[Rows]:
    """The entries of the journal after `sequence`, in order."""
    behind = db.execute("SELECT sequence FROM entries WHERE sequence > ? ORDER BY sequence", [sequence])
    return (entry_rows(db, number) for (number,) in behind)


def insert_missing(db: JournalDatabase, entries: Iterable[Rows]) -> None:
    """Insert entries that the journal lacks. The utterance may exist without a verdict."""
    for entry in entries:
        for table, row in entry.items():
            db.insert(table, row, _ON_CONFLICT.get(table, ""))


def can_punch_holes(descriptor: int) -> bool:
    """Whether the file system can punch a hole at the file's beginning. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        _punch_hole(descriptor, size, 1)  # behind the end, where there is nothing
    except OSError as fault:
        if fault.errno not in {errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        return False
    return True


def _punch_hole(descriptor: int, start: int, length: int) -> None:
    if _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, length) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _first_data(descriptor: int) -> int:
    """The end of the first hole, or a little before; the end of an empty file. Raises OSError."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError as fault:
        if fault.errno != errno.ENXIO:
            raise
        return os.fstat(descriptor).st_size


def _last_line(chunk: bytes) -> _Line | None:
    end = chunk.rfind(b"\n") + 1
    while end:
        start = chunk.rfind(b"\n", 0, end - 1) + 1
        if (entry := _parse_line(chunk[start:end])) is not None:
            return _Line(end - len(chunk[start:end].lstrip(_HOLE)), end, entry)
        end = start
    return None


def _format_line(entry: Rows) -> bytes:
    content = to_json(entry).encode()
    return b"%08x %s\n" % (zlib.crc32(content), content)


def _parse_line(line: bytes) -> Rows | None:
    """Parse a line; None if it is cut off or damaged."""
    check, _, content = line.lstrip(_HOLE).removesuffix(b"\n").partition(b" ")
    if check != b"%08x" % zlib.crc32(content):
        return None
    entry: Rows = json.loads(content)
    return entry
