"""Tryton: each pallet is a supplier shipment of its own, received and done, under the id of its event.

Where the pallet was announced (as a package on a supplier shipment that is still a draft), its move goes over from that
shipment, with its price and its purchase; else it is received from the supplier of the settings, at the product's cost.
What is taken back is a supplier return.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import httpx
from pydantic import Field, SecretStr

from edge.config import LEVEL, Section
from edge.errors import Misconfigured
from edge.records import ExpectedLine, Operator, PlaceKind, ReceivingPlace
from inventory.connect.ports import (
    Declined,
    Document,
    DocumentState,
    Omitted,
    Posting,
    Pulled,
    PulledItem,
    PulledUnit,
    TakenBack,
    WhyDeclined,
)
from inventory.connect.settings import ConnectionSettings
from inventory.connect.tryton_rpc import Record, TrytonSession
from inventory.roster import NUMBER

SHIPMENT, RETURN, MOVE = "stock.shipment.in", "stock.shipment.in.return", "stock.move"
ANY = "*"  # The place of whatever place has none of its own in the settings.

STATES = {
    "draft": DocumentState.DRAFT,
    "received": DocumentState.DRAFT,  # Goods are at the dock there, and not put away yet.
    "done": DocumentState.DONE,
    "cancelled": DocumentState.REVERSED,
}


class TrytonSettings(Section):
    """`[tryton]`: where it is, and what is called how there."""

    url: str = Field(description="its address: https://erp.example")
    database: str = Field(min_length=1, description="its database")
    user: str = Field(min_length=1, description="who posts there: a user of its own")
    password: SecretStr = Field(description="of that user; better in $DOCKVOICE_CONNECT_TRYTON__PASSWORD")
    timeout_s: float = Field(20, gt=0, le=300, description="so long an answer is waited for, seconds")
    warehouse: str | None = Field(None, description="its code; unset: the only one there is")
    supplier: str | None = Field(
        None, description="code of the party from whom comes what nobody announced; unset: such a pallet is declined"
    )
    units: Mapping[str, str] = Field(
        {}, description='by our code, or by item and code, the name of the unit there: {CS = "Case", "A200 CS" = "Box"}'
    )
    places: Mapping[str, str] = Field(
        {},
        description='by dock or door, the code of the location there; "*" for all others; empty: the warehouse\'s own',
    )
    lots: Literal["create", "known"] = Field("create", description="whether a lot is made that is not known there")
    damaged: Literal["decline", "leave out", "receive"] = Field(
        "decline", description="what becomes of damaged ones beside good ones, and of a pallet with an exception"
    )


class TrytonConnection(ConnectionSettings):
    """A connector to a Tryton."""

    tryton: TrytonSettings


@dataclass(frozen=True, slots=True)
class _Product:
    id: int
    code: str
    unit: int  # That its stock is kept in.
    category: int
    lot_needed: bool
    cost: Decimal


@dataclass(frozen=True, slots=True)
class _Unit:
    id: int
    name: str
    category: int
    factor: float


@dataclass(frozen=True, slots=True)
class _Warehouse:
    id: int
    input: int
    storage: int


@dataclass(frozen=True, slots=True)
class _Line:
    """What is received, in Tryton's terms."""

    product: _Product
    unit: _Unit
    quantity: float
    lot: int | None
    place: int | None  # None: the warehouse's own.


class Tryton:
    """One database of one server."""

    looks = True

    def __init__(self, settings: TrytonSettings, transport: httpx.BaseTransport | None = None) -> None:
        """Nothing is contacted yet."""
        password = settings.password.get_secret_value()
        address = (settings.url, settings.database, settings.user, password)
        self._settings = settings
        self._session = TrytonSession(*address, settings.timeout_s, transport)
        self._has_packages: bool | None = None
        self._of: _Warehouse | None = None

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def hand_over(self) -> None:
        """Nothing is held back."""

    def tells(self) -> str:
        """Who answers there."""
        version = self._session.version()
        self._session.sign_on()
        packages = "with packages" if self._packages() else "without packages: no pallet is announced there"
        return f"Tryton {version} at {self._session.where}, {packages}"

    # Looking

    def find(self, posting: Posting) -> Sequence[Document]:
        """The supplier shipments under the posting's reference; taken back where a return of theirs is done."""
        reference = posting.reference
        shipments = self._session.search(SHIPMENT, [["reference", "=", reference]], ("number", "state"))
        if not shipments:
            return ()
        returns = self._session.search(RETURN, [["reference", "like", f"{reference} %"]], ("reference", "state"))
        back = {one["reference"] for one in returns if one["state"] == "done"}
        return [_document(one, is_back=_return_of(reference, one) in back) for one in shipments]

    # Posting

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Make its shipment, or take the one that there is; receive it, and do it."""
        shipment = _id(draft) if draft is not None else self._make(posting)
        try:
            return self._bring_to_end(shipment)
        except Declined as why:
            raise self._understood(why, posting) from None

    def _make(self, posting: Posting) -> int:
        line = self._line(posting)
        values, warehouse = {"reference": posting.reference, "company": self._company}, self._warehouse()
        announced = self._announced(posting, line.product)
        at = {"warehouse": warehouse.id, "warehouse_input": warehouse.input, "warehouse_storage": warehouse.storage}
        if line.place is not None:  # what is unloaded to a place of its own lies there: nothing is put away behind it
            at |= {"warehouse_input": line.place, "warehouse_storage": line.place}
        said = {"unit": line.unit.id, "quantity": line.quantity, "lot": line.lot}
        if announced is not None:
            moves = [
                ["add", [announced["id"]]],
                ["write", [announced["id"]], said | {"to_location": at["warehouse_input"]}],
            ]
            supplier = self._read(SHIPMENT, _referred(announced["shipment"]), "supplier")["supplier"]
        else:
            supplier, bought = self._bought(posting, line)
            moved = {"from_location": bought.pop("from_location"), "to_location": at["warehouse_input"]}
            own = {"product": line.product.id, "company": self._company}
            moves = [["create", [said | own | moved | bought]]]
        return int(self._session.call(SHIPMENT, "create", [{**values, **at, "supplier": supplier, "moves": moves}])[0])

    def _bring_to_end(self, shipment: int) -> Document:
        for state, button in (("draft", "receive"), ("received", "do")):
            if self._read(SHIPMENT, shipment, "state")["state"] == state:
                self._session.call(SHIPMENT, button, [shipment])
        return _document(self._read(SHIPMENT, shipment, "number", "state"))

    def _line(self, posting: Posting) -> _Line:
        """Raises Declined for whatever is missing, or has no meaning there."""
        product = self._product(posting.item)
        quantity = self._quantity(posting)
        unit = self._unit(posting, product)
        lot = None if posting.lot is None else self._lot(product, posting.lot)  # Tryton says where it needs one
        return _Line(product, unit, float(quantity), lot, self._place(posting.place))

    def _quantity(self, posting: Posting) -> Decimal:
        quantity, policy = posting.quantity, self._settings.damaged
        if quantity is None or quantity < 0:
            raise Declined(WhyDeclined.QUANTITY_WRONG, "says no quantity; correct the entry")
        odd = [f"{posting.damaged} damaged"] if posting.damaged else []
        odd += [posting.exception] if posting.exception else []
        if odd and policy == "decline":
            raise Declined(WhyDeclined.OTHER, f"{', '.join(odd)}: [tryton] damaged does not say what becomes of them")
        if policy == "receive":
            quantity += posting.damaged or 0
        elif posting.exception:
            quantity = Decimal(0)
        if not quantity:
            raise Declined(
                WhyDeclined.QUANTITY_WRONG, "nothing of it is to be received; strike the entry, or correct it"
            )
        return quantity

    def _product(self, code: str | None) -> _Product:
        if code is None:
            raise Declined(
                WhyDeclined.ITEM_MISSING, "names no item, and none was announced for its pallet; correct the entry"
            )
        fields = ("code", "default_uom", "default_uom.category", "cost_price", "lot_required")
        found = self._session.search("product.product", [["code", "=", code]], fields)
        if len(found) != 1:
            known = "is no product's code there" if not found else f"is the code of {len(found)} products there"
            raise Declined(WhyDeclined.ITEM_UNKNOWN, f"item {code}: {known}; mend it there, or correct the entry")
        (one,) = found
        category = one["default_uom."]["category"]
        needs = bool(one.get("lot_required"))
        return _Product(one["id"], code, one["default_uom"], category, needs, one["cost_price"] or Decimal(0))

    def _unit(self, posting: Posting, product: _Product) -> _Unit:
        code, units = posting.unit, self._settings.units
        if code is None:
            raise Declined(WhyDeclined.UNIT_UNKNOWN, "says no unit; correct the entry")
        name = units.get(f"{product.code} {code}") or units.get(code)
        if name is None:
            raise Declined(
                WhyDeclined.UNIT_UNKNOWN, f"unit {code} of {product.code}: [tryton] units does not say what it is"
            )
        found = [one for one in self._units() if one.name == name]
        if not found:
            raise Declined(WhyDeclined.UNIT_UNKNOWN, f"unit {name!r}, which [tryton] units names: there is none there")
        unit = found[0]
        if unit.category != product.category:
            raise Declined(WhyDeclined.UNIT_UNKNOWN, f"{name!r} cannot be converted into the unit of {product.code}")
        return unit

    def _units(self) -> list[_Unit]:
        found = self._session.search("product.uom", [], ("name", "category", "factor"))
        return [_Unit(one["id"], one["name"], one["category"], one["factor"]) for one in found]

    def _lot(self, product: _Product, number: str) -> int:
        found = self._session.search("stock.lot", [["number", "=", number], ["product", "=", product.id]], ("number",))
        if found:
            return int(found[0]["id"])
        if self._settings.lots == "known":
            raise Declined(WhyDeclined.LOT_UNKNOWN, f"lot {number} of {product.code}: there is none there")
        return int(self._session.call("stock.lot", "create", [{"number": number, "product": product.id}])[0])

    def _place(self, place: str | None) -> int | None:
        places = self._settings.places
        if not places:
            return None
        code = places.get(place or ANY) or places.get(ANY)
        if code is None:
            told = "says no dock or door" if place is None else f"{place}: [tryton] places does not say what it is"
            raise Declined(WhyDeclined.PLACE_UNKNOWN, told)
        found = self._session.search("stock.location", [["code", "=", code], ["type", "=", "storage"]], ("code",))
        if len(found) != 1:
            raise Declined(
                WhyDeclined.PLACE_UNKNOWN, f"location {code!r}, which [tryton] places names: {len(found)} there"
            )
        return int(found[0]["id"])

    def _announced(self, posting: Posting, product: _Product) -> Record | None:
        """The move that announced it, on a supplier shipment that is a draft."""
        if posting.pallet is None or not self._packages():
            return None
        domain: list[Any] = [
            ["state", "=", "draft"],
            ["package.number", "=", posting.pallet],
            ["product", "=", product.id],
            ["shipment.state", "=", "draft", SHIPMENT],
        ]
        if posting.trailer is not None:
            domain.append(["shipment.reference", "=", posting.trailer, SHIPMENT])
        found = self._session.search(MOVE, domain, ("shipment",))
        if len(found) > 1:
            raise Declined(
                WhyDeclined.OTHER, f"pallet {posting.pallet}: {posting.item} is announced {len(found)} times for it"
            )
        return found[0] if found else None

    def _bought(self, posting: Posting, line: _Line) -> tuple[int, Record]:
        """From whom, and for how much, what nobody announced: as what it stands in the place of, or of the settings."""
        if posting.amends is not None:
            before = self._session.search(SHIPMENT, [["reference", "=", posting.amends]], ("supplier",))
            for one in before[-1:]:
                move = self._moves_of(one["id"])[:1]
                if move and move[0]["product"] == line.product.id:
                    kept = {name: move[0][name] for name in ("unit_price", "currency", "from_location")}
                    if move[0]["unit"] == line.unit.id:
                        return int(one["supplier"]), kept | {"origin": move[0]["origin"]}
        code = self._settings.supplier
        if code is None:
            named = f"pallet {posting.pallet}" if posting.pallet else "it"
            raise Declined(WhyDeclined.ORDER_UNKNOWN, f"{named} is announced on no open supplier shipment there")
        found = self._session.search("party.party", [["code", "=", code]], ("supplier_location",))
        if len(found) != 1:
            raise Declined(
                WhyDeclined.ORDER_UNKNOWN, f"supplier {code!r}, which [tryton] supplier names: {len(found)} there"
            )
        factor = next(one.factor for one in self._units() if one.id == line.product.unit)
        price = (line.product.cost * Decimal(repr(line.unit.factor)) / Decimal(repr(factor))).quantize(
            Decimal("0.0001")
        )
        (company,) = self._session.search("company.company", [["id", "=", self._company]], ("currency",))
        bought = {"unit_price": price, "currency": company["currency"]}
        return int(found[0]["id"]), bought | {"from_location": found[0]["supplier_location"]}

    def _understood(self, why: Declined, posting: Posting) -> Declined:
        """What Tryton says in its own words, as the operator can be told."""
        if posting.lot is None and self._product(posting.item).lot_needed:
            return Declined(WhyDeclined.LOT_MISSING, str(why))
        return why

    # Taking back

    def reverse(self, posting: Posting, document: Document, why: TakenBack) -> Document:
        """Cancel the draft, or return what was received."""
        shipment = _id(document)
        found = self._read(SHIPMENT, shipment, "number", "state", "supplier", "warehouse_storage")
        if found["state"] == "draft":
            self._give_back(posting, shipment, found["supplier"])
            self._session.call(SHIPMENT, "cancel", [shipment])
            return _document(self._read(SHIPMENT, shipment, "number", "state"))
        if found["state"] == "received":
            self._session.call(SHIPMENT, "do", [shipment])
        reference = _return_of(posting.reference, found)
        known = self._session.search(RETURN, [["reference", "=", reference], ["state", "!=", "cancelled"]], ("state",))
        back = int(known[0]["id"]) if known else self._make_return(shipment, reference, found)
        self._bring_back(back, found["number"])
        is_back = self._read(RETURN, back, "state")["state"] == "done"
        return _document(self._read(SHIPMENT, shipment, "number", "state"), is_back=is_back)

    def _give_back(self, posting: Posting, shipment: int, supplier: int) -> None:
        """What came over from the shipment that announced it goes back to that."""
        if posting.trailer is None or not self._packages():
            return
        domain = [["reference", "=", posting.trailer], ["state", "=", "draft"], ["supplier", "=", supplier]]
        announced = self._session.search(SHIPMENT, [*domain, ["id", "!=", shipment]], ("warehouse_input",))
        moves = [one["id"] for one in self._moves_of(shipment) if one.get("package")]
        if announced and moves:
            to = announced[0]
            values = {"shipment": f"{SHIPMENT},{to['id']}", "lot": None, "to_location": to["warehouse_input"]}
            self._session.call(MOVE, "write", moves, values)

    def _make_return(self, shipment: int, reference: str, of: Record) -> int:
        (party,) = self._session.search("party.party", [["id", "=", of["supplier"]]], ("supplier_location",))
        way = {"from_location": of["warehouse_storage"], "to_location": party["supplier_location"]}
        own = ("product", "unit", "quantity", "lot", "unit_price", "currency")
        moves = [
            {**{name: one[name] for name in own}, **way, "company": self._company}
            for one in self._moves_of(shipment)
            if one["from_location.type"] == "supplier"
        ]
        values = {"company": self._company, "supplier": of["supplier"], "reference": reference, **way}
        return int(self._session.call(RETURN, "create", [{**values, "moves": [["create", moves]]}])[0])

    def _bring_back(self, back: int, number: str) -> None:
        for state, button in (("draft", "wait"), ("waiting", "assign_try"), ("assigned", "do")):
            if self._read(RETURN, back, "state")["state"] == state:
                self._session.call(RETURN, button, [back])
        if self._read(RETURN, back, "state")["state"] == "waiting":
            raise Declined(
                WhyDeclined.OTHER,
                f"{number} cannot be taken back: its goods are no longer where they were received; look there",
            )

    # Pulling

    def pull(self) -> Pulled:
        """Open supplier shipments by trailer, products with their units, employees."""
        omitted: list[Omitted] = []
        items = list(self._items(omitted))
        expected = self._expected(omitted) if self._packages() else None
        return Pulled(expected, items, list(self._operators(omitted)), omitted)

    def _items(self, omitted: list[Omitted]) -> Iterator[PulledItem]:
        fields = ("code", "rec_name", "default_uom", "default_uom.category", "lot_required")
        units = self._units()
        by_id = {one.id: one for one in units}
        for one in self._session.search("product.product", [["type", "=", "goods"]], fields):
            code = one["code"] or ""
            base, codes = by_id[one["default_uom"]], dict(self._codes(code, units))
            if not code or base.id not in codes:
                why = "has no code" if not code else f"[tryton] units gives {base.name!r} no code"
                omitted.append(Omitted(f"item {code or one['rec_name']}", why))
                continue
            others = tuple(
                PulledUnit(named, Decimal(repr(by_id[unit].factor)) / Decimal(repr(base.factor)))
                for unit, named in codes.items()
                if unit != base.id and by_id[unit].category == base.category
            )
            yield PulledItem(code, one["rec_name"], codes[base.id], others, bool(one.get("lot_required")))

    def _codes(self, item: str, units: Iterable[_Unit]) -> Iterator[tuple[int, str]]:
        """By the id of each unit that the settings name for an item, its code."""
        by_name = {one.name: one.id for one in units}
        given = self._settings.units
        for key, name in given.items():
            of, _, code = key.rpartition(" ")
            overridden = not of and f"{item} {key}" in given
            if of in {"", item} and not overridden and name in by_name:
                yield by_name[name], code

    def _expected(self, omitted: list[Omitted]) -> dict[ReceivingPlace, list[ExpectedLine]]:
        units = self._units()
        domain = [["state", "=", "draft"], ["warehouse", "=", self._warehouse().id]]
        found: dict[ReceivingPlace, list[ExpectedLine]] = {}
        for shipment in self._session.search(SHIPMENT, domain, ("number", "reference")):
            trailer, told = shipment["reference"] or "", f"shipment {shipment['number']}"
            if not LEVEL.fullmatch(trailer):
                omitted.append(Omitted(told, f"its reference {trailer!r} is no trailer's number"))
                continue
            lines = found.setdefault(ReceivingPlace(PlaceKind.TRAILER, trailer), [])
            for move in self._moves_of(shipment["id"]):
                line = self._line_announced(move, shipment["number"], units)
                if isinstance(line, str):
                    omitted.append(Omitted(told, line))
                else:
                    lines.append(line)
        return found

    def _line_announced(self, move: Record, notice: str, units: Iterable[_Unit]) -> ExpectedLine | str:
        pallet, item = (move.get("package.") or {}).get("number"), move["product."]["code"]
        code = dict(self._codes(item or "", units)).get(move["unit"])
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
        domain = [["company", "=", self._company]]
        for one in self._session.search("company.employee", domain, ("party.name", "party.code")):
            name, number = one["party."]["name"], one["party."]["code"] or ""
            if name and NUMBER.fullmatch(number):
                yield Operator(name, number)
            else:
                omitted.append(Omitted(f"employee {name}", f"its code {number!r} is no number of two to six digits"))

    # What is there

    @property
    def _company(self) -> int:
        if not self._session.context:
            self._session.sign_on()
        return int(self._session.context["company"])

    def _warehouse(self) -> _Warehouse:
        if self._of is None:
            code = self._settings.warehouse
            domain = [["type", "=", "warehouse"], *([["code", "=", code]] if code is not None else [])]
            found = self._session.search("stock.location", domain, ("code", "input_location", "storage_location"))
            if len(found) != 1:
                there = ", ".join(str(one["code"]) for one in found) or "none"
                raise Misconfigured(f"[tryton] warehouse: found {there}; name one of them by its code")
            (one,) = found
            self._of = _Warehouse(one["id"], one["input_location"], one["storage_location"])
        return self._of

    def _packages(self) -> bool:
        if self._has_packages is None:
            self._has_packages = "model.stock.package.search_read" in self._session.methods()
        return self._has_packages

    def _moves_of(self, shipment: int) -> list[Record]:
        fields = [
            "product",
            "product.code",
            "product.lot_required",
            "unit",
            "quantity",
            "lot",
            "unit_price",
            "currency",
        ]
        fields += ["from_location", "from_location.type", "origin", "state"]
        fields += ["package", "package.number"] if self._packages() else []
        found = self._session.search(MOVE, [["shipment", "=", f"{SHIPMENT},{shipment}"]], fields)
        return [{**one, "from_location.type": one["from_location."]["type"]} for one in found]

    def _read(self, model: str, record: int, *fields: str) -> Record:
        found = self._session.call(model, "read", [record], list(fields))
        return dict(found[0])


def _document(shipment: Record, *, is_back: bool = False) -> Document:
    state = DocumentState.REVERSED if is_back else STATES[shipment["state"]]
    return Document(f"{SHIPMENT},{shipment['id']}", str(shipment["number"]), state)


def _return_of(reference: str, shipment: Record) -> str:
    """The reference of the return that takes a shipment back."""
    return f"{reference} {shipment['number']}"


def _id(document: Document) -> int:
    return _referred(document.id)


def _referred(reference: str) -> int:
    return int(reference.rpartition(",")[2])
