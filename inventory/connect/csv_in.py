"""Files dropped into the CSV folder: each is imported whole or refused whole, then archived.

The file's name gives its kind: `expected-4711.csv`, `items.csv`, `operators.csv`, `withdrawn.csv`. Imported data is
stored apart from the archive, so that a restart can read it whatever happens to the archive.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from dockvoice_protocol import plain_file
from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from dockvoice_protocol.records.master import CODE, FACTOR
from dockvoice_protocol.strict_json import NotStrict, parse_strict
from dockvoice_protocol.terminal.plain_text import mark_unprintable
from inventory.connect.ports import Away, Omission, PulledData, PulledItem, PulledUnit
from inventory.connect.shared_folder import OWN, READ, SHARED, create_folder, is_plain_file, read_text, share_with_group
from inventory.site.expected_file import EXPECTED_LAYOUT as EXPECTED
from inventory.site.expected_file import read_expected
from inventory.site.roster import ROSTER_LAYOUT as OPERATORS
from inventory.site.roster import read_operators
from inventory.site.table_file import (
    MAX_LEN,
    NAMING,
    YES_NO,
    Allowed,
    Cells,
    FaultyFile,
    Layout,
    find_column_and_type_faults,
    find_value_faults,
    is_valid_name,
    read_rows,
)

_SUFFIXES = (".csv", ".json")
_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")  # Suffixes that copying programs give to unfinished files.
_QUIET_S = 5.0  # A file changed more recently may still be written by a program that does not rename it when done.

_ITEMS = Layout(
    ("item", "title", "base", "lot_needed", "unit", "factor"),
    ("item", "title", "base", "lot_needed"),
    " once",
    "one for each item, and one more for each further unit of it",
)
_WITHDRAWN = Layout(("trailer", "door"), (), " trailer or door", "one for each trailer or door")
_LAYOUTS = {"expected": EXPECTED, "withdrawn": _WITHDRAWN, "items": _ITEMS, "operators": OPERATORS}
_LONGEST_NAME = 200  # Bytes kept of a file's name: a folder allows 255, with the prefix and suffix added here.
_COPY = "dropped"  # Name of a file's copy while it is read.

_Lines = Mapping[ReceivingPlace, Sequence[ExpectedLine]]


class FileImporter:
    """Imports dropped files and stores the current data. Used by one thread."""

    def __init__(self, name: str, folder: Path, forms: Collection[str], now: Callable[[], datetime]) -> None:
        """`forms` are the names of the forms that operators may have."""
        self._name, self._folder, self._forms, self._now = name, folder, forms, now
        self._in, self._own = folder / "in", folder / ".dockvoice" / "taken"
        self._kinds: Mapping[str, Callable[[Path], None]] = {
            "expected": self._store_expected,
            "withdrawn": self._withdraw,
            "items": lambda file: self._validate_and_replace("items", file, lambda: _read_items(file)),
            "operators": lambda file: self._validate_and_replace(
                "operators", file, lambda: read_operators(file, self._forms)
            ),
        }

    def pull(self) -> PulledData:
        """Import new files; the current data. A refused file is reported once. Raises Away."""
        if not self._folder.is_dir():
            raise Away(f"{self._name}: {self._folder} is not there; mount it, or make it")
        try:
            create_folder(self._in, SHARED)
            for each in ("archive", "refused"):
                create_folder(self._in / each, READ)
            for own in (self._own.parent, self._own):
                create_folder(own, OWN)
            omitted = [one for file in self._list_dropped() for one in self._import_file(file)]
            return PulledData(
                expected=self._load_standing_lines(),
                items=self._load_latest("items", _read_items),
                operators=self._load_latest("operators", lambda file: read_operators(file, self._forms)),
                omitted=omitted,
            )
        except OSError as fault:
            raise Away(f"{self._name}: {fault.filename or self._folder}: {describe_os_error(fault)}; mend it") from None

    def _list_dropped(self) -> list[Path]:
        """Complete files, the oldest first."""
        found = []
        for file in self._in.iterdir():
            if file.name.startswith((".", "~")) or file.name.lower().endswith(_UNFINISHED) or not is_plain_file(file):
                continue
            changed = file.lstat().st_mtime
            if self._now().timestamp() - changed >= _QUIET_S:
                found.append((changed, file))
        return [file for _, file in sorted(found)]

    def _import_file(self, file: Path) -> Iterator[Omission]:
        """Import a file whole, or move it to `refused` with its faults in a file beside it."""
        kind = next((one for one in self._kinds if file.name.lower().startswith(one)), None)
        try:
            if kind is None or file.suffix.lower() not in _SUFFIXES:
                known = ", ".join(f"{one}*.csv" for one in self._kinds)
                raise UnreadableInput(f"{file}: what is in it? Its name must be one of {known}, or the same with .json")
            self._store_from_private_copy(kind, file)
        except UnreadableInput as fault:
            faults = [
                mark_unprintable(one) for one in (fault.faults if isinstance(fault, FaultyFile) else (str(fault),))
            ]
            moved = self._move(file, "refused")
            report = moved.with_name(f"{moved.name}.faults.txt")
            plain_file.write_durably(report, "".join(f"{one}\n" for one in faults).encode())
            share_with_group(report)
            more = f"; and {len(faults) - 1} more, in {mark_unprintable(report.name)}" if len(faults) > 1 else ""
            yield Omission(f"file {mark_unprintable(file.name)}", f"{faults[0]}{more}; nothing of it was taken")
        else:
            self._move(file, "archive")

    def _store_from_private_copy(self, kind: str, file: Path) -> None:
        """Validate and store the data of a private copy of the file, which cannot be exchanged meanwhile."""
        copy = self._own / f"{_COPY}{file.suffix.lower()}"
        try:
            plain_file.write_durably(copy, read_text(file, "utf-8-sig").encode())
            _demand_known_columns(copy, _LAYOUTS[kind])
            self._kinds[kind](copy)
        except (OSError, UnicodeDecodeError) as fault:
            if isinstance(fault, OSError) and fault.filename != str(file):
                raise
            raise UnreadableInput(
                f"{file}: cannot be read ({describe_os_error(fault)}); it must be CSV or JSON in UTF-8"
            ) from None
        except FaultyFile as fault:
            raise FaultyFile(file, [one.removeprefix(f"{copy}: ") for one in fault.faults]) from None
        except UnreadableInput as fault:
            raise UnreadableInput(str(fault).replace(str(copy), str(file))) from None
        finally:
            copy.unlink(missing_ok=True)

    def _move(self, file: Path, to: str) -> Path:
        """Move the file, its name prefixed with the time so that it replaces no other; the new path."""
        at = self._now().strftime("%Y%m%dT%H%M%S.%f")
        name = os.fsdecode(os.fsencode(file.name)[-_LONGEST_NAME:])
        return file.rename(self._in / to / f"{at}-{name}")

    def _validate_and_replace(self, kind: str, file: Path, read: Callable[[], Any]) -> None:
        """Validate the file with `read`, then store it in place of the previous one of its kind."""
        read()
        suffix = file.suffix.lower()
        plain_file.write_durably(self._own / f"{kind}{suffix}", read_text(file).encode())
        for other in _SUFFIXES:
            if other != suffix:
                (self._own / f"{kind}{other}").unlink(missing_ok=True)

    def _load_latest(self, kind: str, read: Callable[[Path], Any]) -> Any:
        found = [path for suffix in _SUFFIXES if is_plain_file(path := self._own / f"{kind}{suffix}")]
        return read(max(found, key=lambda path: path.stat().st_mtime)) if found else None

    def _load_standing_lines(self) -> _Lines | None:
        """Load the expected lines announced and not withdrawn; None if none was ever announced here."""
        path = self._own / "expected.json"
        if not is_plain_file(path):
            return None
        return read_expected(path) if read_text(path).strip() != "[]" else {}

    def _store_expected(self, file: Path) -> None:
        self._store_standing_lines(file, {**(self._load_standing_lines() or {}), **read_expected(file)})

    def _withdraw(self, file: Path) -> None:
        gone = _read_withdrawn(file)
        self._store_standing_lines(
            file, {place: lines for place, lines in (self._load_standing_lines() or {}).items() if place not in gone}
        )

    def _store_standing_lines(self, file: Path, standing: _Lines) -> None:
        """Store these expected lines, all or nothing. Raises FaultyFile if two files contradict each other."""
        rows = []
        for place, lines in standing.items():
            for line in lines:
                cells = {key: value for key, value in asdict(line).items() if key in EXPECTED.columns}
                rows.append({**cells, place.kind.value: place.name})
        path = self._own / "expected.json"
        part = path.with_name("expected.part.json")
        plain_file.write_durably(part, json.dumps(rows, ensure_ascii=False).encode())
        if rows:
            try:
                read_expected(part)  # Finds contradictions between two files about one pallet.
            except FaultyFile as fault:
                message = [one.partition(": ")[2] for one in fault.faults]
                raise FaultyFile(file, [f"with what was announced before: {one}" for one in message]) from None
        part.rename(path)


def _demand_known_columns(path: Path, layout: Layout) -> None:
    """Raise UnreadableInput for unknown columns, without quoting them: it may be any file."""
    try:
        found = parse_strict(read_text(path)) if path.suffix == ".json" else [_read_header(path)]
    except (NotStrict, csv.Error):
        return  # the reader reports it
    rows = found if isinstance(found, list) else []
    for at, row in enumerate(row for row in rows if isinstance(row, dict | list)):
        unknown = [place for place, name in enumerate(row, 1) if name not in layout.columns]
        if unknown:
            where = f"/{at}: name" if path.suffix == ".json" else "line 1: column"
            allowed = ", ".join(layout.columns)
            raise UnreadableInput(f"{path}: {where} {unknown[0]} is not known; allowed are {allowed}")


def _read_header(path: Path) -> list[str]:
    return [cell.strip() for cell in next(csv.reader(io.StringIO(read_text(path), newline=""), strict=True), [])]


def _read_withdrawn(path: Path) -> Collection[ReceivingPlace]:
    """The trailers and doors whose expected lists are withdrawn. Raises FaultyFile, UnreadableInput."""
    faults: list[str] = []
    found = []
    for where, cells in read_rows(path, _WITHDRAWN):
        odd = list(find_column_and_type_faults(where, cells, _WITHDRAWN))
        places = [] if odd else [(kind, cells[kind]) for kind in PlaceKind if cells.get(kind)]
        if not odd and (len(places) != 1 or not LEVEL.fullmatch(places[0][1])):
            odd = [f"{where}, columns trailer and door: name one trailer, or one door, as the notice did"]
        faults += odd
        found += [ReceivingPlace(kind, name) for kind, name in places]
    if faults:
        raise FaultyFile(path, faults)
    return found


def _read_items(path: Path) -> Sequence[PulledItem]:
    """The items, with their units. Raises FaultyFile, UnreadableInput."""
    rows = read_rows(path, _ITEMS)
    faults: list[str] = []
    first: dict[str, tuple[str, Cells]] = {}
    units: dict[str, dict[str, Decimal]] = {}
    for where, cells in rows:
        odd = list(find_column_and_type_faults(where, cells, _ITEMS)) or list(_item_faults(where, cells, first, units))
        faults += odd
        if not odd:
            first.setdefault(cells["item"], (where, cells))
            of = units.setdefault(cells["item"], {})
            if cells.get("unit"):
                of[cells["unit"]] = Decimal(cells["factor"])
    if not rows:
        faults.append("holds no line; give one for each item")
    if faults:
        raise FaultyFile(path, faults)
    return [
        PulledItem(
            item,
            cells["title"],
            cells["base"],
            tuple(PulledUnit(code, factor) for code, factor in units[item].items()),
            YES_NO[cells["lot_needed"]],
        )
        for item, (_, cells) in first.items()
    ]


_NAME = is_valid_name, NAMING
_CODE = CODE.fullmatch, "allowed is a code of one to three capitals and digits: CS"
_ALLOWED: Allowed = {
    "item": _NAME,
    "title": _NAME,
    "base": _CODE,
    "lot_needed": (YES_NO.__contains__, "allowed are yes and no"),
}


def _item_faults(
    where: str, cells: Cells, first: Mapping[str, tuple[str, Cells]], units: Mapping[str, Mapping[str, Decimal]]
) -> Iterator[str]:
    yield from find_value_faults(where, cells, _ALLOWED)
    yield from _unit_faults(where, cells, units.get(cells.get("item", ""), {}))
    before, known = first.get(cells.get("item", ""), ("", cells))
    yield from (
        f"{where}, column {column}: {cells.get(column, '')!r} is another than in {before}, of the same item"
        for column in ("title", "base", "lot_needed")
        if cells.get(column) != known.get(column)
    )


def _unit_faults(where: str, cells: Cells, others: Mapping[str, Decimal]) -> Iterator[str]:
    unit, factor = cells.get("unit", ""), cells.get("factor", "")
    if unit:
        yield from find_value_faults(where, cells, {"unit": _CODE})
    if bool(unit) != bool(factor) or (factor and not FACTOR.fullmatch(factor)):
        yield (
            f"{where}, column factor: found {factor[:MAX_LEN]!r}; allowed is a number above 0 with 9 digits and 6 "
            "places at most beside a unit, and nothing without one"
        )
    if unit and unit == cells.get("base"):
        yield f"{where}, column unit: {unit!r} is the base unit itself; leave it and its factor empty"
    if unit in others:
        yield f"{where}, column unit: {unit!r} of this item stands here a second time; remove one of them"
