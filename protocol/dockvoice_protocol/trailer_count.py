"""The count of a trailer: what was received against what was announced. Pure.

It imports the standard library alone: the stand-alone verifier of dossiers is built from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

REFUSED = "refused"  # The value of an exception field for goods that were not taken in.

_DIGITS = 15  # Digits that every JSON reader preserves in a number.

DETAILS = ("lot", "expiry", "exception")  # Roles of fields shown with a line as entered.

STATUSES = (
    "as_expected", "over", "short", "missing", "uncounted", "not_comparable", "not_announced", "without_notice",
)  # fmt: skip
"""The possible results of a line."""

_COMPARED = ("as_expected", "over", "short")  # Results from comparing a quantity with a notice.

Units = dict[str, Fraction]  # Quantity by unit code; "" without a unit.


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One item on one pallet, as announced."""

    notice: str  # The number of the notice or the order.
    pallet: str
    item: str
    quantity: int | float = field(repr=False)
    """Never shown to the counting operator: a count must be independent of the expected figure."""
    uom: str  # The unit's code.
    lot_needed: bool
    received: bool = False  # By any device, as far as the inventory had heard when it published the list.


@dataclass(frozen=True, slots=True)
class CountedEntry:
    """A current entry of the trailer."""

    id: str
    kind: str  # Of its form: receipt, damage, closing, other.
    values: Mapping[str, Any]  # By role: pallet, item, quantity, uom, damaged, short, over, exception, lot, expiry.
    converted: Mapping[str, Any] | None = None  # The quantity in the item's base unit: `uom` and `factor`.


def to_fraction(value: object) -> Fraction | None:
    """The exact number; None for other values."""
    return Fraction(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def to_json_number(value: Fraction) -> int | float:
    """The number for JSON: an integer where it is whole, else the nearest double."""
    return value.numerator if value.denominator == 1 else float(value)


def is_exact_json_number(value: Fraction) -> bool:
    """Whether `to_json_number` is exact, within 15 digits."""
    if value.denominator == 1:
        return True
    quotient = Decimal(value.numerator) / Decimal(value.denominator)
    return Fraction(quotient) == value and len(quotient.normalize().as_tuple().digits) <= _DIGITS


def sum_by_unit(parts: Iterable[Units]) -> Units:
    """The sum of these quantities, separately for each unit."""
    total: Units = {}
    for part in parts:
        for unit, quantity in part.items():
            total[unit] = total.get(unit, Fraction(0)) + quantity
    return total


def item_of_entry(named: object, announced: Collection[str]) -> str | None:
    """The item that an entry names, else the only one announced for its pallet."""
    if named is not None:
        return str(named)
    return next(iter(announced)) if len(announced) == 1 else None


def find_missing_lines(
    announced: Iterable[ExpectedLine], named: Collection[tuple[str, str | None]]
) -> list[ExpectedLine]:
    """The lines that are missing: not marked as received, and no entry names their pallet, or only with another item.

    `named`: pallet and item of each entry; an item of None stands for all items of the pallet.
    """
    return [
        line
        for line in announced
        if not line.received and (line.pallet, line.item) not in named and (line.pallet, None) not in named
    ]


class UnitConverter:
    """Conversion factors of items' units; contradictory ones are unknown."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[tuple[str, Fraction]]] = {}

    def add_factor(self, item: str, unit: str, base: str, factor: Fraction) -> None:
        """Add a conversion: one `unit` of the item holds so many of its base unit."""
        self._known.setdefault((item, unit), set()).add((base, factor))
        self._known.setdefault((item, base), set()).add((base, Fraction(1)))

    def factor(self, item: str, unit: str) -> tuple[str, Fraction] | None:
        """The base unit, and the size of this unit in it."""
        found = self._known.get((item, unit), set())
        return next(iter(found)) if len(found) == 1 else None

    def sum_in_base_or_empty(self, item: str | None, units: Units) -> Units:
        """The sum in the base unit; empty if a factor is unknown."""
        found = [None if item is None else self.factor(item, unit) for unit in units]
        known = [one for one in found if one is not None]
        if len(known) < len(found) or len({base for base, _ in known}) != 1:
            return {}
        return sum_by_unit({base: size * units[unit]} for unit, (base, size) in zip(units, known, strict=True))

    def difference(self, item: str | None, present: Units, expected: Units) -> Units:
        """Received minus announced, in the announced unit if possible; empty: not comparable."""
        if present and {*present} == {*expected} and len(expected) == 1 and "" not in expected:
            ((unit, announced),) = expected.items()
            return {unit: present[unit] - announced}
        ours, theirs = self.sum_in_base_or_empty(item, present), self.sum_in_base_or_empty(item, expected)
        if not ours or {*ours} != {*theirs}:
            return {}
        ((base, quantity),) = ours.items()
        more = quantity - theirs[base]
        for unit in expected if len(expected) == 1 else ():
            factor = self.factor(str(item), unit)
            if factor is not None and factor[1] and is_exact_json_number(more / factor[1]):
                return {unit: more / factor[1]}
        return {base: more}


@dataclass
class ItemCount:
    """The announced and received quantities of one item on one pallet."""

    pallet: str
    item: str | None
    notices: set[str] = field(default_factory=set)
    expected: Units = field(default_factory=dict)
    good: Units = field(default_factory=dict)
    damaged: Units = field(default_factory=dict)
    refused: Units = field(default_factory=dict)
    said_short: Units = field(default_factory=dict)
    said_over: Units = field(default_factory=dict)
    damage_reported: Units = field(default_factory=dict)
    entries: list[str] = field(default_factory=list)  # Ids of the receipts.
    uncounted: bool = False  # A receipt has no quantity.
    ambiguous: bool = False  # A receipt of the pallet names none of its items.
    by_notice: bool = False  # The item comes from the notice, since no entry names it.
    details: dict[str, set[str]] = field(default_factory=dict)  # Lots and other details, by role.
    status: str = ""  # One of STATUSES.
    difference: Units = field(default_factory=dict)  # Received minus announced; empty unless the status is _COMPARED.
    base: Units = field(default_factory=dict)  # All received in the item's base unit; empty if that is unknown.

    @property
    def present(self) -> Units:
        """All received quantities, in any condition."""
        return sum_by_unit([self.good, self.damaged, self.refused])

    def add(self, name: str, units: Units) -> None:
        """Add to one of the quantities."""
        setattr(self, name, sum_by_unit([getattr(self, name), units]))


class TrailerCount:
    """The count of one trailer, by pallet and item."""

    def __init__(self, announced: Sequence[ExpectedLine] | None, entries: Iterable[CountedEntry]) -> None:
        """`announced`: the lines of the list; None without a list."""
        self.received: set[str] = set()  # The pallets with a receipt.
        self._announced = announced
        self._found: dict[tuple[str, str | None], ItemCount] = {}
        self._items: dict[str, list[str]] = {}
        self._factors = UnitConverter()
        for one in announced or ():
            line = self._line(one.pallet, one.item)
            line.notices.add(one.notice)
            line.add("expected", {one.uom: to_fraction(one.quantity) or Fraction(0)})
            if one.item not in (items := self._items.setdefault(one.pallet, [])):
                items.append(one.item)
        named = {self._count_entry(entry, str(entry.values["pallet"])) for entry in entries if _is_of_pallet(entry)}
        missing = {(one.pallet, one.item) for one in find_missing_lines(announced or (), named)}
        for at, line in self._found.items():
            self._set_status_and_difference(line, is_missing=at in missing)

    @property
    def lines(self) -> list[ItemCount]:
        """The result for each item on each pallet, in order."""
        return [line for _, line in sorted(self._found.items(), key=lambda at: (at[0][0], at[0][1] or ""))]

    def _line(self, pallet: str, item: str | None) -> ItemCount:
        return self._found.setdefault((pallet, item), ItemCount(pallet, item))

    def _count_entry(self, entry: CountedEntry, pallet: str) -> tuple[str, str | None]:
        """Count one entry of the pallet; return its pallet and item."""
        announced = self._items.get(pallet, [])
        item = item_of_entry(entry.values.get("item"), announced)
        if entry.kind == "damage":
            self._line(pallet, item).add("damage_reported", _units_of_role(entry, "quantity"))
        if entry.kind == "receipt":
            self.received.add(pallet)
            self._add_receipt(self._line(pallet, item), entry)
            for other in announced if item is None else ():
                self._line(pallet, other).ambiguous = self._line(pallet, None).ambiguous = True
        return pallet, item

    def _add_receipt(self, line: ItemCount, entry: CountedEntry) -> None:
        values, counted = entry.values, _units_of_role(entry, "quantity")
        line.entries.append(entry.id)
        line.by_notice = line.by_notice or (values.get("item") is None and line.item is not None)
        for role in DETAILS:
            if values.get(role) is not None:
                line.details.setdefault(role, set()).add(str(values[role]))
        line.uncounted = line.uncounted or not counted
        line.add("refused" if values.get("exception") == REFUSED else "good", counted)
        for name, role in (("damaged", "damaged"), ("said_short", "short"), ("said_over", "over")):
            line.add(name, _units_of_role(entry, role))
        unit, known = values.get("uom"), entry.converted
        if (
            line.item is not None
            and unit is not None
            and known is not None
            and (factor := to_fraction(known["factor"]))
        ):
            self._factors.add_factor(line.item, str(unit), str(known["uom"]), factor)

    def _set_status_and_difference(self, line: ItemCount, *, is_missing: bool) -> None:
        line.base = self._factors.sum_in_base_or_empty(line.item, line.present)
        if line.expected and line.entries:
            found = self._factors.difference(line.item, line.present, line.expected)
        else:
            found = {}
        line.status = next(
            self._statuses_weightiest_first(line, next(iter(found.values()), None), is_missing=is_missing)
        )
        line.difference = found if line.status in _COMPARED else {}

    def _statuses_weightiest_first(
        self, line: ItemCount, difference: Fraction | None, *, is_missing: bool
    ) -> Iterator[str]:
        """The result codes of a line of the count (missing, over, short), the weightiest first."""
        if not line.entries:
            yield "not_comparable" if line.ambiguous else "missing" if is_missing else "uncounted"
        if line.uncounted:
            yield "uncounted"
        if line.ambiguous:
            yield "not_comparable"
        if not line.expected:
            yield "without_notice" if self._announced is None else "not_announced"
        if difference is None:
            yield "not_comparable"
        yield "as_expected" if not difference else "over" if difference > 0 else "short"


def _is_of_pallet(entry: CountedEntry) -> bool:
    return entry.kind != "closing" and entry.values.get("pallet") is not None


def _units_of_role(entry: CountedEntry, role: str) -> Units:
    quantity, unit = to_fraction(entry.values.get(role)), entry.values.get("uom")
    return {} if quantity is None else {"" if unit is None else str(unit): quantity}
