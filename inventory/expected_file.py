"""Files of expected receipts: CSV or JSON becomes lines for each trailer or door, or all its faults at once."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from edge.config import LEVEL
from edge.deliver.expected import LARGEST as LARGEST_LIST
from edge.deliver.expected import MOST_LINES, size
from edge.errors import UnreadableInput, plainly
from edge.plain_text import is_plain
from edge.records import ExpectedLine, PlaceKind, ReceivingPlace, plain
from edge.records.strict_json import NotStrict, strict

COLUMNS = ("notice", "trailer", "door", "pallet", "item", "quantity", "uom", "lot_needed")
MUST_HAVE = ("notice", "pallet", "item", "quantity", "uom", "lot_needed")

LARGEST = 20_000_000  # Bytes of a file: a hundred thousand lines, more than any site gets in a day.
MOST_FAULTS = 100  # That are told of one file: with more, it is a file of another kind.
LONGEST = 64  # Characters of a number or a code; an SSCC has 18, GS1 allows 30 in a shipment's number.
CODE = re.compile(r"[A-Z0-9]{1,3}")  # A unit's code, as UN/ECE Recommendations 20 and 21 have them.
COUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")  # 15 digits at most, which every reader of JSON keeps.
YES_NO = {"yes": True, "no": False}

Cells = Mapping[str, Any]  # By their columns; what is no text in JSON comes as it is, and is a fault.
Row = tuple[str, Cells]  # Where in the file it stands, and what it says.


class FaultyList(UnreadableInput):
    """Lines that must be put right; `faults` has each: where it is, what was found, what is allowed, what to do."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        super().__init__(f"{path}: {'; '.join(faults)}")
        self.faults = tuple(f"{path}: {fault}" for fault in faults)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A line without faults."""

    where: str
    place: ReceivingPlace
    line: ExpectedLine


def read_file(path: Path) -> Mapping[ReceivingPlace, tuple[ExpectedLine, ...]]:
    """What is expected, by trailer or door. Raises FaultyList, UnreadableInput."""
    rows = _json_rows(path) if path.suffix == ".json" else _csv_rows(path)
    faults: list[str] = []
    checked = [line for where, cells in rows for line in _checked(where, cells, faults)]
    faults += _contradictions(checked)
    if not rows:
        faults.append("holds no line; give one for each item on each pallet")
    if faults:
        beyond = [f"and {len(faults) - MOST_FAULTS} faults more"] if len(faults) > MOST_FAULTS else []
        told = [*faults[:MOST_FAULTS], *beyond]
        raise FaultyList(path, told)
    found: dict[ReceivingPlace, list[ExpectedLine]] = {}
    for one in checked:
        found.setdefault(one.place, []).append(one.line)
    return {place: tuple(lines) for place, lines in found.items()}


def _text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise UnreadableInput(f"{path}: has {size:,} bytes; {LARGEST:,} at most; split it")
        # utf-8-sig: spreadsheets put a byte order mark before the header.
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableInput(f"{path}: cannot be read ({plainly(fault)}); it must be CSV or JSON in UTF-8") from None


def _csv_rows(path: Path) -> list[Row]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as fault:
        raise UnreadableInput(f"{path}: line {reader.line_num}: is no CSV ({fault}); mend that line") from None
    header = rows[0][1] if rows else []
    if unknown := [name for name in header if name not in COLUMNS]:
        raise UnreadableInput(f"{path}: line 1: column {unknown[0]!r} is not known; allowed are {', '.join(COLUMNS)}")
    if len(set(header)) < len(header) or not set(MUST_HAVE) <= set(header):
        raise UnreadableInput(
            f"{path}: line 1: header is {','.join(header)!r}; it must name each of {', '.join(MUST_HAVE)} once, and "
            "trailer or door"
        )
    if wrong := [line for line, row in rows[1:] if any(row) and len(row) != len(header)]:
        raise UnreadableInput(f"{path}: line {wrong[0]}: has not as many cells as the header, {len(header)}; mend it")
    return [(f"line {line}", dict(zip(header, row, strict=True))) for line, row in rows[1:] if any(row)]


def _json_rows(path: Path) -> list[Row]:
    try:
        found = strict(_text(path))
    except NotStrict as fault:
        raise UnreadableInput(f"{path}: {fault}; it must be a list of objects in JSON") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnreadableInput(f"{path}: must be a list of objects, one for each item on each pallet")
    return [(f"/{at}", {name: _cell(name, value) for name, value in one.items()}) for at, one in enumerate(found)]


def _cell(name: str, value: Any) -> Any:
    """As it would stand in CSV. A pallet's number that is no text is a fault: its zeros may be lost already."""
    if name == "lot_needed" and isinstance(value, bool):
        return "yes" if value else "no"
    if name == "quantity" and isinstance(value, int | float) and not isinstance(value, bool):
        return plain(value)
    return "" if value is None else value


def _checked(where: str, cells: Cells, faults: list[str]) -> Iterator[_Checked]:
    found = list(_faults(where, cells))
    faults += found
    if found:
        return
    kind = PlaceKind.TRAILER if cells.get("trailer") else PlaceKind.DOOR
    quantity = Decimal(cells["quantity"])
    line = ExpectedLine(
        notice=cells["notice"],
        pallet=cells["pallet"],
        item=cells["item"],
        quantity=int(quantity) if quantity == quantity.to_integral_value() else float(quantity),
        uom=cells["uom"],
        lot_needed=YES_NO[cells["lot_needed"]],
    )
    yield _Checked(where, ReceivingPlace(kind, cells[kind]), line)


def _faults(where: str, cells: Cells) -> Iterator[str]:
    for unknown in [name for name in cells if name not in COLUMNS]:
        yield f"{where}: column {unknown[:LONGEST]!r} is not known; allowed are {', '.join(COLUMNS)}"
    if strange := [name for name in COLUMNS if not isinstance(cells.get(name, ""), str)]:
        found = json.dumps(cells[strange[0]])[:LONGEST]
        yield f"{where}, column {strange[0]}: found {found}; allowed is text, in quotes, so that 007 stays 007"
        return
    for column in MUST_HAVE:
        found = cells.get(column, "")
        if not ALLOWED[column](found):
            yield f"{where}, column {column}: found {found[:LONGEST]!r}; {REMEDIES[column]}"
    places = {kind: cells.get(kind, "") for kind in PlaceKind}
    if sum(map(bool, places.values())) != 1:
        yield f"{where}, columns trailer and door: one of the two must be given, and not both; empty the other one"
    for kind in [kind for kind, name in places.items() if name and not LEVEL.fullmatch(name)]:
        yield (
            f"{where}, column {kind}: found {places[kind][:LONGEST]!r}; allowed are letters, digits, - and _, 63 at "
            "most, a letter or digit first, for it becomes part of a topic"
        )


def _is_named(found: str) -> bool:
    return 0 < len(found) <= LONGEST and is_plain(found)


NAMED = f"allowed are 1 to {LONGEST} characters, none of them a control character; give the number or code of the label"
ALLOWED: Mapping[str, Callable[[str], object]] = {
    "notice": _is_named,
    "pallet": _is_named,
    "item": _is_named,
    "quantity": lambda found: COUNT.fullmatch(found) and Decimal(found),
    "uom": CODE.fullmatch,
    "lot_needed": YES_NO.__contains__,
}
REMEDIES = {
    "notice": NAMED,
    "pallet": NAMED,
    "item": NAMED,
    "quantity": (
        "allowed is a number above 0 with 9 digits and 6 places at most; leave out the line where nothing is expected"
    ),
    "uom": "allowed is a code of one to three capitals and digits, as the form lists them: CS",
    "lot_needed": "allowed are yes and no; say which",
}
"""What each column may hold, and what is to be done where it holds something else."""


def _contradictions(lines: list[_Checked]) -> Iterator[str]:
    """What two lines say of one pallet, and what is too much for one list."""
    places: dict[str, _Checked] = {}
    items: dict[tuple[str, str], _Checked] = {}
    at: dict[ReceivingPlace, list[ExpectedLine]] = {}
    for one in lines:
        pallet, item = one.line.pallet, one.line.item
        first = places.setdefault(pallet, one)
        if first.place != one.place:
            yield (
                f"{one.where}, column pallet: {pallet!r} is expected at {one.place}, and at {first.place} in "
                f"{first.where}; remove one of them"
            )
        elif (same := items.setdefault((pallet, item), one)) is not one:
            yield (
                f"{one.where}, column item: {item!r} on pallet {pallet!r} stands in {same.where} too; add the two up"
            )
        at.setdefault(one.place, []).append(one.line)
    for place, there in at.items():
        if len(there) > MOST_LINES or size(there) > LARGEST_LIST:
            yield (
                f"{place}: has {len(there):,} lines, which make a message of {size(there):,} bytes; {MOST_LINES} and "
                f"{LARGEST_LIST:,} at most for one place; split them between places"
            )
