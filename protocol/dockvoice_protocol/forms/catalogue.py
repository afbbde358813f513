"""Catalogues: the values that exist (docks, locations), read from one CSV file each.

A file `docks.csv` is the catalogue `docks`. Its header is `value`, `value,spoken` or `value,spoken,check`. `spoken`
holds further ways to say the value, separated by `|` ("blue door|the cold one"), where the field's usual spoken form is
not enough. `check` is the word or the digits on the sign at that place: saying them proves that the operator read the
sign. A sign may carry several, separated by `|`: the device asks for them in turn, so that operators memorise none.

A file `items.units.csv` beside `items.csv` holds the items' units, `value,unit,factor,base`: one case (CS) of item A100
is 12 pieces (EA). Units that it does not list are not converted.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from io import StringIO
from pathlib import Path
from types import MappingProxyType

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, describe_os_error
from dockvoice_protocol.records import FieldValue, UnitFactor
from dockvoice_protocol.records.master import (
    LIST,
    OF_RULES,
    OF_UNITS,
    OF_WORDS,
    UNITS,
    Cells,
    MasterData,
    Row,
    split_alternatives,
    unit_faults,
    value_list_faults,
    word_faults,
)

_HEADERS = tuple(list(LIST[:end]) for end in (1, 2, 3))
_FILE_OF_UNITS = f"{OF_UNITS}.csv"  # Suffix of a file with the units of a catalogue's values.


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The known values, by catalogue name, each with the further ways to say it. Compared by identity."""

    entries: Mapping[str, Mapping[str, tuple[str, ...]]]
    checks: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """By catalogue name, the check words or digits of each value that has some."""
    factors: Mapping[str, Mapping[tuple[str, str], UnitFactor]] = field(default_factory=dict)
    """By catalogue name, how many of its base unit a value's unit holds."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """By kind, the version of the published list in it; kinds that are missing here come from files."""
    words: tuple[Cells, ...] = ()  # Published words, in addition to those of the forms (`add_published_words`).

    @classmethod
    def load(cls, directory: Path) -> Catalogue:
        """Read every *.csv of a directory. Raises Misconfigured naming file, line and column of every fault."""
        if not directory.is_dir():
            raise Misconfigured(f"{directory}: no such directory; catalogues are files NAME.csv in it")
        rows: dict[str, list[Cells]] = {}
        faults: list[str] = []
        units = sorted(directory.glob(f"*{_FILE_OF_UNITS}"))
        for path in sorted(set(directory.glob("*.csv")) - set(units)):
            lines = _read_lines(path)
            faults += _value_file_faults(lines, path)
            rows[path.stem] = _to_cells(lines)
        for path in units:
            name, lines = path.name.removesuffix(_FILE_OF_UNITS), _read_lines(path)
            faults += _unit_file_faults(lines, path, rows.get(name))
            rows[path.stem] = _to_cells(lines)
        if faults:
            raise Misconfigured("; ".join(faults))
        return cls.from_rows(rows)

    @classmethod
    def from_rows(cls, rows: Mapping[str, Iterable[Cells]]) -> Catalogue:
        """Build a catalogue from valid rows, by kind."""
        lists = {name: tuple(rows[name]) for name in rows if not name.endswith(OF_UNITS)}
        units = {name.removesuffix(OF_UNITS): tuple(rows[name]) for name in rows if name.endswith(OF_UNITS)}
        entries = {
            name: MappingProxyType({one["value"]: split_alternatives(one.get("spoken", "")) for one in of})
            for name, of in lists.items()
        }
        checks = {
            name: MappingProxyType({one["value"]: tuple(one["check"].split("|")) for one in of if one.get("check")})
            for name, of in lists.items()
        }
        factors = {name: MappingProxyType(_parse_factors(of)) for name, of in units.items()}
        return cls(MappingProxyType(entries), MappingProxyType(checks), MappingProxyType(factors))

    def with_published(self, published: Iterable[MasterData]) -> Catalogue:
        """A copy in which the published lists, units and words replace those of the same kind.

        Withdrawn lists are ignored. Raises Misconfigured naming every invalid row of a list of values, units or words.
        """
        there = [one for one in published if not one.is_withdrawn]
        known = [one for one in there if one.kind != OF_RULES]
        lists = [one for one in known if one.kind != OF_WORDS]
        if faults := [fault for one in known for fault in _master_data_faults(one)]:
            raise Misconfigured("; ".join(faults))
        said = Catalogue.from_rows({one.kind: one.rows for one in lists})
        return Catalogue(
            MappingProxyType({**self.entries, **said.entries}),
            MappingProxyType({**self.checks, **said.checks}),
            MappingProxyType({**self.factors, **said.factors}),
            MappingProxyType({one.kind: one.version for one in there}),
            next((one.rows for one in there if one.kind == OF_WORDS), ()),
        )

    def values(self, name: str) -> tuple[str, ...]:
        """The values of one catalogue, in the order of its file. Raises Misconfigured where there is none."""
        return tuple(self._require_entries(name))

    def has_values(self, name: str | None, value: FieldValue) -> bool:
        """Whether the catalogue of this name has the value, or each value of a list; with None, True."""
        if name is None:
            return True
        return all(str(one) in self._require_entries(name) for one in (value if isinstance(value, tuple) else (value,)))

    def value_by_spoken(self, name: str) -> Mapping[str, str]:
        """The further ways to say the values of one catalogue: spoken words to value."""
        return {words: value for value, alternatives in self._require_entries(name).items() for words in alternatives}

    def with_known_ways(self, knows: Callable[[str], bool]) -> Catalogue:
        """A copy for a recogniser: of values with several ways to say them, the ways that it knows, if there is one."""
        recognisable = {
            name: {value: tuple(filter(knows, ways)) or ways for value, ways in of.items()}
            for name, of in self.entries.items()
        }
        return replace(self, entries=recognisable)

    def check_words(self, name: str, value: str) -> tuple[str, ...]:
        """The check words or digits of a value, in the order of its sign; empty where it has none."""
        return self.checks.get(name, {}).get(value, ())

    def factor(self, name: str | None, value: FieldValue | None, unit: FieldValue | None) -> UnitFactor | None:
        """How many base units this unit of a value holds; None where the pair is not listed."""
        return self.factors.get(name or "", {}).get((str(value), str(unit)))

    def _require_entries(self, name: str) -> Mapping[str, tuple[str, ...]]:
        if name not in self.entries:
            known = ", ".join(self.entries) or "none"
            raise Misconfigured(f"catalogue {name!r} does not exist; known: {known}; add {name}.csv to the directory")
        return self.entries[name]


_Line = tuple[int, list[str]]  # Line number and cells.


def _read_lines(path: Path) -> list[_Line]:
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the header.
        text = plain_file.read_regular_file(path, plain_file.LINES).decode("utf-8-sig")
        reader = csv.reader(StringIO(text, newline=""), strict=True)
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({describe_os_error(fault)}); it must be CSV in UTF-8") from None
    except csv.Error as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault}); it must be CSV in UTF-8") from None


def _to_cells(lines: list[_Line]) -> list[Cells]:
    header = lines[0][1] if lines else []
    return [dict(zip(header, row, strict=False)) for _, row in lines[1:] if row and "value" in header]


def _parse_rows(lines: list[_Line], path: Path) -> tuple[list[Row], list[str]]:
    """The rows that have as many cells as the header, and the faults of the others."""
    header = lines[0][1]
    whole = [(line, row) for line, row in lines[1:] if row and len(row) == len(header)]
    odd = [(line, row) for line, row in lines[1:] if row and len(row) != len(header)]
    faults = [f"{path}:{line}: has {len(row)} columns, the header {len(header)}" for line, row in odd]
    return [(f"line {line}", dict(zip(header, row, strict=True))) for line, row in whole], faults


def _parse_factors(rows: Iterable[Cells]) -> dict[tuple[str, str], UnitFactor]:
    """Factors by value and unit; a value's base unit has the factor 1, even where no line lists it."""
    listed = tuple(rows)
    given = {(one["value"], one["unit"]): UnitFactor(one["base"], Decimal(one["factor"])) for one in listed}
    return {(one["value"], one["base"]): UnitFactor(one["base"], Decimal(1)) for one in listed} | given


def _value_file_faults(lines: list[_Line], path: Path) -> Iterator[str]:
    header = lines[0][1] if lines else []
    if header not in _HEADERS:
        yield f"{path}:1: header is {','.join(header)!r}, must be 'value', 'value,spoken' or 'value,spoken,check'"
        return
    if not any(row for _, row in lines[1:]):
        yield f"{path}:1: holds no value; give one in each line after the header"
    rows, odd = _parse_rows(lines, path)
    yield from odd
    yield from (_fault_in_file(path, *fault) for fault in value_list_faults(rows))


def _unit_file_faults(lines: list[_Line], path: Path, known: list[Cells] | None) -> Iterator[str]:
    header = lines[0][1] if lines else []
    if header != list(UNITS):
        yield f"{path}:1: header is {','.join(header)!r}, must be {','.join(UNITS)!r}"
        return
    listed_in = f"{path.name.removesuffix(_FILE_OF_UNITS)}.csv"
    if known is None:
        yield f"{path}: there is no {listed_in} beside it; add it, or rename this one"
    rows, odd = _parse_rows(lines, path)
    yield from odd
    values = None if known is None else {one.get("value", "") for one in known}
    yield from (_fault_in_file(path, *fault) for fault in unit_faults(rows, values, listed_in))


def _fault_in_file(path: Path, where: str, column: str, message: str) -> str:
    return f"{path}:{where.removeprefix('line ')}: column {column}: {message}"


def _master_data_faults(one: MasterData) -> Iterator[str]:
    rows = [(f"row {at}", cells) for at, cells in enumerate(one.rows, 1)]
    if one.kind == OF_WORDS:
        faults = word_faults(rows)
    else:
        # A unit of an unlisted value is ignored: the list and its units are published one after the other.
        faults = unit_faults(rows, None, one.kind) if one.kind.endswith(OF_UNITS) else value_list_faults(rows)
    yield from (f"{one.kind}, {where}, column {column}: {message}" for where, column, message in faults)
