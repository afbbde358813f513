"""Tryton: each pallet is a supplier shipment of its own, received and done, under the id of its event.

If the pallet was announced (as a package on a supplier shipment that is still a draft), the new shipment has that
supplier and price; else the supplier of the settings and the product's cost. The announcing shipment stays unchanged:
Tryton cannot move a stock move from one shipment to another. A reversal is a supplier return.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import httpx

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.records import ExpectedLine, Operator, PlaceKind, ReceivingPlace
from inventory.connect.ports import (
    TEST_REFERENCE_PREFIX,
    Away,
    Connector,
    Declined,
    DeclineReason,
    Document,
    DocumentState,
    Omission,
    Posting,
    PulledData,
    PulledItem,
    PulledUnit,
    ReversalReason,
    SettingMissing,
)
from inventory.connect.settings import ConnectionSettings
from inventory.connect.tryton_rpc import (
    MOVE,
    SHIPMENT,
    Record,
    RpcSession,
    TrytonLine,
    TrytonLookups,
    TrytonProduct,
    TrytonSettings,
    TrytonUnit,
)
from inventory.site.roster import OPERATOR_NUMBER

_RETURN = "stock.shipment.in.return"

_STATES = {
    "draft": DocumentState.DRAFT,
    "received": DocumentState.DRAFT,  # Received at the dock there, and not put away yet.
    "done": DocumentState.DONE,
    "cancelled": DocumentState.REVERSED,
}


class TrytonConnection(ConnectionSettings):
    """A connector to a Tryton."""

    tryton: TrytonSettings

    def connector(self) -> Tryton:
        """Create the connector."""
        return Tryton(self.tryton)


class Tryton(Connector):
    """Connector to one Tryton database."""

    def __init__(self, settings: TrytonSettings, transport: httpx.BaseTransport | None = None) -> None:
        """Makes no request yet."""
        password = settings.password.get_secret_value()
        address = (settings.url, settings.database, settings.user, password)
        self._settings = settings
        self._session = RpcSession(*address, settings.timeout_s, transport)
        self._lookups = TrytonLookups(settings, self._session)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def describe_system(self) -> str:
        """Version, address and packages; signs on and checks the known names. Raises Misconfigured, Away."""
        version = self._session.version()
        self._session.sign_on()
        self._lookups.demand_known_names()
        packages = "with packages" if self._lookups.has_packages() else "without packages: no pallet is announced there"
        return f"Tryton {version} at {self._session.where}, {packages}"

    # Finding

    def find(self, posting: Posting) -> Sequence[Document]:
        """The supplier shipments with the posting's reference; REVERSED if their return is done."""
        reference = posting.reference
        shipments = self._session.search(SHIPMENT, [["reference", "=", reference]], ("number", "state"))
        if not shipments:
            return ()
        returns = self._session.search(_RETURN, [["reference", "like", f"{reference} %"]], ("reference", "state"))
        back = {one["reference"] for one in returns if one["state"] == "done"}
        return [_to_document(one, is_back=_return_reference(reference, one) in back) for one in shipments]

    # Posting

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Create the posting's shipment, or use the draft; then receive and do it."""
        shipment = _id_of(draft) if draft is not None else self._create_shipment(posting)
        try:
            return self._complete(shipment)
        except Declined as why:
            raise self._with_reason(why, posting) from None

    def _create_shipment(self, posting: Posting) -> int:
        line = self._lookups.translate_line(posting)
        values, warehouse = (
            {"reference": posting.reference, "company": self._lookups.company},
            self._lookups.warehouse(),
        )
        announced = self._find_announcing_move(posting, line.product)
        at = {"warehouse": warehouse.id, "warehouse_input": warehouse.input, "warehouse_storage": warehouse.storage}
        if line.place is not None:  # goods unloaded to a configured place stay there: no put-away follows
            at |= {"warehouse_input": line.place, "warehouse_storage": line.place}
        said = {"unit": line.unit.id, "quantity": line.quantity, "lot": line.lot}
        if announced is not None:
            supplier = self._lookups.read(SHIPMENT, _parse_id(announced["shipment"]), "supplier")["supplier"]
            bought = {name: announced[name] for name in ("unit_price", "currency", "from_location", "origin")}
        else:
            supplier, bought = self._supplier_and_price(posting, line)
        own = {"product": line.product.id, "company": self._lookups.company, "to_location": at["warehouse_input"]}
        moves = [["create", [said | own | bought]]]
        return self._create_draft(SHIPMENT, {**values, **at, "supplier": supplier, "moves": moves})[0]

    def _create_draft(self, model: str, values: Record) -> list[int]:
        """Create a draft; the ids of all drafts with this reference, several after a duplicate call.

        Its answer is ignored.
        """
        self._session.call(model, "create", [values])
        wanted = [["reference", "=", values["reference"]], ["state", "=", "draft"]]
        if not (found := self._session.search(model, wanted, ("state",))):
            raise Away(f"the answer was that {model} {values['reference']} is made, and it is not there")
        return [int(one["id"]) for one in found]

    def _complete(self, shipment: int) -> Document:
        for state, button in (("draft", "receive"), ("received", "do")):
            self._press(SHIPMENT, shipment, state, button)
        return _to_document(self._lookups.read(SHIPMENT, shipment, "number", "state"))

    def _press(self, model: str, record: int, state: str, button: str) -> None:
        """Press the button if the record is in this state."""
        if self._state(model, record) != state:
            return
        try:
            self._session.call(model, button, [record])
        except Declined:  # also raised for a duplicate of a call that succeeded
            if self._state(model, record) == state:
                raise

    def _state(self, model: str, record: int) -> str:
        return str(self._lookups.read(model, record, "state")["state"])

    def _find_announcing_move(self, posting: Posting, product: TrytonProduct) -> Record | None:
        """The stock move that announces the pallet, on a draft supplier shipment."""
        if posting.pallet is None or not self._lookups.has_packages():
            return None
        domain: list[Any] = [
            ["state", "=", "draft"],
            ["package.number", "=", posting.pallet],
            ["product", "=", product.id],
            ["shipment.state", "=", "draft", SHIPMENT],
        ]
        if posting.trailer is not None:
            domain.append(["shipment.reference", "=", posting.trailer, SHIPMENT])
        wanted = ("shipment", "unit_price", "currency", "from_location", "origin")
        found = self._session.search(MOVE, domain, wanted)
        if len(found) > 1:
            raise Declined(
                DeclineReason.OTHER, f"pallet {posting.pallet}: {posting.item} is announced {len(found)} times for it"
            )
        return found[0] if found else None

    def _supplier_and_price(self, posting: Posting, line: TrytonLine) -> tuple[int, Record]:
        """The supplier's id and the price of unannounced goods: those of the replaced shipment, or of the settings."""
        if posting.amends is not None:
            before = self._session.search(SHIPMENT, [["reference", "=", posting.amends]], ("supplier",))
            for one in before[-1:]:
                move = self._lookups.moves_of(one["id"])[:1]
                if move and move[0]["product"] == line.product.id:
                    kept = {name: move[0][name] for name in ("unit_price", "currency", "from_location")}
                    if move[0]["unit"] == line.unit.id:
                        return int(one["supplier"]), kept | {"origin": move[0]["origin"]}
        code = self._settings.supplier
        if code is None:
            named = f"pallet {posting.pallet}" if posting.pallet else "it"
            raise SettingMissing(
                DeclineReason.ORDER_UNKNOWN,
                f"{named} is announced on no open supplier shipment there, and [tryton] supplier names no party",
            )
        found = self._lookups.parties(code)
        if len(found) != 1:
            raise SettingMissing(
                DeclineReason.ORDER_UNKNOWN, f"supplier {code!r}, which [tryton] supplier names: {len(found)} there"
            )
        factor = next(one.factor for one in self._lookups.units() if one.id == line.product.unit)
        price = (line.product.cost * Decimal(repr(line.unit.factor)) / Decimal(repr(factor))).quantize(
            Decimal("0.0001")
        )
        (company,) = self._session.search("company.company", [["id", "=", self._lookups.company]], ("currency",))
        bought = {"unit_price": price, "currency": company["currency"]}
        return int(found[0]["id"]), bought | {"from_location": found[0]["supplier_location"]}

    def _with_reason(self, why: Declined, posting: Posting) -> Declined:
        """The error with a reason code: LOT_MISSING if the item needs a lot and the entry has none."""
        if posting.lot is None and self._lookups.find_product(posting.item).lot_needed:
            return Declined(DeclineReason.LOT_MISSING, str(why))
        return why

    def pull(self) -> PulledData:
        """Announced shipments, items and operators."""
        return _TrytonPull(self._lookups, self._session).pull()

    # Reversing

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        """Cancel the draft, or return what was received."""
        shipment = _id_of(document)
        found = self._lookups.read(SHIPMENT, shipment, "number", "state", "supplier", "warehouse_storage")
        if found["state"] == "draft":
            self._press(SHIPMENT, shipment, "draft", "cancel")
            return _to_document(self._lookups.read(SHIPMENT, shipment, "number", "state"))
        self._press(SHIPMENT, shipment, "received", "do")
        reference = _return_reference(posting.reference, found)
        known = self._session.search(_RETURN, [["reference", "=", reference], ["state", "!=", "cancelled"]], ("state",))
        back, *again = [int(one["id"]) for one in known] or self._create_return(shipment, reference, found)
        for one in again:
            self._press(_RETURN, one, "draft", "cancel")
        self._complete_return(back, found["number"])
        is_back = self._state(_RETURN, back) == "done"
        return _to_document(self._lookups.read(SHIPMENT, shipment, "number", "state"), is_back=is_back)

    def _create_return(self, shipment: int, reference: str, of: Record) -> list[int]:
        (party,) = self._session.search("party.party", [["id", "=", of["supplier"]]], ("supplier_location",))
        way = {"from_location": of["warehouse_storage"], "to_location": party["supplier_location"]}
        own = ("product", "unit", "quantity", "lot", "unit_price", "currency")
        moves = [
            {**{name: one[name] for name in own}, **way, "company": self._lookups.company}
            for one in self._lookups.moves_of(shipment)
            if one["from_location.type"] == "supplier"
        ]
        values = {"company": self._lookups.company, "supplier": of["supplier"], "reference": reference, **way}
        return self._create_draft(_RETURN, {**values, "moves": [["create", moves]]})

    def _complete_return(self, back: int, number: str) -> None:
        for state, button in (("draft", "wait"), ("waiting", "assign_try"), ("assigned", "do")):
            self._press(_RETURN, back, state, button)
        if self._state(_RETURN, back) == "waiting":
            raise Declined(
                DeclineReason.OTHER,
                f"{number} cannot be taken back: its goods are no longer where they were received; look there",
            )


def _to_document(shipment: Record, *, is_back: bool = False) -> Document:
    state = DocumentState.REVERSED if is_back else _STATES[shipment["state"]]
    return Document(f"{SHIPMENT},{shipment['id']}", str(shipment["number"]), state)


def _return_reference(reference: str, shipment: Record) -> str:
    """The reference of the return that reverses a shipment."""
    return f"{reference} {shipment['number']}"


def _id_of(document: Document) -> int:
    return _parse_id(document.id)


def _parse_id(reference: str) -> int:
    return int(reference.rpartition(",")[2])


_OURS = re.compile(rf"({TEST_REFERENCE_PREFIX})?[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")
"""The reference of a shipment that a posting of ours created: it announces nothing."""


class _TrytonPull:
    """Reads all data for one pull. Changes nothing there."""

    def __init__(self, lookups: TrytonLookups, session: RpcSession) -> None:
        self._lookups = lookups
        self._session = session

    def pull(self) -> PulledData:
        """Open supplier shipments by trailer, products with their units, employees."""
        omitted: list[Omission] = []
        items = list(self._load_items(omitted))
        expected = self._load_expected(omitted) if self._lookups.has_packages() else None
        return PulledData(expected, items, list(self._load_operators(omitted)), omitted)

    def _load_items(self, omitted: list[Omission]) -> Iterator[PulledItem]:
        fields = ("code", "rec_name", "default_uom", "default_uom.category", "lot_required")
        units = self._lookups.units()
        by_id = {one.id: one for one in units}
        for one in self._session.search("product.product", [["type", "=", "goods"]], fields):
            code = one["code"] or ""
            base, codes = by_id[one["default_uom"]], dict(self._lookups.unit_codes(code, units))
            if not code or base.id not in codes:
                why = "has no code" if not code else f'[tryton] units names no {base.name!r}; add CODE = "{base.name}"'
                omitted.append(Omission(f"item {code or one['rec_name']}", why))
                continue
            others = tuple(
                PulledUnit(named, Decimal(repr(by_id[unit].factor)) / Decimal(repr(base.factor)))
                for unit, named in codes.items()
                if unit != base.id and by_id[unit].category == base.category
            )
            yield PulledItem(code, one["rec_name"], codes[base.id], others, bool(one.get("lot_required")))

    def _load_expected(self, omitted: list[Omission]) -> dict[ReceivingPlace, list[ExpectedLine]]:
        units = self._lookups.units()
        domain = [["state", "=", "draft"], ["warehouse", "=", self._lookups.warehouse().id]]
        found: dict[ReceivingPlace, list[ExpectedLine]] = {}
        for shipment in self._session.search(SHIPMENT, domain, ("number", "reference")):
            trailer, message = shipment["reference"] or "", f"shipment {shipment['number']}"
            if _OURS.fullmatch(trailer):
                continue
            if not LEVEL.fullmatch(trailer):
                omitted.append(Omission(message, f"its reference {trailer!r} is no trailer's number"))
                continue
            lines = found.setdefault(ReceivingPlace(PlaceKind.TRAILER, trailer), [])
            for move in self._lookups.moves_of(shipment["id"]):
                line = self._line_announced(move, shipment["number"], units)
                if isinstance(line, str):
                    omitted.append(Omission(message, line))
                else:
                    lines.append(line)
        return found

    def _line_announced(self, move: Record, notice: str, units: Iterable[TrytonUnit]) -> ExpectedLine | str:
        pallet, item = (move.get("package.") or {}).get("number"), move["product."]["code"]
        code = dict(self._lookups.unit_codes(item or "", units)).get(move["unit"])
        if not pallet:
            return f"{item}: is on no package, so no pallet is known by it"
        if not item:
            return f"pallet {pallet}: its product has no code"
        if code is None:
            return f"pallet {pallet}: [tryton] units has no code for the unit of its {item}"
        quantity = move["quantity"]
        amount = int(quantity) if quantity == int(quantity) else quantity
        return ExpectedLine(notice, pallet, item, amount, code, bool(move["product."].get("lot_required")))

    def _load_operators(self, omitted: list[Omission]) -> Iterator[Operator]:
        domain = [["company", "=", self._lookups.company]]
        for one in self._session.search("company.employee", domain, ("party.name", "party.code")):
            name, number = one["party."]["name"], one["party."]["code"] or ""
            if name and OPERATOR_NUMBER.fullmatch(number):
                yield Operator(name, number)
            else:
                omitted.append(Omission(f"employee {name}", f"its code {number!r} is no number of two to six digits"))
