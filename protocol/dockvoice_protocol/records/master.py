"""Master data of a site (values, units, rules, words) as rows of text, in files and in messages.

A row maps columns to cells, as a line of a CSV file. Validation is here, for the files beside the settings, for those
given to the inventory, and for what it publishes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dockvoice_protocol.records.reading import DECIMAL_DIGITS, to_decimal
from dockvoice_protocol.terminal.plain_text import is_plain_text

Cells = Mapping[str, str]  # By their columns; a column that is left out is an empty cell.
Row = tuple[str, Cells]  # Its location in messages: `line 7`.
RowFault = tuple[str, str, str]  # Location, column, message.

LIST = ("value", "spoken", "check")
UNITS = ("value", "unit", "factor", "base")
RULES = ("rule", "on", "hours", "forms")
WORDS = ("form", "field", "as", "means", "word", "language")  # The columns of what is published, by kind.

_BETWEEN = "|"  # Separates alternatives in one cell.
OF_UNITS, OF_RULES, OF_WORDS = ".units", "rules", "words"
"""The kinds that are no list of values: `items.units`, `rules`, `words`."""

LABEL, UNIT = "label", "unit"
"""A word's meaning for a field: it opens it ("door" as "dock"), or is a unit of it ("colli")."""

MOST_WORDS = 200
"""A recogniser gets twenty sentences with each, beside the form's 6000: more would outweigh the form's."""

KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}(?:\.units)?")
"""The name of a kind: a list as its file is, without `.csv`. It becomes part of a topic."""

CODE = re.compile(r"[A-Z0-9]{1,3}")  # A unit's code, as UN/ECE Recommendations 20 and 21 have them.
FACTOR = re.compile(r"(?!0+(?:\.0+)?$)[0-9]{1,9}(?:\.[0-9]{1,6})?")  # More digits than any packing list has.
_SPOKEN = re.compile(r"[a-z]+(?: [a-z]+)*")  # Words in small letters, as a recogniser writes them.
_LETTERS = "[a-zß-öø-ÿœąćęłńśźż]"  # Small ones, of the languages that are read.
_LONGEST_WORD = 60
_CHECK = re.compile(r"(?:[a-z]+|[0-9]+)(?:\|(?:[a-z]+|[0-9]+))*")
"""Each is one word, or digits, which are said one by one or in pairs."""


@dataclass(frozen=True, slots=True)
class MasterData:
    """One kind of master data, as the inventory published it last for a site."""

    site: str
    kind: str  # `docks`, `items.units`, `rules`.
    version: int  # Higher each time.
    rows: tuple[Cells, ...] = field(repr=False)

    @property
    def is_withdrawn(self) -> bool:
        """Whether this master data was withdrawn: devices use their own files again."""
        return not self.rows


@dataclass(frozen=True, slots=True)
class UnitFactor:
    """How many of its base unit one of an item's units holds."""

    base: str  # The code of the base unit.
    factor: Decimal

    def to_base_unit(self, quantity: float) -> ConvertedQuantity | None:
        """Convert to the base unit; None where the result has more digits than a number keeps on the wire."""
        product = to_decimal(quantity) * self.factor
        if len(product.normalize().as_tuple().digits) > DECIMAL_DIGITS or abs(product) >= 10**DECIMAL_DIGITS:
            return None
        return ConvertedQuantity(to_number(product), self.base, to_number(self.factor))


@dataclass(frozen=True, slots=True)
class ConvertedQuantity:
    """A quantity in the base unit of its item."""

    quantity: int | float = field(repr=False)
    uom: str
    factor: int | float  # Multiplies the dictated quantity.


def to_number(value: Decimal) -> int | float:
    """The number as JSON has it: whole without a fraction, else as a double."""
    return int(value) if value == value.to_integral_value() else float(value)


def split_alternatives(cell: str) -> tuple[str, ...]:
    """Split a cell into its alternatives."""
    return tuple(words.strip() for words in cell.split(_BETWEEN) if words.strip())


def value_list_faults(rows: Sequence[Row]) -> Iterator[RowFault]:
    """Validate a list of values."""
    values: set[str] = set()
    spoken: dict[str, str] = {}
    for where, cells in rows:
        value = cells.get("value", "")
        yield from ((where, column, message) for column, message in _value_faults(value, cells))
        if value in values:
            yield where, "value", f"{value!r} stands here a second time"
        values.add(value)
        for words in split_alternatives(cells.get("spoken", "")):
            if spoken.setdefault(words, where) != where:
                yield where, "spoken", f"{words!r} already means the value of {spoken[words]}"


def _value_faults(value: str, cells: Cells) -> Iterator[tuple[str, str]]:
    if not value:
        yield "value", "found nothing; give a value, or remove the line"
    if not is_plain_text(value):
        yield "value", f"{value!r} holds control characters or invisible ones, which no entry may hold"
    for words in split_alternatives(cells.get("spoken", "")):
        if not _SPOKEN.fullmatch(words):
            yield "spoken", f"{words!r} must be words in small letters, alternatives separated by |"
    if (check := cells.get("check", "")) and not _CHECK.fullmatch(check):
        yield "check", f"{check!r} must be one word in small letters, or digits; several: w|w"


def unit_faults(rows: Sequence[Row], listed_values: Collection[str] | None, listed_in: str) -> Iterator[RowFault]:
    """Validate a list of units: each is of one of `listed_values`, with a valid factor, once, and a value has one base.

    None skips the comparison with the list: it is missing, or comes later. `listed_in`: its name, in messages.
    """
    bases: dict[str, tuple[str, str]] = {}
    seen: dict[tuple[str, str], str] = {}
    for where, cells in rows:
        value, unit, base = (cells.get(column, "") for column in ("value", "unit", "base"))
        if listed_values is not None and value not in listed_values:
            yield where, "value", f"{value!r} is not in {listed_in}; add it there"
        yield from ((where, column, message) for column, message in _factor_faults(unit, cells.get("factor", ""), base))
        if seen.setdefault((value, unit), where) != where:
            yield where, "unit", f"{unit!r} of {value!r} stands in {seen[value, unit]} already"
        if bases.setdefault(value, (base, where))[0] != base:
            yield where, "base", f"{base!r}, but {bases[value][0]!r} in {bases[value][1]}; an item has one"


def _factor_faults(unit: str, factor: str, base: str) -> Iterator[tuple[str, str]]:
    for column, code in (("unit", unit), ("base", base)):
        if not CODE.fullmatch(code):
            yield column, f"{code!r} must be a code of one to three capitals and digits: CS"
    if not FACTOR.fullmatch(factor):
        yield "factor", f"{factor!r} must be a number above 0, with 9 digits and 6 places at most: 12"
    elif unit == base and Decimal(factor) != 1:
        yield "factor", f"{factor!r} of the base unit {base!r} itself must be 1"


def word_faults(rows: Sequence[Row]) -> Iterator[RowFault]:
    """Validate a site's words without their forms."""
    seen: dict[tuple[str, ...], str] = {}
    for where, cells in rows[: MOST_WORDS + 1]:
        for column, (allowed, description) in _OF_WORD.items():
            if not allowed.fullmatch(found := cells.get(column, "")):
                yield where, column, f"found {found[:_LONGEST_WORD]!r}; allowed is {description}"
        if cells.get("means") and cells.get("as") == LABEL:
            yield where, "means", "is given for a label, which opens its field and means nothing else; leave it empty"
        known = tuple(cells.get(column, "") for column in ("form", "language", "word"))
        if seen.setdefault(known, where) != where:
            yield where, "word", f"{known[-1]!r} stands in {seen[known]} too; one word means one thing"
    if len(rows) > MOST_WORDS:
        yield rows[MOST_WORDS][0], "word", f"is beyond the {MOST_WORDS} that a site may have; remove what nobody says"


_OF_WORD: Mapping[str, tuple[re.Pattern[str], str]] = {
    "form": (re.compile(r"[a-z0-9][a-z0-9-]{0,62}"), "the name of a form: pallet-move"),
    "field": (re.compile(r"[a-z][a-z0-9_]{0,62}"), "the name of a field of it: dock"),
    "as": (re.compile(f"{LABEL}|{UNIT}"), f"{LABEL} or {UNIT}"),
    # What is longer than four words, or twice as long as the longest of any form, is talk, and no name for a thing.
    "word": (
        re.compile(rf"(?=.{{1,{_LONGEST_WORD}}}$){_LETTERS}+(?:[ '-]{_LETTERS}+){{0,3}}"),
        "words in small letters",
    ),
    "language": (re.compile("[a-z]{2}"), "a code of two letters: en"),
}
"""By column, what may stand there of a word; whether its form has the field and the language, the form says."""
