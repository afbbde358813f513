"""What is pulled from a Tryton: open supplier shipments by trailer, products with their units, employees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.records import ExpectedLine, Operator, PlaceKind, ReceivingPlace
from inventory.connect.ports import TEST, Omitted, Pulled, PulledItem, PulledUnit
from inventory.connect.tryton_books import SHIPMENT, TrytonBooks, TrytonUnit
from inventory.connect.tryton_rpc import Record, RpcSession
from inventory.site.roster import NUMBER

OURS = re.compile(rf"({TEST})?[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")
"""The reference of a shipment that is a posting of ours, begun or declined: it announces nothing."""


class TrytonPull:
    """One look at all of it. Changes nothing there."""

    def __init__(self, books: TrytonBooks, session: RpcSession) -> None:
        self._books = books
        self._session = session

    def pull(self) -> Pulled:
        """Open supplier shipments by trailer, products with their units, employees."""
        omitted: list[Omitted] = []
        items = list(self._items(omitted))
        expected = self._expected(omitted) if self._books.has_packages() else None
        return Pulled(expected, items, list(self._operators(omitted)), omitted)

    def _items(self, omitted: list[Omitted]) -> Iterator[PulledItem]:
        fields = ("code", "rec_name", "default_uom", "default_uom.category", "lot_required")
        units = self._books.units()
        by_id = {one.id: one for one in units}
        for one in self._session.search("product.product", [["type", "=", "goods"]], fields):
            code = one["code"] or ""
            base, codes = by_id[one["default_uom"]], dict(self._books.codes(code, units))
            if not code or base.id not in codes:
                why = "has no code" if not code else f'[tryton] units names no {base.name!r}; add CODE = "{base.name}"'
                omitted.append(Omitted(f"item {code or one['rec_name']}", why))
                continue
            others = tuple(
                PulledUnit(named, Decimal(repr(by_id[unit].factor)) / Decimal(repr(base.factor)))
                for unit, named in codes.items()
                if unit != base.id and by_id[unit].category == base.category
            )
            yield PulledItem(code, one["rec_name"], codes[base.id], others, bool(one.get("lot_required")))

    def _expected(self, omitted: list[Omitted]) -> dict[ReceivingPlace, list[ExpectedLine]]:
        units = self._books.units()
        domain = [["state", "=", "draft"], ["warehouse", "=", self._books.warehouse().id]]
        found: dict[ReceivingPlace, list[ExpectedLine]] = {}
        for shipment in self._session.search(SHIPMENT, domain, ("number", "reference")):
            trailer, told = shipment["reference"] or "", f"shipment {shipment['number']}"
            if OURS.fullmatch(trailer):
                continue
            if not LEVEL.fullmatch(trailer):
                omitted.append(Omitted(told, f"its reference {trailer!r} is no trailer's number"))
                continue
            lines = found.setdefault(ReceivingPlace(PlaceKind.TRAILER, trailer), [])
            for move in self._books.moves_of(shipment["id"]):
                line = self._line_announced(move, shipment["number"], units)
                if isinstance(line, str):
                    omitted.append(Omitted(told, line))
                else:
                    lines.append(line)
        return found

    def _line_announced(self, move: Record, notice: str, units: Iterable[TrytonUnit]) -> ExpectedLine | str:
        pallet, item = (move.get("package.") or {}).get("number"), move["product."]["code"]
        code = dict(self._books.codes(item or "", units)).get(move["unit"])
        if not pallet:
            return f"{item}: is on no package, so no pallet is known by it"
        if not item:
            return f"pallet {pallet}: its product has no code"
        if code is None:
            return f"pallet {pallet}: [tryton] units has no code for the unit of its {item}"
        quantity = move["quantity"]
        amount = int(quantity) if quantity == int(quantity) else quantity
        return ExpectedLine(notice, pallet, item, amount, code, bool(move["product."].get("lot_required")))

    def _operators(self, omitted: list[Omitted]) -> Iterator[Operator]:
        domain = [["company", "=", self._books.company]]
        for one in self._session.search("company.employee", domain, ("party.name", "party.code")):
            name, number = one["party."]["name"], one["party."]["code"] or ""
            if name and NUMBER.fullmatch(number):
                yield Operator(name, number)
            else:
                omitted.append(Omitted(f"employee {name}", f"its code {number!r} is no number of two to six digits"))
