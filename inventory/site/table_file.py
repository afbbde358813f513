"""Parses CSV or JSON input files into rows of cells, or reports all faults of a file at once."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.strict_json import DEEPEST, NotStrict, ParserLimits, parse_strict
from dockvoice_protocol.terminal.plain_text import is_plain_text

MAX_FILE_BYTES = 20_000_000  # Most bytes of a file: a hundred thousand lines, more than any site gets in a day.
_MOST_FAULTS = 100  # Most faults reported of one file: more mean a file of another kind.
MAX_LEN = 64  # Most characters of a number or a code; an SSCC has 18, GS1 allows 30 in a shipment's number.

Cells = Mapping[str, Any]  # By column; a JSON value that is no text stays as it is, and is a fault.
Row = tuple[str, Cells]  # Its place in the file, and its cells.

Allowed = Mapping[str, tuple[Callable[[str], object], str]]  # By column: the check of a cell, and the remedy.

NAMING = f"allowed are 1 to {MAX_LEN} characters, none of them a control or an invisible character"
YES_NO = {"yes": True, "no": False}


class FaultyFile(UnreadableInput):
    """Invalid lines; each of `faults` gives place, value found, allowed values and remedy."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        beyond = [f"and {len(faults) - _MOST_FAULTS} faults more"] if len(faults) > _MOST_FAULTS else []
        shown = [*faults[:_MOST_FAULTS], *beyond]
        super().__init__(f"{path}: {'; '.join(shown)}")
        self.faults = tuple(f"{path}: {fault}" for fault in shown)


def to_cell(_: str, value: Any) -> Any:
    """Convert a JSON value to its form in CSV: null is an empty cell."""
    return "" if value is None else value


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of files of one kind."""

    columns: tuple[str, ...]
    must_have: tuple[str, ...]
    besides: str  # What the header must name as well: " once, and trailer or door".
    each: str  # What a line stands for: "one for each item on each pallet".
    cell: Callable[[str, Any], Any] = to_cell  # Converts a JSON value, by its column, to its form in CSV.


def read_rows(path: Path, layout: Layout) -> list[Row]:
    """The rows, their cells not validated. Raises UnreadableInput."""
    return _read_json(path, layout) if path.suffix == ".json" else _read_csv(path, layout)


def find_column_and_type_faults(where: str, cells: Cells, layout: Layout) -> Iterator[str]:
    """Faults for unknown columns, and for the first cell that is no text."""
    for unknown in [name for name in cells if name not in layout.columns]:
        yield f"{where}: column {unknown[:MAX_LEN]!r} is not known; allowed are {', '.join(layout.columns)}"
    if odd := [name for name in layout.columns if not isinstance(cells.get(name, ""), str)]:
        found = json.dumps(cells[odd[0]])[:MAX_LEN]
        yield f"{where}, column {odd[0]}: found {found}; allowed is text, in quotes, so that 007 stays 007"


def find_value_faults(where: str, cells: Cells, allowed: Allowed) -> Iterator[str]:
    """Faults for cells whose value is not allowed."""
    for column, (is_allowed, remedy) in allowed.items():
        if not is_allowed(found := cells.get(column, "")):
            yield f"{where}, column {column}: found {found[:MAX_LEN]!r}; {remedy}"


def is_valid_name(found: str) -> bool:
    """Whether it can be a name, number or code: 1 to MAX_LEN visible characters."""
    return 0 < len(found) <= MAX_LEN and is_plain_text(found)


def _read_text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise UnreadableInput(f"{path}: has {size:,} bytes; {MAX_FILE_BYTES:,} at most; split it")
        # utf-8-sig: spreadsheets put a byte order mark before the header.
        return plain_file.read_regular_file(path, MAX_FILE_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableInput(
            f"{path}: cannot be read ({describe_os_error(fault)}); it must be CSV or JSON in UTF-8"
        ) from None


def _read_csv(path: Path, layout: Layout) -> list[Row]:
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as fault:
        raise UnreadableInput(f"{path}: line {reader.line_num}: is no CSV ({fault}); mend that line") from None
    header, columns = rows[0][1] if rows else [], layout.columns
    if unknown := [name for name in header if name not in columns]:
        raise UnreadableInput(f"{path}: line 1: column {unknown[0]!r} is not known; allowed are {', '.join(columns)}")
    if len(set(header)) < len(header) or not set(layout.must_have) <= set(header):
        named = f"{', '.join(layout.must_have)}{layout.besides}"
        raise UnreadableInput(f"{path}: line 1: header is {','.join(header)!r}; it must name each of {named}")
    if wrong := [line for line, row in rows[1:] if any(row) and len(row) != len(header)]:
        raise UnreadableInput(f"{path}: line {wrong[0]}: has not as many cells as the header, {len(header)}; mend it")
    return [(f"line {line}", dict(zip(header, row, strict=True))) for line, row in rows[1:] if any(row)]


def _read_json(path: Path, layout: Layout) -> list[Row]:
    try:
        found = parse_strict(_read_text(path), ParserLimits(depth=DEEPEST))
    except NotStrict as fault:
        raise UnreadableInput(f"{path}: {fault}; it must be a list of objects in JSON") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnreadableInput(f"{path}: must be a list of objects, {layout.each}")
    return [(f"/{at}", {name: layout.cell(name, value) for name, value in one.items()}) for at, one in enumerate(found)]
