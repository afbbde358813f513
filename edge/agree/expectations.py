"""Expected receipts: what was received is compared with their lists, one entry at a time or in total. Pure.

Blind: missing pallets may be announced, expected quantities never. A list can only lead to a question: the operator
sees the pallet and may know better. Without a list nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.records import ExpectedLine, ExpectedList, FieldValue, PlaceKind, ReceivingPlace
from dockvoice_protocol.trailer_count import (
    REFUSED,
    UnitConverter,
    find_missing_lines,
    item_of_entry,
    sum_by_unit,
    to_fraction,
    to_json_number,
)
from edge.records import Reason, StandingEntry


class Expectations:
    """The expected receipts of all trailers and doors."""

    def __init__(self, lists: Iterable[ExpectedList] = ()) -> None:
        """Withdrawn lists have no lines."""
        self._lists = tuple(one for one in lists if one.lines)
        self._at: dict[ReceivingPlace, tuple[ExpectedLine, ...]] = {one.place: one.lines for one in self._lists}
        self._by_pallet: dict[str, list[tuple[ReceivingPlace, ExpectedLine]]] = {}
        for place, lines in self._at.items():
            for line in lines:
                self._by_pallet.setdefault(line.pallet, []).append((place, line))

    def lines_for_pallet(self, pallet: str) -> tuple[tuple[ReceivingPlace, ExpectedLine], ...]:
        """The lines expected on a pallet, each with its place."""
        return tuple(self._by_pallet.get(pallet, ()))

    def lines_at(self, place: ReceivingPlace) -> tuple[ExpectedLine, ...]:
        """The lines expected at a place; empty if there are none."""
        return self._at.get(place, ())

    def reduced_to_unreceived_pallet(self, pallet: str) -> Expectations:
        """A copy in which this pallet counts as not yet received, with its lines only."""
        lines = ((one, [line for line in one.lines if line.pallet == pallet]) for one in self._lists)
        return Expectations(
            replace(one, lines=tuple(replace(line, received=False) for line in of)) for one, of in lines
        )

    @property
    def places(self) -> tuple[ReceivingPlace, ...]:
        """The places with expected receipts."""
        return tuple(self._at)


NOTHING_EXPECTED = Expectations()


def find_contradicted_fields(
    values: Mapping[str, FieldValue], form: Form, catalogue: Catalogue, expected: Expectations
) -> dict[str, Reason]:
    """The reason to ask about each field that a list contradicts.

    For a pallet at the wrong place only that is asked: its count has no line to compare with.
    """
    named = form.expects.get(FieldRole.PALLET)
    pallet = None if named is None else values.get(named)
    if named is None or pallet is None or not expected.places:
        return {}
    if (reason := _object_to_place(str(pallet), _list_named_places(values, form), expected)) is not None:
        return {named: reason}
    lines, asked = _lines_for_count(str(pallet), values, form, expected), {}
    item = form.expects.get(FieldRole.ITEM)
    if item is not None and item in values and not lines and expected.lines_for_pallet(str(pallet)):
        asked[item] = Reason.NOT_EXPECTED
    if item is not None and item not in values and len({line.item for line in lines}) > 1:
        asked[item] = Reason.FIELD_MISSING  # the count alone does not tell the item
    lot, counted = form.expects.get(FieldRole.LOT), form.expects.get(FieldRole.QUANTITY)
    if lot is not None and lot not in values and lines and all(line.lot_needed for line in lines):
        asked[lot] = Reason.FIELD_MISSING
    if counted is not None and counted in values and _count_differs(counted, lines, values, form, catalogue):
        asked[counted] = Reason.COUNT_DIFFERS
    return asked


def find_expected_place(values: Mapping[str, FieldValue], form: Form, expected: Expectations) -> dict[str, FieldValue]:
    """The form's field and value of the place where the pallet is expected and not received; empty if there is none."""
    lines = expected.lines_for_pallet(str(values.get(form.expects.get(FieldRole.PALLET, ""))))
    announced = ((form.roles.get(FieldRole(place.kind)), place.name) for place, line in lines if not line.received)
    return next(({field: name} for field, name in announced if field is not None), {})


def _list_named_places(values: Mapping[str, FieldValue], form: Form) -> set[ReceivingPlace]:
    """The places that the values name."""
    named = {kind: values.get(form.expects.get(FieldRole(kind), "")) for kind in PlaceKind}
    return {ReceivingPlace(kind, str(name)) for kind, name in named.items() if name is not None}


def _object_to_place(pallet: str, here: set[ReceivingPlace], expected: Expectations) -> Reason | None:
    found = expected.lines_for_pallet(pallet)
    announced = {place for place in here if expected.lines_at(place)}
    if not found:
        # Without a list for the place, the pallet cannot be on one.
        return Reason.NOT_EXPECTED if announced or not here else None
    if all(line.received for _, line in found):
        return Reason.ALREADY_RECEIVED
    kinds = {place.kind for place in here}
    elsewhere = {place for place, _ in found if place.kind in kinds}
    return Reason.EXPECTED_ELSEWHERE if elsewhere and not elsewhere & here else None


def _lines_for_count(
    pallet: str, values: Mapping[str, FieldValue], form: Form, expected: Expectations
) -> tuple[ExpectedLine, ...]:
    """The lines that a count belongs to: those of its item, where the form has an item field."""
    item = values.get(form.expects.get(FieldRole.ITEM, ""))
    lines = tuple(line for _, line in expected.lines_for_pallet(pallet))
    return lines if item is None else tuple(line for line in lines if line.item == item)


def _count_differs(
    counted: str, lines: tuple[ExpectedLine, ...], values: Mapping[str, FieldValue], form: Form, catalogue: Catalogue
) -> bool:
    """Whether a count differs from the expected one; a unit that the item does not have may be misheard, and differs.

    Unknown, so False: several lines, no unit, or no conversion of the expected unit.
    """
    unit = form.unit_code_in(counted, values)
    came = [to_fraction(values[counted]), to_fraction(values.get(form.expects.get(FieldRole.DAMAGED, ""), 0))]
    counts = [one for one in came if one is not None]
    if len(lines) != 1 or len(counts) != len(came) or unit is None:
        return False
    (line,), known, name = lines, UnitConverter(), form.expects.get(FieldRole.ITEM)
    of = None if name is None else form[name].catalogue
    for one in {str(unit), line.uom}:
        if (factor := catalogue.factor(of, line.item, one)) is not None:
            known.add_factor(line.item, one, factor.base, Fraction(factor.factor))
    announced = {line.uom: to_fraction(line.quantity) or Fraction(0)}
    if difference := known.difference(line.item, {str(unit): sum(counts, Fraction(0))}, announced):
        return any(difference.values())
    # In another base unit nothing can be compared.
    return known.factor(line.item, line.uom) is not None and known.factor(line.item, str(unit)) is None


_MOST_ITEMS = 3  # Totals of more items are too long to listen to: they are given by unit alone.


@dataclass(frozen=True, slots=True)
class EntryTotals:
    """The totals of a place's entries."""

    things: int  # Pallets; for a form without a pallet field, entries.
    refused: int  # Entries that the inventory refused.
    counts: tuple[Mapping[str, FieldValue], ...] = field(default=(), repr=False)
    """In the form's own fields: "240 cases of A100, 2 damaged", "12 pieces of A200"."""
    conditions: tuple[tuple[str, FieldValue, int], ...] = field(default=(), repr=False)
    """By condition field and value, the number of entries."""


def named_place(form: Form, values: Mapping[str, FieldValue]) -> ReceivingPlace | None:
    """The trailer, else the door, that the values name."""
    for kind in (PlaceKind.TRAILER, PlaceKind.DOOR):
        if (name := form.roles.get(FieldRole(kind))) is not None and name in values:
            return ReceivingPlace(kind, str(values[name]))
    return None


def entries_at_place(entries: Iterable[StandingEntry], form: Form, place: ReceivingPlace) -> tuple[StandingEntry, ...]:
    """The form's entries at a place, including refused ones."""
    name = form.roles.get(FieldRole(place.kind))
    if name is None:
        return ()
    return tuple(one for one in entries if one.form == form.name and one.fields.get(name) == place.name)


def sum_entries(entries: Sequence[StandingEntry], form: Form, expected: Expectations) -> EntryTotals:
    """The totals by item, unit and condition."""
    standing = [one.fields for one in entries if not one.refused]
    conditions = list_condition_fields(form)
    stand = [fields for fields in standing if not any(fields.get(one.name) == REFUSED for one in conditions)]
    items = [_find_item(fields, form, expected) for fields in stand]
    by_item = len(set(items)) <= _MOST_ITEMS and None not in items
    groups: dict[FieldValue | None, list[Mapping[str, FieldValue]]] = {}
    for fields, item in zip(stand, items, strict=True):
        groups.setdefault(item if by_item else None, []).append(fields)
    counts = [count for item, group in groups.items() for count in _total_by_unit(item, group, form)]
    pallet = form.roles.get(FieldRole.PALLET)
    things = len(stand) if pallet is None else len({fields.get(pallet) for fields in stand})
    return EntryTotals(things, len(entries) - len(standing), tuple(counts), _count_conditions(standing, form))


def _find_item(fields: Mapping[str, FieldValue], form: Form, expected: Expectations) -> FieldValue | None:
    """The item that an entry names, or the only one expected on its pallet; else None."""
    item, pallet = (form.expects.get(part) for part in (FieldRole.ITEM, FieldRole.PALLET))
    if item is None:
        return None
    lines = expected.lines_for_pallet(str(fields.get(str(pallet))))
    return item_of_entry(fields.get(item), {line.item for _, line in lines})


def _total_by_unit(
    item: FieldValue | None, group: Sequence[Mapping[str, FieldValue]], form: Form
) -> Iterable[dict[str, FieldValue]]:
    """One total for each unit of the quantity; other counts, "two damaged", have the unit of their entry."""
    quantity = form.expects.get(FieldRole.QUANTITY)
    # Measurements, such as temperatures, do not add up.
    counted = [
        one
        for one in form.fields
        if one.many is None and (one.spoken.counts or (one.spoken.measures and one.name == quantity))
    ]
    main = next((one for one in counted if one.name == quantity), next(iter(counted), None))
    if main is None:
        return
    unit = form.unit_field(main.name)
    codes = [form.unit_code_in(main.name, fields) or "" for fields in group]
    named = {} if item is None else {form.expects[FieldRole.ITEM]: item}
    totals = {
        one.name: sum_by_unit(
            {str(code): count}
            for code, fields in zip(codes, group, strict=True)
            if (count := to_fraction(fields.get(one.name))) is not None
        )
        for one in counted
    }
    for code in dict.fromkeys(codes):
        sums = {name: units.get(str(code)) for name, units in totals.items()}
        counts = {name: to_json_number(n) for name, n in sums.items() if n or (n is not None and name == main.name)}
        if counts:
            yield {**named, **counts, **({} if unit is None or not code else {unit.name: code})}


def _count_conditions(stand: Sequence[Mapping[str, FieldValue]], form: Form) -> tuple[tuple[str, FieldValue, int], ...]:
    """For each condition field and value, how many entries have it."""
    conditions = ((one.name, value) for one in list_condition_fields(form) for value in one.choices)
    found = ((name, value, sum(fields.get(name) == value for fields in stand)) for name, value in conditions)
    return tuple(row for row in found if row[2])


def list_condition_fields(form: Form) -> list[FormField]:
    """The fields that describe a condition of the whole, such as "wet"; an identifying field is none."""
    return [
        one
        for one in form.fields
        if one.choices and one.unit_of is None and (one.exception or one.bare) and one.name not in form.identifies
    ]


def find_missing_pallets(
    place: ReceivingPlace, expected: Expectations, form: Form, entries: Iterable[StandingEntry]
) -> tuple[str, ...] | None:
    """The pallets expected at a place that were not received, as far as this device knows.

    None if nothing is expected there. An entry of this device counts at whichever place it was recorded.
    """
    lines, pallet = expected.lines_at(place), form.expects.get(FieldRole.PALLET)
    if not lines or pallet is None:
        return None
    # By pallet, as the inventory marks the lines: an entry of one item counts for all items of its pallet.
    here = {(str(one.fields.get(pallet)), None) for one in entries if one.form == form.name and not one.refused}
    return tuple(dict.fromkeys(line.pallet for line in find_missing_lines(lines, here)))


def find_by_last_digits(text: str, known_values: Iterable[str], fewest: int) -> tuple[str, ...]:
    """The known values that end with `text`; only `text` if it is known, too short, or matches none."""
    there = dict.fromkeys(known_values)
    if text in there or len(text) < fewest:
        return (text,)
    return tuple(one for one in there if one.endswith(text)) or (text,)
