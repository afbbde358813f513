"""Parses and validates expected lists, given as rows of a file or a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace, format_number
from dockvoice_protocol.records.master import CODE, to_number
from dockvoice_protocol.signed import LARGEST, MOST_LINES, max_expected_list_bytes
from inventory.site.table_file import (
    MAX_LEN,
    NAMING,
    YES_NO,
    Allowed,
    Cells,
    FaultyFile,
    Layout,
    Row,
    find_column_and_type_faults,
    find_value_faults,
    is_valid_name,
    read_rows,
    to_cell,
)

_COLUMNS = ("notice", "trailer", "door", "pallet", "item", "quantity", "uom", "lot_needed")
_MUST_HAVE = ("notice", "pallet", "item", "quantity", "uom", "lot_needed")

_COUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")  # 15 digits at most, which every reader of JSON preserves.


@dataclass(frozen=True, slots=True)
class _ValidLine:
    """A line that passed validation."""

    where: str
    place: ReceivingPlace
    line: ExpectedLine


def read_expected(path: Path) -> Mapping[ReceivingPlace, tuple[ExpectedLine, ...]]:
    """The expected lists by trailer or door. Raises FaultyFile, UnreadableInput."""
    found, faults = parse_expected_rows(read_rows(path, EXPECTED_LAYOUT))
    if faults:
        raise FaultyFile(path, faults)
    return found


def parse_expected_rows(rows: Sequence[Row]) -> tuple[Mapping[ReceivingPlace, tuple[ExpectedLine, ...]], list[str]]:
    """Parse rows into expected lists by trailer or door; also return all faults, a line each."""
    faults: list[str] = []
    checked = [line for where, cells in rows for line in _parse_valid_line(where, cells, faults)]
    faults += _find_contradictions(checked)
    if not rows:
        faults.append("holds no line; give one for each item on each pallet")
    found: dict[ReceivingPlace, list[ExpectedLine]] = {}
    for one in checked:
        found.setdefault(one.place, []).append(one.line)
    return {place: tuple(lines) for place, lines in found.items()}, faults


def _json_to_csv_cell(name: str, value: Any) -> Any:
    """Convert a JSON value to CSV text. A pallet's number that is no text is a fault: its zeros may be lost already."""
    if name == "lot_needed" and isinstance(value, bool):
        return "yes" if value else "no"
    if name == "quantity" and isinstance(value, int | float) and not isinstance(value, bool):
        return format_number(value)
    return to_cell(name, value)


EXPECTED_LAYOUT = Layout(
    _COLUMNS, _MUST_HAVE, " once, and trailer or door", "one for each item on each pallet", _json_to_csv_cell
)


def _parse_valid_line(where: str, cells: Cells, faults: list[str]) -> Iterator[_ValidLine]:
    found = list(_find_faults(where, cells))
    faults += found
    if found:
        return
    kind = PlaceKind.TRAILER if cells.get("trailer") else PlaceKind.DOOR
    line = ExpectedLine(
        notice=cells["notice"],
        pallet=cells["pallet"],
        item=cells["item"],
        quantity=to_number(Decimal(cells["quantity"])),
        uom=cells["uom"],
        lot_needed=YES_NO[cells["lot_needed"]],
    )
    yield _ValidLine(where, ReceivingPlace(kind, cells[kind]), line)


def _find_faults(where: str, cells: Cells) -> Iterator[str]:
    yield from find_column_and_type_faults(where, cells, EXPECTED_LAYOUT)
    if any(not isinstance(cell, str) for cell in cells.values()):
        return
    yield from find_value_faults(where, cells, _ALLOWED)
    places = {kind: cells.get(kind, "") for kind in PlaceKind}
    if sum(map(bool, places.values())) != 1:
        yield f"{where}, columns trailer and door: one of the two must be given, and not both; empty the other one"
    for kind in [kind for kind, name in places.items() if name and not LEVEL.fullmatch(name)]:
        yield (
            f"{where}, column {kind}: found {places[kind][:MAX_LEN]!r}; allowed are letters, digits, - and _, 63 at "
            "most, a letter or digit first, for it becomes part of a topic"
        )


_NAME = is_valid_name, f"{NAMING}; give the number or code of the label"
_ALLOWED: Allowed = {
    "notice": _NAME,
    "pallet": _NAME,
    "item": _NAME,
    "quantity": (
        lambda found: _COUNT.fullmatch(found) and Decimal(found),
        "allowed is a number above 0 with 9 digits and 6 places at most; leave out the line where nothing is expected",
    ),
    "uom": (CODE.fullmatch, "allowed is a code of one to three capitals and digits, as the form lists them: CS"),
    "lot_needed": (YES_NO.__contains__, "allowed are yes and no; say which"),
}


def _find_contradictions(lines: list[_ValidLine]) -> Iterator[str]:
    """Contradictions between two lines about one pallet, and lists that are too large."""
    places: dict[str, _ValidLine] = {}
    items: dict[tuple[str, str], _ValidLine] = {}
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
        if len(there) > MOST_LINES or max_expected_list_bytes(there) > LARGEST:
            yield (
                f"{place}: has {len(there):,} lines, which make a message of {max_expected_list_bytes(there):,} bytes; "
                f"{MOST_LINES} and {LARGEST:,} at most for one place; split them between places"
            )
