"""Receipt totals: the entries of a trailer or a door, summed and compared with the expected receipts. Pure.

Blind, as `expectations`: missing pallets may be told, expected quantities never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dockvoice_protocol.forms.model import Expects, Form, FormField
from dockvoice_protocol.records import FieldValue, PlaceKind, ReceivingPlace, to_decimal
from edge.agree.expectations import PLACES, Expectations
from edge.records import StandingEntry

REFUSED = "refused"
"""The value of a condition field for goods that were not taken in: counted as a condition, and left out of the sums."""

MOST_ITEMS = 3  # Totals of more items are too long to listen to: they are given by unit alone.


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of entries."""

    things: int  # Pallets; for a form without a pallet field, entries.
    refused: int  # Entries that the inventory refused.
    counts: tuple[Mapping[str, FieldValue], ...] = field(default=(), repr=False)
    """In the form's own fields: "240 cases of A100, 2 damaged", "12 pieces of A200"."""
    conditions: tuple[tuple[str, FieldValue, int], ...] = field(default=(), repr=False)
    """By condition field and value, the number of entries."""


def place_field(form: Form, kind: PlaceKind) -> FormField | None:
    """The form's field for a trailer, or a door; None if it has none."""
    name = next((form.place_field(part) for part, other in PLACES.items() if other is kind), None)
    return None if name is None else form[name]


def pallet_field(form: Form) -> str | None:
    """The field that names a pallet; None for a form about the trailer itself, such as its temperatures."""
    first = next(iter(form.identifies), None)
    places = {form.place_field(part) for part in PLACES}
    return form.expects.get(Expects.PALLET) or (None if first in places else first)


def named_place(form: Form, values: Mapping[str, FieldValue]) -> ReceivingPlace | None:
    """The trailer, else the door, that the values name."""
    for kind in (PlaceKind.TRAILER, PlaceKind.DOOR):
        named = place_field(form, kind)
        if named is not None and named.name in values:
            return ReceivingPlace(kind, str(values[named.name]))
    return None


def entries_at_place(entries: Iterable[StandingEntry], form: Form, place: ReceivingPlace) -> tuple[StandingEntry, ...]:
    """The form's entries at a place, including refused ones."""
    named = place_field(form, place.kind)
    if named is None:
        return ()
    return tuple(one for one in entries if one.form == form.name and one.fields.get(named.name) == place.name)


def sum_entries(entries: Sequence[StandingEntry], form: Form, expected: Expectations) -> Sums:
    """The totals by item, unit and condition."""
    standing = [one.fields for one in entries if not one.refused]
    stand = [fields for fields in standing if not _is_turned_away(fields, form)]
    items = [_find_item(fields, form, expected) for fields in stand]
    by_item = len(set(items)) <= MOST_ITEMS and None not in items
    groups: dict[FieldValue | None, list[Mapping[str, FieldValue]]] = {}
    for fields, item in zip(stand, items, strict=True):
        groups.setdefault(item if by_item else None, []).append(fields)
    counts = [count for item, group in groups.items() for count in _counts(item, group, form)]
    pallet = pallet_field(form)
    things = len(stand) if pallet is None else len({fields.get(pallet) for fields in stand})
    return Sums(things, len(entries) - len(standing), tuple(counts), _count_conditions(standing, form))


def _is_turned_away(fields: Mapping[str, FieldValue], form: Form) -> bool:
    return any(fields.get(one.name) == REFUSED for one in _condition_fields(form))


def _find_item(fields: Mapping[str, FieldValue], form: Form, expected: Expectations) -> FieldValue | None:
    """The item that an entry names, or the only one expected on its pallet; else None."""
    item, pallet = (form.expects.get(part) for part in (Expects.ITEM, Expects.PALLET))
    if item is None:
        return None
    if item in fields:
        return fields[item]
    announced = {line.item for _, line in expected.lines_for_pallet(str(fields.get(str(pallet))))}
    return next(iter(announced)) if len(announced) == 1 else None


def _counts(
    item: FieldValue | None, group: Sequence[Mapping[str, FieldValue]], form: Form
) -> Iterable[dict[str, FieldValue]]:
    """One total for each unit of the quantity; other counts, "two damaged", have the unit of their entry."""
    quantity = form.expects.get(Expects.QUANTITY)
    # Measurements, such as temperatures, do not add up.
    counted = [one for one in form.fields if one.many is None and _is_summable(one, quantity)]
    main = next((one for one in counted if one.name == quantity), next(iter(counted), None))
    if main is None:
        return
    unit = form.unit_field(main.name)
    of_unit: dict[FieldValue | None, list[Mapping[str, FieldValue]]] = {}
    for fields in group:
        of_unit.setdefault(form.unit_in(main.name, fields), []).append(fields)
    named = {} if item is None else {form.expects[Expects.ITEM]: item}
    for code, entries in of_unit.items():
        said = {one.name: [fields[one.name] for fields in entries if one.name in fields] for one in counted}
        sums = {
            name: _sum_exactly(values) for name, values in said.items() if values and (name == main.name or any(values))
        }
        if sums:
            yield {**named, **sums, **({} if unit is None or code is None else {unit.name: code})}


def _is_summable(field: FormField, quantity: str | None) -> bool:
    return field.spoken.counts or (field.spoken.measures and field.name == quantity)


def _sum_exactly(values: Iterable[FieldValue]) -> int | float:
    """The exact decimal sum: as doubles, 0.1 + 0.2 is not 0.3."""
    total = sum((to_decimal(one) for one in values if isinstance(one, int | float)), Decimal())
    return int(total) if total == total.to_integral_value() else float(total)


def _count_conditions(stand: Sequence[Mapping[str, FieldValue]], form: Form) -> tuple[tuple[str, FieldValue, int], ...]:
    """For each condition field and value, how many entries have it."""
    told = ((one.name, value) for one in _condition_fields(form) for value in one.choices)
    found = ((name, value, sum(fields.get(name) == value for fields in stand)) for name, value in told)
    return tuple(row for row in found if row[2])


def _condition_fields(form: Form) -> list[FormField]:
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
    lines, pallet = expected.lines_at(place), form.expects.get(Expects.PALLET)
    if not lines or pallet is None:
        return None
    here = {one.fields.get(pallet) for one in entries if one.form == form.name and not one.refused}
    owed = dict.fromkeys(line.pallet for line in lines if not line.received)
    return tuple(one for one in owed if one not in here)


def find_by_last_digits(said: str, known: Iterable[str], fewest: int) -> tuple[str, ...]:
    """The known values that end with `said`; only `said` if it is known, too short, or matches none."""
    there = dict.fromkeys(known)
    if said in there or len(said) < fewest:
        return (said,)
    return tuple(one for one in there if one.endswith(said)) or (said,)
