"""Files that the CSV folder hands over, durable line by line and visible only when complete.

Lines are appended to a batch outside the shared folder. When it is closed, its references are recorded, it is stored
under its final name, then moved into the folder: after a kill at any point the next start continues, and no line is in
two files. A file may be removed once fetched; the records of its references stay.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, describe_os_error
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.terminal.plain_text import is_plain_text
from inventory.connect.notices import NUMERIC, POSTING_FIELDS, Notice, notice_members
from inventory.connect.ports import Away, Declined, DeclineReason, Posting
from inventory.connect.shared_folder import OWN, SHARED, create_folder, is_plain_file, read_text, share_with_group

COLUMNS = (
    "reference",
    "deed",
    "of",
    "why",
    "at",
    "site",
    "device",
    "number",
    "operator",
    "recorded_at",
    "form",
    *POSTING_FIELDS,
    "fields",
)

_FORMULA = ("=", "+", "-", "@", "'")
"""First characters that make a spreadsheet read a cell as a formula, which may fetch and send data. `'` is one of them,
so that a reader of the file can tell a guard from a `'` of the text's own."""
_GUARD = "'"  # The prefix by which spreadsheets mark a cell as text.

_BATCH = "batch"  # In place of a file's name: the line is in the batch, in no file yet.

_MOST_DAYS = 10  # Days of notes in the cache: a device that was offline for a week does not cause rereading.

_Row = Mapping[str, str]


class Format(StrEnum):
    """The format of the files handed over."""

    CSV = "csv"
    XLSX = "xlsx"  # Keeps a pallet number's leading zeros in every program that opens it.


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits at which a batch is closed."""

    lines: int  # Its number of lines.
    seconds: float  # Its age.


class FileWriter:
    """Writes the files for the other system. Used by one thread."""

    def __init__(
        self, name: str, folder: Path, form: Format, closing: BatchLimits, now: Callable[[], datetime]
    ) -> None:
        self._name, self._folder, self._form, self._closing, self._now = name, folder, form, closing, now
        self._out, self._own = folder / "out", folder / ".dockvoice"
        self._batch: list[_Row] | None = None  # None: not read from the disk yet, or the disk failed.
        self._began = now()
        self._notes: dict[str, dict[str, str]] = {}  # Cache: the file of each reference, by the day of its posting.

    def file_of(self, reference: str, posting: Posting) -> str | None:
        """The file that holds a reference belonging to the posting; _BATCH; or None. Raises Away."""
        with self._batch_or_away() as batch:
            if any(row["reference"] == reference for row in batch):
                return _BATCH
            return self._files_by_reference(rfc3339(posting.recorded_at)[:10]).get(reference)

    def append(self, notice: Notice) -> None:
        """Append a line durably, and close the batch if it is full. Raises Away, Declined."""
        row = _to_row(notice)
        with self._batch_or_away() as batch:
            if not batch:
                self._began = self._now()
            _append_rows(self._batch_path, [row] if batch else [dict(zip(COLUMNS, COLUMNS, strict=True)), row])
            batch.append(row)
        if len(batch) >= self._closing.lines:
            self.close_batch()

    def close_batch(self, *, only_old: bool = False) -> None:
        """Hand over the batch; with `only_old` only if it is old enough. Raises Away."""
        with self._batch_or_away() as batch:
            old = (self._now() - self._began).total_seconds() >= self._closing.seconds
            if batch and (old or not only_old):
                name = f"{batch[0]['at'].replace(':', '').replace('-', '')}-{batch[0]['reference']}.{self._form}"
                self._record_files(name, batch)
                self._store_batch(name, batch)
                batch.clear()
            for file in sorted(self._outbox_path.iterdir()):
                share_with_group(file)
                file.rename(self._out / file.name)
                plain_file.sync_directory(self._out)

    @property
    def _batch_path(self) -> Path:
        return self._own / "batch.csv"

    @property
    def _outbox_path(self) -> Path:
        return self._own / "put_by"

    @contextmanager
    def _batch_or_away(self) -> Iterator[list[_Row]]:
        """The lines of the batch. Raises Away without the folder or for a disk error, after which it is read again."""
        if not self._folder.is_dir():  # Never created here: without its mount it would lie on the wrong disk.
            self._batch = None
            raise Away(f"{self._name}: {self._folder} is not there; mount it, or make it")
        try:
            if self._batch is None:
                create_folder(self._out, SHARED)
                for own in (self._own, self._own / "written", self._outbox_path):
                    create_folder(own, OWN)
                self._notes.clear()
                self._batch = self._read_and_repair_batch()
            yield self._batch
        except OSError as fault:
            self._batch = None
            raise Away(f"{self._name}: {fault.filename or self._folder}: {describe_os_error(fault)}; mend it") from None

    def _read_and_repair_batch(self) -> list[_Row]:
        """The whole lines of a batch; a line left incomplete by a kill or a full disk is truncated."""
        for torn in self._outbox_path.glob("*.part"):
            torn.unlink()
        if not is_plain_file(self._batch_path):
            return []
        with self._batch_path.open("r+b") as file:
            whole, end, _ = file.read().rpartition(b"\n")
            file.truncate(len(whole + end))
            os.fsync(file.fileno())
        header, *rows = _parse_csv(whole.decode("utf-8-sig")) or [[*COLUMNS]]
        if tuple(header) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
            message = "is no batch of this version; move it away, and enter by hand what it holds"
            raise Misconfigured(f"{self._name}: {self._batch_path}: {message}")
        self._began = self._now()
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def _files_by_reference(self, day: str) -> dict[str, str]:
        """The file of each reference whose posting was recorded on that day."""
        if day not in self._notes:
            if len(self._notes) > _MOST_DAYS:
                self._notes.clear()
            path = self._own / "written" / f"{day}.csv"
            rows = _parse_csv(read_text(path)) if is_plain_file(path) else []
            self._notes[day] = {row[0]: row[1] for row in rows if len(row) == 2}  # noqa: PLR2004 - reference, file
        return self._notes[day]

    def _record_files(self, name: str, batch: Sequence[_Row]) -> None:
        days: dict[str, list[_Row]] = {}
        for row in batch:
            days.setdefault(row["recorded_at"][:10], []).append({"reference": row["reference"], "file": name})
        for day, notes in days.items():
            _append_rows(self._own / "written" / f"{day}.csv", notes)
            self._files_by_reference(day).update({note["reference"]: name for note in notes})

    def _store_batch(self, name: str, batch: Sequence[_Row]) -> None:
        """Store the batch under its final name; the batch is empty afterwards."""
        if self._form is Format.CSV:
            self._batch_path.rename(self._outbox_path / name)
        else:
            part = self._outbox_path / f"{name}.part"
            _write_xlsx(part, batch)
            part.rename(self._outbox_path / name)
            self._batch_path.unlink()
        plain_file.sync_directory(self._outbox_path)
        plain_file.sync_directory(self._own)


def _to_row(notice: Notice) -> _Row:
    """The cells of a line. Raises Declined for control characters."""
    fields = json.dumps(dict(notice.posting.fields), ensure_ascii=False, sort_keys=True)
    found = {**notice_members(notice), "deed": notice.deed, "at": rfc3339(notice.at), "fields": fields}
    row = {name: "" if found[name] is None else str(found[name]) for name in COLUMNS}
    if odd := [name for name, cell in row.items() if not is_plain_text(cell)]:
        raise Declined(DeclineReason.OTHER, f"{odd[0]}: holds a control character, which no line of a file can hold")
    return {name: cell if name in NUMERIC else escape_formula(cell) for name, cell in row.items()}


def escape_formula(cell: str) -> str:
    """The text, prefixed so that no spreadsheet reads it as a formula; `unescape_formula` restores it."""
    return _GUARD + cell if cell.lstrip().startswith(_FORMULA) else cell


def unescape_formula(cell: str) -> str:
    """The text without the prefix of `escape_formula`."""
    return cell[1:] if cell.startswith(_GUARD) and cell[1:].lstrip().startswith(_FORMULA) else cell


def _append_rows(path: Path, rows: Sequence[_Row]) -> None:
    """Append rows durably or not at all; after a line that a power cut left incomplete, on a new line."""
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator="\r\n").writerows(row.values() for row in rows)
    with path.open("a+b") as file:
        before = file.seek(0, os.SEEK_END)
        try:
            file.write(_missing_line_break(file, before) + lines.getvalue().encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise
    if not before:
        plain_file.sync_directory(path.parent)


def _missing_line_break(file: BinaryIO, length: int) -> bytes:
    if not length:
        return b""
    file.seek(length - 1)
    return b"" if file.read(1) == b"\n" else b"\r\n"


def _parse_csv(found: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(found, newline="")))


def _write_xlsx(path: Path, batch: Sequence[_Row]) -> None:
    """Write the batch as xlsx, every cell as text except numbers."""
    from openpyxl import Workbook  # noqa: PLC0415 - an optional library, needed for xlsx alone
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - see above

    book = Workbook(write_only=True)
    sheet = book.create_sheet("entries")
    sheet.append(COLUMNS)
    for row in batch:
        cells = []
        for name, said in row.items():
            cell = WriteOnlyCell(sheet, float(said) if name in NUMERIC and said else unescape_formula(said) or None)
            if isinstance(cell.value, str):
                cell.data_type = "s"  # Text, even if it begins with =.
            cells.append(cell)
        sheet.append(cells)
    book.save(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
