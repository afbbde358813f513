"""Expectations: utterances compared with the lists of expected receipts. Pure, and blind: no figure leaves it.

A list can only lead to a question: the operator sees the pallet and may know better. Without a list nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import ExpectedLine, ExpectedList, FieldValue, PlaceKind, ReceivingPlace
from dockvoice_protocol.trailer_count import Factors, as_fraction
from edge.records import Reason


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

    def only_pallet_as_not_received(self, pallet: str) -> Expectations:
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


def find_objections(
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


def where_expected(values: Mapping[str, FieldValue], form: Form, expected: Expectations) -> dict[str, FieldValue]:
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
    unit = form.unit_in(counted, values)
    came = [as_fraction(values[counted]), as_fraction(values.get(form.expects.get(FieldRole.DAMAGED, ""), 0))]
    counts = [one for one in came if one is not None]
    if len(lines) != 1 or len(counts) != len(came) or unit is None:
        return False
    (line,), known, name = lines, Factors(), form.expects.get(FieldRole.ITEM)
    of = None if name is None else form[name].catalogue
    for one in {str(unit), line.uom}:
        if (factor := catalogue.factor(of, line.item, one)) is not None:
            known.learn(line.item, one, factor.base, Fraction(factor.factor))
    announced = {line.uom: as_fraction(line.quantity) or Fraction(0)}
    if difference := known.difference(line.item, {str(unit): sum(counts, Fraction(0))}, announced):
        return any(difference.values())
    # In another base unit nothing can be compared.
    return known.factor(line.item, line.uom) is not None and known.factor(line.item, str(unit)) is None
