"""Odoo 17 to 19: a receipt is part of the transfer that its order waits for; what is left stays open as a backorder.

Written from Odoo's published source (addons/stock) and its External API; no Odoo could be run where this was made. A
transfer carries the reference of the one entry that it was validated for, in a field of its own that backorders do not
copy. So a transfer that was begun and not validated is found, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Annotated, Any

import httpx
from pydantic import Field, SecretStr

from edge.config import Place, Section
from edge.errors import Misconfigured
from inventory.connect.mapping import OrderName, counted, order_of, place_of, unit_of
from inventory.connect.odoo_rpc import OdooRefused, OdooRpc, Record
from inventory.connect.ports import (
    Away,
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
from inventory.connect.told import in_words, reversal_of
from inventory.connect.web import ANSWER_S, Address, Web

PICKING, MOVE, LINE, PRODUCT, UOM = "stock.picking", "stock.move", "stock.move.line", "product.product", "uom.uom"
LOCATION, RETURN, BACKORDER = "stock.location", "stock.return.picking", "stock.backorder.confirmation"

OPEN = ("draft", "waiting", "confirmed", "assigned")
DONE, CANCELLED = "done", "cancel"
SHOWN = ("name", "state", "location_dest_id")
PAGE = 1000  # Products a request, so that an answer stays small.
RETURNS_ALL = 18  # From this version on a return has its quantities only where `..._all` is asked for.


class OdooSettings(Section):
    """An Odoo database, and what things are called there."""

    url: Address = Field(description="where Odoo is, without /jsonrpc")
    database: str = Field(min_length=1, description="the name of the database")
    user: str = Field(min_length=1, description="the login of a user of Inventory")
    key: SecretStr = Field(min_length=1, description="an API key of that user")
    reference_field: Annotated[str, Field(pattern="^x_[a-z0-9_]+$")] = Field(
        "x_dockvoice_reference", description="the field of transfers that carries our reference"
    )
    orders: Annotated[tuple[OrderName, ...], Field(min_length=1)] = Field(
        ("{}",), description="what an order is called there, {} being what was said: P{}; several are tried"
    )
    units: Mapping[str, str] = Field({}, description="what the units of our forms are called there: CS = 'Case of 12'")
    places: Mapping[str, str] = Field({}, description="which location a door leads to: B = 'WH/Input'; unset: any")
    damaged: str | None = Field(None, min_length=1, description="the location for what came damaged; unset: refused")
    answer_s: float = Field(ANSWER_S, gt=0, le=120, description="so long an answer may take, seconds")
    ca_file: Place | None = Field(None, description="whose certificates are trusted, PEM; unset: the system's")


class OdooConnection(ConnectionSettings):
    """A connector to an Odoo."""

    odoo: OdooSettings


class Odoo:
    """A database of Odoo."""

    looks = True

    def __init__(self, name: str, settings: OdooSettings, *, transport: httpx.BaseTransport | None = None) -> None:
        self._name, self._settings = name, settings
        self._web = Web(name, settings.url, ca_file=settings.ca_file, within_s=settings.answer_s, transport=transport)
        self._rpc = OdooRpc(name, self._web, settings.database, settings.user, settings.key)
        self._ref = settings.reference_field
        self._line_fields: Mapping[str, Record] | None = None

    # What stands there

    def find(self, posting: Posting) -> Sequence[Document]:
        """The transfers that carry its reference."""
        self._prepared()
        found = self._rpc.found(PICKING, [[self._ref, "=", posting.reference]], SHOWN)
        back = self._returns(posting) if found else []
        return [self._document(one, reversed_by=back) for one in found]

    def _returns(self, posting: Posting) -> list[Record]:
        wanted = [[self._ref, "=", reversal_of(posting)], ["state", "!=", CANCELLED]]
        return self._rpc.found(PICKING, wanted, ["name", "state", "return_id"])

    def _document(self, picking: Record, reversed_by: Sequence[Record] = ()) -> Document:
        back = [one for one in reversed_by if _id(one["return_id"]) == picking["id"] and one["state"] == DONE]
        if back or picking["state"] == CANCELLED:
            state = DocumentState.REVERSED
        else:
            state = DocumentState.DONE if picking["state"] == DONE else DocumentState.DRAFT
        return Document(str(picking["id"]), str(picking["name"]), state)

    def _again(self, document_id: int) -> Record:
        found = self._rpc.found(PICKING, [["id", "=", document_id]], SHOWN)
        if not found:
            raise Away(f"{self._name}: the transfer {document_id} is gone from Odoo")
        return found[0]

    # What is posted

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Take the open transfer of its order, write into it what came, and validate it."""
        picking = self._begun(posting) if draft is None else int(draft.id)
        try:
            self._validate(picking)
        except OdooRefused as refused:
            self._let_go(picking)
            raise Declined(_why(str(refused)), str(refused)) from None
        return self._document(self._again(picking))

    def _begun(self, posting: Posting) -> int:
        """The transfer with what came: one request, so that it is there with its reference or not at all."""
        item, quantity, damaged = counted(posting)
        orders = order_of(posting, self._settings.orders)
        product = self._product(item)
        if product["tracking"] != "none" and posting.lot is None:
            raise Declined(WhyDeclined.LOT_MISSING, f"{item} is kept by lots in Odoo, and none was said")
        picking = self._open(orders, posting.reference)
        move = self._move(picking, product)
        line = {
            "picking_id": picking["id"],
            "move_id": move["id"],
            "product_id": product["id"],
            self._unit_field(): self._unit(posting),
            "location_dest_id": self._place(posting, picking),
            "picked": True,
            **({} if posting.lot is None or product["tracking"] == "none" else {"lot_name": posting.lot}),
            **({} if posting.pallet is None else {"result_package_id": self._package(posting.pallet)}),
            **self._expiring(posting),
        }
        lines = [] if not quantity else [[0, 0, {**line, "quantity": float(quantity)}]]
        if damaged:
            lines.append([0, 0, {**line, "quantity": float(damaged), "location_dest_id": self._for_damaged()}])
        # What Odoo reserved by itself for this product, and anybody's half work, give way to what was counted.
        old = self._rpc.found(LINE, [["picking_id", "=", picking["id"]], ["move_id", "=", move["id"]]], ["id"])
        values = {
            self._ref: posting.reference,
            "note": f"<p>{escape(in_words(posting))}</p>",
            "move_line_ids": [*([2, one["id"], 0] for one in old), *lines],
        }
        self._rpc.call(PICKING, "write", [picking["id"]], values)
        return int(picking["id"])

    def _validate(self, picking: int) -> None:
        """Press the button, and answer what it asks: what did not come stays open as a backorder."""
        asked = self._rpc.call(PICKING, "button_validate", [picking])
        if self._again(picking)["state"] == DONE or not isinstance(asked, dict) or "res_model" not in asked:
            return  # Done; or not, which whoever looks will see.
        if asked["res_model"] != BACKORDER:
            raise OdooRefused(
                WhyDeclined.OTHER, f"Odoo asks {asked.get('name', '')!r} ({asked['res_model']}), which a person answers"
            )
        context = asked.get("context", {})
        wizard = self._rpc.call(BACKORDER, "create", {}, context=context)
        self._rpc.call(BACKORDER, "process", [wizard], context=context)

    def _let_go(self, picking: int) -> None:
        """Odoo would not have it: the transfer is open for others as before."""
        lines = self._rpc.found(LINE, [["picking_id", "=", picking], ["picked", "=", True]], ["id"])
        values = {self._ref: False, "note": False, "move_line_ids": [[2, one["id"], 0] for one in lines]}
        self._rpc.call(PICKING, "write", [picking], values)

    def _open(self, orders: Sequence[str], reference: str) -> Record:
        wanted = [["origin", "in", list(orders)], ["picking_type_code", "=", "incoming"], ["return_id", "=", False]]
        there = self._rpc.found(PICKING, wanted, [*SHOWN, "origin", self._ref])
        named = " or ".join(orders)
        if not there:
            raise Declined(WhyDeclined.ORDER_UNKNOWN, f"no transfer in Odoo has the source document {named}")
        if len({one["origin"] for one in there}) > 1:
            raise Declined(WhyDeclined.ORDER_UNKNOWN, f"Odoo has {named}, and which one is meant is nobody's guess")
        waiting = [one for one in there if one["state"] in OPEN]
        if not waiting:
            raise Declined(WhyDeclined.ORDER_CLOSED, f"all of {there[0]['origin']} was received or cancelled in Odoo")
        free = [one for one in waiting if one[self._ref] in {False, reference}]
        if not free:
            first = waiting[0]
            told = f"is taken by the entry {first[self._ref]}, which is not done yet"
            raise Away(f"{self._name}: {first['name']} of {first['origin']} {told}")
        return free[0]

    def _move(self, picking: Record, product: Record) -> Record:
        wanted = [["picking_id", "=", picking["id"]], ["product_id", "=", product["id"]], ["state", "!=", CANCELLED]]
        found = self._rpc.found(MOVE, wanted, ["product_uom", "state"])
        if len(found) != 1:
            told = "is on several lines of" if found else "is not, or no more, on"
            where = f"{picking['name']} of {picking['origin']}"
            raise Declined(
                WhyDeclined.OTHER if found else WhyDeclined.ITEM_UNKNOWN, f"{product['default_code']} {told} {where}"
            )
        return found[0]

    # What things are called there

    def _prepared(self) -> None:
        """Whether transfers have our field. Raises Misconfigured."""
        if self._line_fields is not None:
            return
        _ = self._rpc.version
        fields = self._rpc.call(PICKING, "fields_get", [self._ref], attributes=["type"])
        if self._ref not in fields or fields[self._ref].get("type") != "char":
            raise Misconfigured(
                f"{self._name}: transfers in Odoo have no field {self._ref}; add it once, as administrator with the "
                "developer mode: Settings, Technical, Fields: model stock.picking, type char, not copied"
            )
        self._line_fields = self._rpc.call(LINE, "fields_get", [], attributes=["relation"])

    def _fields(self) -> Mapping[str, Record]:
        self._prepared()
        return self._line_fields or {}

    def _unit_field(self) -> str:
        return "product_uom_id" if "product_uom_id" in self._fields() else "uom_id"

    def _one(self, model: str, domain: Sequence[Any], fields: Sequence[str], none: Callable[[str], Declined]) -> Record:
        found = self._rpc.found(model, domain, fields, limit=2)
        if len(found) != 1:
            raise none("is there twice in Odoo" if found else "is not known in Odoo")
        return found[0]

    def _product(self, item: str) -> Record:
        fields = ["default_code", "tracking", "uom_id"]
        none = lambda told: Declined(WhyDeclined.ITEM_UNKNOWN, f"{item} {told}")  # noqa: E731
        return self._one(PRODUCT, [["default_code", "=", item]], fields, none)

    def _unit(self, posting: Posting) -> int:
        unit = unit_of(posting, self._settings.units)
        if unit is None:
            raise Declined(WhyDeclined.UNIT_UNKNOWN, "no unit was said, and which one is meant is nobody's guess")
        none = lambda told: Declined(WhyDeclined.UNIT_UNKNOWN, f"the unit {unit!r} {told}")  # noqa: E731
        return int(self._one(UOM, [["name", "=", unit]], ["name"], none)["id"])

    def _place(self, posting: Posting, picking: Record) -> int:
        place = place_of(posting, self._settings.places)
        return _id(picking["location_dest_id"]) if place is None else self._location(place)

    def _for_damaged(self) -> int:
        if self._settings.damaged is None:
            raise Declined(WhyDeclined.OTHER, "some came damaged, and damaged does not say where they go in Odoo")
        return self._location(self._settings.damaged)

    def _location(self, name: str) -> int:
        none = lambda told: Declined(WhyDeclined.PLACE_UNKNOWN, f"the location {name!r} {told}")  # noqa: E731
        return int(self._one(LOCATION, [["complete_name", "=", name]], ["complete_name"], none)["id"])

    def _package(self, pallet: str) -> int:
        model = str(self._fields()["result_package_id"]["relation"])  # stock.quant.package, or since 19 stock.package
        found = self._rpc.found(model, [["name", "=", pallet]], ["name"], limit=1)
        return int(found[0]["id"]) if found else int(self._rpc.call(model, "create", {"name": pallet}))

    def _expiring(self, posting: Posting) -> Record:
        known = "expiration_date" in self._fields()  # of the module product_expiry
        return {"expiration_date": f"{posting.expiry} 00:00:00"} if known and posting.expiry else {}

    # What is taken back

    def reverse(self, posting: Posting, document: Document, why: TakenBack) -> Document:
        """Return all of it, or let go of a transfer that was only begun."""
        picking = int(document.id)
        if document.state is DocumentState.DRAFT:
            self._let_go(picking)
            return Document(document.id, document.number, DocumentState.REVERSED)
        back = [one for one in self._returns(posting) if _id(one["return_id"]) == picking]
        returned = int(back[0]["id"]) if back else self._return(posting, picking)
        try:
            self._validate(returned)
        except OdooRefused as refused:
            raise Declined(WhyDeclined.OTHER, f"the return of {document.number}: {refused}") from None
        return self._document(self._again(picking), self._returns(posting))

    def _return(self, posting: Posting, picking: int) -> int:
        """The transfer that returns it: one that an earlier call has made, or a new one."""
        mine = [["return_id", "=", picking], ["state", "in", list(OPEN)], [self._ref, "=", False]]
        found = self._rpc.found(PICKING, [*mine, ["create_uid.login", "=", self._settings.user]], ["name"])
        if found:
            made = int(found[0]["id"])
        else:
            context = {"active_model": PICKING, "active_id": picking, "active_ids": [picking]}
            wizard = self._rpc.call(RETURN, "create", {"picking_id": picking}, context=context)
            method = "action_create_returns_all" if self._rpc.version[0] >= RETURNS_ALL else "create_returns"
            made = int(self._rpc.call(RETURN, method, [wizard], context=context)["res_id"])
        self._rpc.call(PICKING, "write", [made], {self._ref: reversal_of(posting)})
        return made

    # What is pulled

    def pull(self) -> Pulled:
        """Items with their units. Transfers in Odoo name neither pallets nor trailers, so no list is made of them."""
        omitted: list[Omitted] = []
        codes = {name: code for code, name in self._settings.units.items() if " " not in code}  # of every item
        uoms = {one["id"]: one for one in self._rpc.found(UOM, [], self._uom_fields())}
        items = []
        for product in self._products():
            base = codes.get(str(uoms[_id(product["uom_id"])]["name"]))
            if base is None:
                unit = uoms[_id(product["uom_id"])]["name"]
                omitted.append(Omitted(f"item {product['default_code']}", f"units does not name its unit {unit!r}"))
                continue
            others = tuple(_units(uoms[_id(product["uom_id"])], uoms, codes))
            lots = product["tracking"] != "none"
            items.append(PulledItem(product["default_code"], product["name"], base, others, lots))
        return Pulled(None, items, None, omitted)

    def _uom_fields(self) -> Sequence[str]:
        known = self._rpc.call(UOM, "fields_get", [], attributes=["type"])
        return ["name", "factor", *(one for one in ("factor_inv", "category_id", "relative_uom_id") if one in known)]

    def _products(self) -> Sequence[Record]:
        found: list[Record] = []
        fields = ["default_code", "name", "tracking", "uom_id"]
        while len(
            more := self._rpc.found(PRODUCT, [["default_code", "!=", False]], fields, limit=PAGE, offset=len(found))
        ):
            found += more
            if len(more) < PAGE:
                break
        return found

    def hand_over(self) -> None:
        """Nothing is held back."""

    def tells(self) -> str:
        """Which Odoo, and as whom."""
        self._prepared()
        return f"Odoo {self._rpc.version[1]} at {self._settings.url}, {self._settings.database}, {self._settings.user}"

    def close(self) -> None:
        """Let go of the connection."""
        self._web.close()


def _units(base: Record, uoms: Mapping[int, Record], codes: Mapping[str, str]) -> Iterator[PulledUnit]:
    """The units that convert into this one, of those that have a code."""
    for one in uoms.values():
        if one["id"] != base["id"] and one["name"] in codes and _root(one, uoms) == _root(base, uoms):
            yield PulledUnit(codes[one["name"]], _factor(one) / _factor(base))


def _root(uom: Record, uoms: Mapping[int, Record]) -> Any:
    """What converts has one root: the category, until Odoo 18; since then the unit that others are relative to."""
    if "category_id" in uom:
        return _id(uom["category_id"])
    while uom["relative_uom_id"]:
        uom = uoms[_id(uom["relative_uom_id"])]
    return uom["id"]


def _factor(uom: Record) -> Decimal:
    return Decimal(str(uom["factor_inv"] if "factor_inv" in uom else uom["factor"]))


def _id(value: Any) -> Any:
    """Of a many2one, which is [id, name], or False."""
    return value[0] if isinstance(value, list) and value else value


def _why(told: str) -> WhyDeclined:
    """What an operator can be told of it. Odoo's words are in its user's language: only the plainest is looked for."""
    return WhyDeclined.LOT_MISSING if "Lot/Serial" in told else WhyDeclined.OTHER
