"""Kinds of master data: the columns and key of their rows, and their validation."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records.master import (
    KIND,
    LIST,
    OF_RULES,
    OF_UNITS,
    OF_WORDS,
    RULES,
    UNITS,
    WORDS,
    Cells,
    Row,
    RowFault,
    split_alternatives,
    unit_faults,
    value_list_faults,
    word_faults,
)
from dockvoice_protocol.signed import LARGEST, MOST_ROWS, max_master_data_bytes
from inventory.site.table_file import MAX_LEN, YES_NO, FaultyFile, Layout, find_column_and_type_faults, read_rows

RESERVED_KINDS = frozenset({"roster", "roster.sent"})
"""Names of kinds for operators, which have their own messages: `inventory/site/roster.py`."""

DUPLICATE, STOCK = "duplicate", "stock"
"""Rules that a site may turn on: the same pallet twice on a trailer, more moved than in stock."""

_HOURS = re.compile(r"[1-9][0-9]{0,4}")  # Eleven years at most.


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of master data."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]  # The columns of a row's key.
    must_have: tuple[str, ...]
    each: str  # What a row stands for, in messages.
    faults: Callable[[Sequence[Row], Collection[str] | None], Iterator[RowFault]]
    """The faults of the rows; for units the second argument is their list's values, if there is one."""
    whole: Callable[[Sequence[Row]], list[str]] | None = None
    """Replaces all validation of a kind that is no master data: the faults, a line each."""

    @property
    def list_name_if_units(self) -> str | None:
        """For units, the name of their list of values; None for other kinds."""
        return self.name.removesuffix(OF_UNITS) if self.name.endswith(OF_UNITS) else None

    @property
    def is_list(self) -> bool:
        """Whether it is a list of values for fields of forms."""
        return self.columns == LIST

    def key_text(self, cells: Cells) -> str:
        """The row's key as text: `A`, `A100 CS`."""
        return " ".join(cells.get(column, "") for column in self.key)

    def stored_cells(self, cells: Mapping[str, str]) -> Cells:
        """The cells to store: in the columns' order, without empty and unknown ones; not validated."""
        return {column: cells[column] for column in self.columns if cells.get(column)}


def find_kind(name: str) -> Kind:
    """The kind of master data with this name. Raises UnreadableInput for an invalid name."""
    if not KIND.fullmatch(name) or name in RESERVED_KINDS:
        raise UnreadableInput(
            f"{name[:MAX_LEN]!r}: is no kind of master data; allowed are the name of a list (docks), of its units "
            "(items.units), rules, and words; `dockvoice inventory roster` says who may sign on"
        )
    if name.endswith(OF_UNITS):
        return Kind(name, UNITS, ("value", "unit"), UNITS, "one for each unit of a value", _unit_faults)
    if name == OF_RULES:
        return Kind(name, RULES, ("rule",), RULES[:3], "one for each rule", _rule_faults)
    if name == OF_WORDS:
        must = tuple(one for one in WORDS if one != "means")
        known_by = ("form", "language", "word")
        return Kind(name, WORDS, known_by, must, "one for each word", lambda rows, _: word_faults(rows))
    return Kind(name, LIST, ("value",), LIST[:1], "one for each value", lambda rows, _: value_list_faults(rows))


def read_kind(kind: Kind, path: Path) -> list[Row]:
    """Read the rows of a file, validating only the columns. Raises FaultyFile, UnreadableInput."""
    layout = Layout(kind.columns, kind.must_have, " once", kind.each)
    rows = read_rows(path, layout)
    if odd := [fault for where, cells in rows for fault in find_column_and_type_faults(where, cells, layout)]:
        raise FaultyFile(path, odd)
    return rows


def find_row_faults(kind: Kind, rows: Sequence[Row], listed_values: Collection[str] | None) -> list[str]:
    """All faults of a kind's rows, a line each; `listed_values` are the values allowed for units."""
    if kind.whole is not None:
        return kind.whole(rows)
    found = [f"{where}, column {column}: {fault}" for where, column, fault in kind.faults(rows, listed_values)]
    cells = [kind.stored_cells(one) for _, one in rows]
    if not rows:
        found.append("holds no row; give one, or withdraw what is published")
    if len(rows) > MOST_ROWS or max_master_data_bytes(cells) > LARGEST:
        found.append(
            f"has {len(rows):,} rows, which make a message of {max_master_data_bytes(cells):,} bytes; {MOST_ROWS:,} "
            f"and {LARGEST:,} at most, which brokers take; split the list in two, by hall or by aisle, and let "
            "each form name the one that it is filled from"
        )
    return found


def _unit_faults(rows: Sequence[Row], listed_values: Collection[str] | None) -> Iterator[RowFault]:
    return unit_faults(rows, listed_values, "the list")


def _rule_faults(rows: Sequence[Row], _: Collection[str] | None) -> Iterator[RowFault]:
    seen: dict[str, str] = {}
    for where, cells in rows:
        rule, on, hours, forms = (cells.get(column, "") for column in RULES)
        if rule not in {DUPLICATE, STOCK}:
            yield where, "rule", f"found {rule[:MAX_LEN]!r}; allowed are {DUPLICATE} and {STOCK}"
        if seen.setdefault(rule, where) != where:
            yield where, "rule", f"{rule[:MAX_LEN]!r} stands in {seen[rule]} too; remove one of them"
        if on not in YES_NO:
            yield where, "on", f"found {on[:MAX_LEN]!r}; allowed are yes and no"
        if not _HOURS.fullmatch(hours):
            yield where, "hours", f"found {hours[:MAX_LEN]!r}; allowed is a whole number above 0, with 5 digits at most"
        if odd := [form for form in split_alternatives(forms) if not LEVEL.fullmatch(form)]:
            yield where, "forms", f"found {odd[0][:MAX_LEN]!r}; allowed are names of forms, parted by |, or nothing"
