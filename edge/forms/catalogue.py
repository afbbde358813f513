"""Catalogues: the values that exist (docks, locations), read from one CSV file each.

A file `docks.csv` is the catalogue `docks`. Its header is `value`, `value,spoken` or `value,spoken,check`. `spoken`
holds further ways to say the value, separated by `|` ("blue door|the cold one"), where the field's usual spoken form is
not enough. `check` is the word or the digits on the sign at that place: who says them has read the sign. A sign may
carry several, separated by `|`: they are asked for in turn, so that nobody learns one by heart.

A file `items.units.csv` beside `items.csv` holds the items' units, `value,unit,factor,base`: one case (CS) of item A100
is 12 pieces (EA). What it does not say is not converted.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from edge.errors import Misconfigured, plainly
from edge.plain_text import is_plain
from edge.records import Factor, FieldValue

HEADERS = (["value"], ["value", "spoken"], ["value", "spoken", "check"])
UNITS = ".units.csv"  # How the name of a file ends that holds the units of the values of a catalogue.
UNITS_HEADER = ["value", "unit", "factor", "base"]
CODE = re.compile(r"[A-Z0-9]{1,3}")  # A unit's code, as UN/ECE Recommendations 20 and 21 have them.
FACTOR = re.compile(r"(?!0+(?:\.0+)?$)[0-9]{1,9}(?:\.[0-9]{1,6})?")  # More digits than any packing list has.
SPOKEN = re.compile(r"[a-z]+(?: [a-z]+)*")  # Words in small letters, as a recogniser writes them.
CHECK = re.compile(r"(?:[a-z]+|[0-9]+)(?:\|(?:[a-z]+|[0-9]+))*")
"""Each is one word, or digits, which are said one by one or in pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The known values, by catalogue name, each with the further ways to say it. Compared by identity."""

    entries: Mapping[str, Mapping[str, tuple[str, ...]]]
    checks: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """By catalogue name, the check words or digits of each value that has some."""
    factors: Mapping[str, Mapping[tuple[str, str], Factor]] = field(default_factory=dict)
    """By catalogue name, how many of its base unit a value's unit holds."""

    @classmethod
    def load(cls, directory: Path) -> Catalogue:
        """Read every *.csv of a directory. Raises Misconfigured naming file, line and column of every fault."""
        if not directory.is_dir():
            raise Misconfigured(f"{directory}: no such directory; catalogues are files NAME.csv in it")
        entries: dict[str, Mapping[str, tuple[str, ...]]] = {}
        checks: dict[str, Mapping[str, tuple[str, ...]]] = {}
        faults: list[str] = []
        units = sorted(directory.glob(f"*{UNITS}"))
        for path in sorted(set(directory.glob("*.csv")) - set(units)):
            rows = _rows(path)
            faults += _faults(rows, path)
            entries[path.stem] = MappingProxyType({row[0]: _alternatives(row) for _, row in rows[1:] if row})
            checks[path.stem] = MappingProxyType(
                {row[0]: tuple(row[2].split("|")) for _, row in rows[1:] if "".join(row[2:])}
            )
        factors: dict[str, Mapping[tuple[str, str], Factor]] = {}
        for path in units:
            name, rows = path.name.removesuffix(UNITS), _rows(path)
            found = list(_unit_faults(rows, path, entries.get(name)))
            faults += found
            if not found:
                factors[name] = MappingProxyType(_factors(rows[1:]))
        if faults:
            raise Misconfigured("; ".join(faults))
        return cls(MappingProxyType(entries), MappingProxyType(checks), MappingProxyType(factors))

    def values(self, name: str) -> tuple[str, ...]:
        """The values of one catalogue, in the order of its file. Raises Misconfigured where there is none."""
        return tuple(self._named(name))

    def knows(self, name: str | None, value: FieldValue) -> bool:
        """Is the value, or each of a list, in the catalogue of this name? Without a name every value is known."""
        if name is None:
            return True
        return all(str(one) in self._named(name) for one in (value if isinstance(value, tuple) else (value,)))

    def spoken(self, name: str) -> Mapping[str, str]:
        """The further ways to say the values of one catalogue: spoken words to value."""
        return {words: value for value, alternatives in self._named(name).items() for words in alternatives}

    def checks_of(self, name: str, value: str) -> tuple[str, ...]:
        """The check words or digits of a value, in the order of its sign; empty where it has none."""
        return self.checks.get(name, {}).get(value, ())

    def factor(self, name: str | None, value: FieldValue | None, unit: FieldValue | None) -> Factor | None:
        """How many of its base unit this unit of a value holds; None where nobody has written that down."""
        return self.factors.get(name or "", {}).get((str(value), str(unit)))

    def _named(self, name: str) -> Mapping[str, tuple[str, ...]]:
        if name not in self.entries:
            known = ", ".join(self.entries) or "none"
            raise Misconfigured(f"catalogue {name!r} does not exist; known: {known}; add {name}.csv to the directory")
        return self.entries[name]


Row = tuple[int, list[str]]  # Line number and cells.


def _rows(path: Path) -> list[Row]:
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the header.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({plainly(fault)}); it must be CSV in UTF-8") from None
    except csv.Error as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault}); it must be CSV in UTF-8") from None


def _alternatives(row: list[str]) -> tuple[str, ...]:
    return tuple(words.strip() for words in "".join(row[1:2]).split("|") if words.strip())


def _faults(rows: list[Row], path: Path) -> Iterator[str]:
    header = rows[0][1] if rows else []
    if header not in HEADERS:
        yield f"{path}:1: header is {','.join(header)!r}, must be 'value', 'value,spoken' or 'value,spoken,check'"
        return
    if not any(row for _, row in rows[1:]):
        yield f"{path}:1: holds no value; give one in each line after the header"
    values: set[str] = set()
    spoken: dict[str, int] = {}
    for line, row in rows[1:]:
        if not row:
            continue
        yield from _row_faults(row, len(header), f"{path}:{line}")
        if row[0] in values:
            yield f"{path}:{line}: column value: {row[0]!r} stands here a second time"
        values.add(row[0])
        for words in _alternatives(row):
            if spoken.setdefault(words, line) != line:
                yield f"{path}:{line}: column spoken: {words!r} already means the value of line {spoken[words]}"


def _row_faults(row: list[str], columns: int, where: str) -> Iterator[str]:
    if len(row) != columns:
        yield f"{where}: has {len(row)} columns, the header {columns}"
    if not row[0]:
        yield f"{where}: column value: is empty"
    if not is_plain(row[0]):
        yield f"{where}: column value: {row[0]!r} holds control characters, which no entry may hold"
    for words in _alternatives(row):
        if not SPOKEN.fullmatch(words):
            yield f"{where}: column spoken: {words!r} must be words in small letters, alternatives separated by |"
    if len(row) == len(HEADERS[-1]) and row[2] and not CHECK.fullmatch(row[2]):
        yield f"{where}: column check: {row[2]!r} must be one word in small letters, or digits; several: w|w"


def _factors(rows: list[Row]) -> dict[tuple[str, str], Factor]:
    """By value and unit. Of its base unit a value has one, whether or not a line says so."""
    given = {(row[0], row[1]): Factor(row[3], Decimal(row[2])) for _, row in rows if row}
    return {(row[0], row[3]): Factor(row[3], Decimal(1)) for _, row in rows if row} | given


def _unit_faults(rows: list[Row], path: Path, known: Mapping[str, object] | None) -> Iterator[str]:
    header = rows[0][1] if rows else []
    if header != UNITS_HEADER:
        yield f"{path}:1: header is {','.join(header)!r}, must be {','.join(UNITS_HEADER)!r}"
        return
    if known is None:
        yield f"{path}: there is no {path.name.removesuffix(UNITS)}.csv beside it; add it, or rename this one"
    bases: dict[str, tuple[str, int]] = {}
    seen: dict[tuple[str, str], int] = {}
    for line, row in [(line, row) for line, row in rows[1:] if row]:
        where = f"{path}:{line}"
        if len(row) != len(UNITS_HEADER):
            yield f"{where}: has {len(row)} columns, the header {len(UNITS_HEADER)}"
            continue
        value, unit, _, base = row
        if known is not None and value not in known:
            yield f"{where}: column value: {value!r} is not in {path.name.removesuffix(UNITS)}.csv; add it there"
        yield from _factor_faults(row, where)
        if seen.setdefault((value, unit), line) != line:
            yield f"{where}: column unit: {unit!r} of {value!r} stands in line {seen[value, unit]} already"
        if bases.setdefault(value, (base, line))[0] != base:
            yield f"{where}: column base: {base!r}, but {bases[value][0]!r} in line {bases[value][1]}; an item has one"


def _factor_faults(row: list[str], where: str) -> Iterator[str]:
    _, unit, factor, base = row
    for column, code in (("unit", unit), ("base", base)):
        if not CODE.fullmatch(code):
            yield f"{where}: column {column}: {code!r} must be a code of one to three capitals and digits: CS"
    if not FACTOR.fullmatch(factor):
        yield f"{where}: column factor: {factor!r} must be a number above 0, with 9 digits and 6 places at most: 12"
    elif unit == base and Decimal(factor) != 1:
        yield f"{where}: column factor: {factor!r} of the base unit {base!r} itself must be 1"
