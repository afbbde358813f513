"""Receipt totals: the entries of a trailer or a door, summed and compared with the expected receipts. Pure.

Blind, as `expectations`: missing pallets may be told, expected quantities never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.records import FieldValue, PlaceKind, ReceivingPlace
from dockvoice_protocol.trailer_count import REFUSED, as_fraction, as_number, entry_item, find_missing, sum_units
from edge.agree.expectations import Expectations
from edge.records import StandingEntry

_MOST_ITEMS = 3  # Totals of more items are too long to listen to: they are given by unit alone.


@dataclass(frozen=True, slots=True)
class Sums:
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


def sum_entries(entries: Sequence[StandingEntry], form: Form, expected: Expectations) -> Sums:
    """The totals by item, unit and condition."""
    standing = [one.fields for one in entries if not one.refused]
    stand = [fields for fields in standing if not _is_turned_away(fields, form)]
    items = [_find_item(fields, form, expected) for fields in stand]
    by_item = len(set(items)) <= _MOST_ITEMS and None not in items
    groups: dict[FieldValue | None, list[Mapping[str, FieldValue]]] = {}
    for fields, item in zip(stand, items, strict=True):
        groups.setdefault(item if by_item else None, []).append(fields)
    counts = [count for item, group in groups.items() for count in _total_by_unit(item, group, form)]
    pallet = form.roles.get(FieldRole.PALLET)
    things = len(stand) if pallet is None else len({fields.get(pallet) for fields in stand})
    return Sums(things, len(entries) - len(standing), tuple(counts), _count_conditions(standing, form))


def _is_turned_away(fields: Mapping[str, FieldValue], form: Form) -> bool:
    return any(fields.get(one.name) == REFUSED for one in _condition_fields(form))


def _find_item(fields: Mapping[str, FieldValue], form: Form, expected: Expectations) -> FieldValue | None:
    """The item that an entry names, or the only one expected on its pallet; else None."""
    item, pallet = (form.expects.get(part) for part in (FieldRole.ITEM, FieldRole.PALLET))
    if item is None:
        return None
    lines = expected.lines_for_pallet(str(fields.get(str(pallet))))
    return entry_item(fields.get(item), {line.item for _, line in lines})


def _total_by_unit(
    item: FieldValue | None, group: Sequence[Mapping[str, FieldValue]], form: Form
) -> Iterable[dict[str, FieldValue]]:
    """One total for each unit of the quantity; other counts, "two damaged", have the unit of their entry."""
    quantity = form.expects.get(FieldRole.QUANTITY)
    # Measurements, such as temperatures, do not add up.
    counted = [one for one in form.fields if one.many is None and _is_summable(one, quantity)]
    main = next((one for one in counted if one.name == quantity), next(iter(counted), None))
    if main is None:
        return
    unit = form.unit_field(main.name)
    codes = [form.unit_in(main.name, fields) or "" for fields in group]
    named = {} if item is None else {form.expects[FieldRole.ITEM]: item}
    totals = {
        one.name: sum_units(
            {str(code): count}
            for code, fields in zip(codes, group, strict=True)
            if (count := as_fraction(fields.get(one.name))) is not None
        )
        for one in counted
    }
    for code in dict.fromkeys(codes):
        sums = {name: units.get(str(code)) for name, units in totals.items()}
        told = {name: as_number(n) for name, n in sums.items() if n or (n is not None and name == main.name)}
        if told:
            yield {**named, **told, **({} if unit is None or not code else {unit.name: code})}


def _is_summable(field: FormField, quantity: str | None) -> bool:
    return field.spoken.counts or (field.spoken.measures and field.name == quantity)


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
    lines, pallet = expected.lines_at(place), form.expects.get(FieldRole.PALLET)
    if not lines or pallet is None:
        return None
    # By pallet, as the inventory marks the lines: an entry of one item counts for all items of its pallet.
    here = {(str(one.fields.get(pallet)), None) for one in entries if one.form == form.name and not one.refused}
    return tuple(dict.fromkeys(line.pallet for line in find_missing(lines, here)))


def find_by_last_digits(said: str, known: Iterable[str], fewest: int) -> tuple[str, ...]:
    """The known values that end with `said`; only `said` if it is known, too short, or matches none."""
    there = dict.fromkeys(known)
    if said in there or len(said) < fewest:
        return (said,)
    return tuple(one for one in there if one.endswith(said)) or (said,)
