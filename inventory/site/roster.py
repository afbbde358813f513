"""The roster: the operators of a site, as rows of a file or of the tables, and their validation.

It is stored as versions in the site's catalogue (`catalogue`), as a kind of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dockvoice_protocol.events import MalformedMessage
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Operator, Roster
from dockvoice_protocol.signed import LARGEST, MOST_OPERATORS, max_roster_bytes, verify_roster
from inventory.site.master_kinds import Kind
from inventory.site.table_file import (
    MAX_LEN,
    NAMING,
    Cells,
    FaultyFile,
    Layout,
    Row,
    find_column_and_type_faults,
    is_valid_name,
    read_rows,
    to_cell,
)

ROSTER = "roster"  # The kind in the tables: no list may have that name (`master_kinds.RESERVED_KINDS`).

COLUMNS = ("name", "number", "spoken", "language", "forms")
SEPARATOR = ";"  # Separates several names, or forms, in one cell.
OPERATOR_NUMBER = re.compile(r"[0-9]{2,6}")  # One digit is recognised in any noise, and more than six are misspoken.
_MOST_SPOKEN = 5


def _format_cell(name: str, value: Any) -> Any:
    if name in {"spoken", "forms"} and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return SEPARATOR.join(value)
    return to_cell(name, value)


ROSTER_LAYOUT = Layout(COLUMNS, ("name",), " once, and number or spoken", "one for each operator", _format_cell)


def read_operators(path: Path, forms: Collection[str]) -> tuple[Operator, ...]:
    """The operators of a file; `forms` are the names of the known forms. Raises FaultyFile, UnreadableInput."""
    rows = read_rows(path, ROSTER_LAYOUT)
    if faults := _find_row_faults(rows, forms):
        raise FaultyFile(path, faults)
    return rows_to_operators([cells for _, cells in rows])


def roster_kind(forms: Collection[str]) -> Kind:
    """The roster as a kind of master data; `forms` are the names of the known forms."""
    each, whole = "one for each operator", partial(_find_row_faults, forms=forms)
    return Kind(ROSTER, COLUMNS, ("name",), ("name",), each, lambda *_: iter(()), whole)


def rows_to_operators(rows: Sequence[Mapping[str, Any]]) -> tuple[Operator, ...]:
    """Convert valid rows to operators."""
    return tuple(_to_operator(cells) for cells in rows)


def roster_to_rows(roster: Roster) -> list[Row]:
    """Convert a roster to the rows of its file."""
    cells = (
        {
            "name": one.name,
            "number": one.number or "",
            "spoken": SEPARATOR.join(one.spoken),
            "language": one.language or "",
            "forms": SEPARATOR.join(one.forms or ()),
        }
        for one in roster.operators
    )
    return [(f"row {one['name']!r}", one) for one in cells]


def parse_signed_roster(payload: bytes | None, site: str, key: PublicKey) -> Roster | None:
    """Parse a retained roster; None if there is none or its signature is not by `key`."""
    try:
        return None if not payload else verify_roster(payload, site, key)
    except MalformedMessage:
        return None


def _find_row_faults(rows: Sequence[Row], forms: Collection[str]) -> list[str]:
    """All faults of the rows, a line each; `forms` are the names of the known forms."""
    faults: list[str] = []
    found: list[tuple[str, Operator]] = []
    for where, cells in rows:
        wrong = list(_find_faults(where, cells, forms))
        faults += wrong
        if not wrong:
            found.append((where, _to_operator(cells)))
    faults += _find_contradictions(found)
    operators = tuple(one for _, one in found)
    if not rows:
        faults.append("holds no line; give one for each operator, or withdraw the roster with --withdraw")
    if len(operators) > MOST_OPERATORS or max_roster_bytes(operators) > LARGEST:
        faults.append(
            f"has {len(operators):,} operators, which make a message of {max_roster_bytes(operators):,} bytes; "
            f"{MOST_OPERATORS} and {LARGEST:,} at most for one site; leave out who does not work there"
        )
    return faults


def _to_operator(cells: Cells) -> Operator:
    forms = _split_cell(cells, "forms")
    return Operator(
        cells["name"],
        cells.get("number") or None,
        _split_cell(cells, "spoken"),
        cells.get("language") or None,
        forms or None,
    )


def _split_cell(cells: Cells, column: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cells.get(column, "").split(SEPARATOR) if part.strip())


def _find_faults(where: str, cells: Cells, forms: Collection[str]) -> Iterator[str]:
    yield from find_column_and_type_faults(where, cells, ROSTER_LAYOUT)
    if any(not isinstance(cell, str) for cell in cells.values()):
        return
    for column, found, fault in (*_identity_faults(cells), *_rights_faults(cells, forms)):
        yield f"{where}, column {column}: found {found[:MAX_LEN]!r}; {fault}"
    if not cells.get("number") and not _split_cell(cells, "spoken"):
        yield f"{where}, columns number and spoken: both are empty; give what the operator signs on with"


def _identity_faults(cells: Cells) -> Iterator[tuple[str, str, str]]:
    """Faults of name, number and spoken names: the column, what was found, what is allowed and what to do."""
    name, number, spoken = cells.get("name", ""), cells.get("number", ""), _split_cell(cells, "spoken")
    if not is_valid_name(name):
        yield "name", name, f"{NAMING}; give what goes on record"
    if number and not OPERATOR_NUMBER.fullmatch(number):
        yield "number", number, "allowed are two to six digits; give another one"
    for one in spoken:
        if not is_valid_name(one) or any(character.isdigit() for character in one):
            yield "spoken", one, f"{NAMING}, and no digit; give the name as it is said, and a number in its own column"
    if len(spoken) > _MOST_SPOKEN:
        yield "spoken", cells["spoken"], f"allowed are {_MOST_SPOKEN} names; leave out the rare ones"


def _rights_faults(cells: Cells, forms: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Faults of language and forms: the column, what was found, what is allowed and what to do."""
    if (language := cells.get("language", "")) and language not in LANGUAGES:
        yield "language", language, f"allowed are {', '.join(LANGUAGES)}; or leave it empty"
    known = ", ".join(sorted(forms)) or "none"
    for form in _split_cell(cells, "forms"):
        if form not in forms:
            yield "forms", form, f"allowed are the inventory's forms, {known}; or leave it empty, for all"


def _find_contradictions(found: list[tuple[str, Operator]]) -> Iterator[str]:
    """Faults for names or numbers that two operators share."""
    known: dict[tuple[str, str], tuple[str, Operator]] = {}
    for where, one in found:
        identities = [
            ("name", one.name),
            ("number", one.number or ""),
            *(("spoken", name.casefold()) for name in one.spoken),
        ]
        for column, said in dict.fromkeys(identities):
            first, other = known.setdefault((column, said), (where, one))
            if said and other is not one:
                yield f"{where}, column {column}: {said!r} stands in {first} too; give each operator one of his own"
