"""Odoo 17 to 19: a receipt validates the order's open transfer; the remaining quantity stays open as a backorder.

Written from Odoo's published source (addons/stock) and its External API; not tested against a running Odoo. A transfer
carries the reference of the one entry that it was validated for, in a custom field that backorders do not copy. So a
transfer that was begun and not validated is found and completed. The client of its API, JSON-RPC, and the lookup of
products and units by name are here too.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Annotated, Any

import httpx
from pydantic import Field, SecretStr

from dockvoice_protocol.config import Place, Section
from dockvoice_protocol.errors import Misconfigured
from inventory.connect.mapping import (
    OrderName,
    format_order_names,
    place_of,
    require_damaged_place,
    require_item_and_quantities,
    unit_of,
)
from inventory.connect.notices import format_posting, reversal_reference
from inventory.connect.ports import (
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
from inventory.connect.web import ANSWER_TIMEOUT_S, Address, Http, shorten_to_line

_OLDEST, _NEWEST = 17, 19
"""Odoo 17 is the first whose move lines have `quantity` and `picked`; version 22 is to remove `/jsonrpc`."""

_REFUSALS = frozenset({"UserError", "ValidationError", "RedirectWarning", "MissingError"})
"""Exceptions about the request itself, with a message for users."""
_RIGHTS = frozenset({"AccessError", "AccessDenied"})

_Record = Mapping[str, Any]


class _OdooRefused(Declined):
    """Odoo refused the request."""


class _OdooRpc:
    """JSON-RPC calls to one Odoo database as one user. Used by one thread."""

    def __init__(self, name: str, web: Http, database: str, user: str, key: SecretStr) -> None:
        self._name, self._web, self._database, self._user, self._key = name, web, database, user, key
        self._ids = itertools.count(1)
        self._uid: int | None = None
        self._version: tuple[int, str] | None = None

    @property
    def version(self) -> tuple[int, str]:
        """The version, as number and text. Raises Away, Misconfigured."""
        if self._version is None:
            found = self._call("common", "version", [])
            said = str(found.get("server_version", "")) if isinstance(found, Mapping) else ""
            number = re.search(r"\d+", said)
            if number is None or not _OLDEST <= int(number[0]) <= _NEWEST:
                raise Misconfigured(
                    f"{self._name}: {self._web.address} is Odoo {said or '?'}; {_OLDEST} to {_NEWEST} are known here"
                )
            self._version = int(number[0]), said
        return self._version

    def call(self, model: str, method: str, *args: Any, context: _Record | None = None, **named: Any) -> Any:
        """The result of a model's method. Raises Away, Declined, Misconfigured."""
        if context is not None:
            named["context"] = context
        secret = self._key.get_secret_value()
        return self._call("object", "execute_kw", [self._database, self._user_id(), secret, model, method, args, named])

    def search_read(self, model: str, domain: Sequence[Any], fields: Sequence[str], **named: Any) -> list[_Record]:
        """The records that match a domain, by their id. Raises as `call` does."""
        named.setdefault("order", "id")
        rows = self.call(model, "search_read", domain, fields=list(fields), **named)
        if not isinstance(rows, list):
            raise Away(f"{self._name}: {self._web.address} answered {model}.search_read with no list")
        return rows

    def _user_id(self) -> int:
        if self._uid is None:
            said = [self._database, self._user, self._key.get_secret_value(), {}]
            found = self._call("common", "authenticate", said)
            if not isinstance(found, int) or isinstance(found, bool):
                raise Misconfigured(
                    f"{self._name}: {self._web.address} knows no user {self._user!r} with this key in the database "
                    f"{self._database!r}; make a key in Odoo under the user's preferences, Account Security"
                )
            self._uid = found
        return self._uid

    def _call(self, service: str, method: str, args: Sequence[Any]) -> Any:
        asked = {"service": service, "method": method, "args": args}
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": asked, "id": next(self._ids)}).encode()
        answer = self._web.ask("POST", "/jsonrpc", content=body, headers={"content-type": "application/json"})
        said = answer.json()
        if not answer.is_success or not isinstance(said, dict) or not {"result", "error"} & said.keys():
            where = f"{self._web.address}/jsonrpc"
            raise Away(f"{self._name}: {where} answered {answer.status} and no JSON-RPC: {answer.excerpt() or '-'}")
        if "error" in said:
            raise self._to_exception(said["error"])
        return said["result"]

    def _to_exception(self, error: Any) -> Exception:
        data = error.get("data", {}) if isinstance(error, dict) else {}
        exception = str(data.get("name", "")).rpartition(".")[2]
        message = shorten_to_line(str(data.get("message", ""))) or "it says no more"
        if exception in _REFUSALS:
            return _OdooRefused(DeclineReason.OTHER, message)
        if exception in _RIGHTS:
            return Misconfigured(f"{self._name}: the user {self._user!r} may not do this in Odoo: {message}")
        # A serialisation conflict, a database being upgraded, or an internal error of Odoo.
        return Away(f"{self._name}: Odoo is in trouble ({exception or 'unknown'}): {message}")


_PICKING, _MOVE, _LINE, _PRODUCT, _UOM = "stock.picking", "stock.move", "stock.move.line", "product.product", "uom.uom"
_LOCATION = "stock.location"


class OdooSettings(Section):
    """An Odoo database, and the mapping to its names."""

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
    damaged: str | None = Field(None, min_length=1, description="the location for what came damaged; unset: it waits")
    answer_s: float = Field(ANSWER_TIMEOUT_S, gt=0, le=120, description="so long an answer may take, seconds")
    ca_file: Place | None = Field(None, description="whose certificates are trusted, PEM; unset: the system's")


class _OdooNames:
    """Looks up records by the names of the settings and entries. Used by one thread."""

    def __init__(self, name: str, settings: OdooSettings, rpc: _OdooRpc) -> None:
        self._name, self._settings, self._rpc = name, settings, rpc
        self._ref = settings.reference_field
        self._line_fields: Mapping[str, _Record] | None = None

    def demand_reference_field(self) -> None:
        """Check once that transfers have our field. Raises Misconfigured."""
        if self._line_fields is not None:
            return
        _ = self._rpc.version
        fields = self._rpc.call(_PICKING, "fields_get", [self._ref], attributes=["type"])
        if self._ref not in fields or fields[self._ref].get("type") != "char":
            raise Misconfigured(
                f"{self._name}: transfers in Odoo have no field {self._ref}; add it once, as administrator with the "
                "developer mode: Settings, Technical, Fields: model stock.picking, type char, not copied"
            )
        self._line_fields = self._rpc.call(_LINE, "fields_get", [], attributes=["relation"])

    def _fields(self) -> Mapping[str, _Record]:
        self.demand_reference_field()
        return self._line_fields or {}

    def unit_field(self) -> str:
        """The name of the unit field of a move line: `uom_id` in source newer than 19."""
        return "product_uom_id" if "product_uom_id" in self._fields() else "uom_id"

    def _find_one(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], none: Callable[[str], Declined]
    ) -> _Record:
        found = self._rpc.search_read(model, domain, fields, limit=2)
        if len(found) != 1:
            raise none("is there twice in Odoo" if found else "is not known in Odoo")
        return found[0]

    def find_product(self, item: str) -> _Record:
        """The product of that code. Raises Declined."""
        fields = ["default_code", "tracking", "uom_id"]
        none = lambda message: Declined(DeclineReason.ITEM_UNKNOWN, f"{item} {message}")  # noqa: E731
        return self._find_one(_PRODUCT, [["default_code", "=", item]], fields, none)

    def find_unit(self, posting: Posting) -> int:
        """The id of the spoken unit. Raises Declined."""
        unit = unit_of(posting, self._settings.units)
        none = lambda message: SettingMissing(  # noqa: E731
            DeclineReason.UNIT_UNKNOWN, f"the unit {unit!r}, which units names, {message}"
        )
        return int(self._find_one(_UOM, [["name", "=", unit]], ["name"], none)["id"])

    def find_location_of(self, posting: Posting, picking: _Record) -> int:
        """The id of the door's location; without one, the transfer's. Raises Declined."""
        place = place_of(posting, self._settings.places)
        return _id_of(picking["location_dest_id"]) if place is None else self._find_location(place)

    def find_damaged_location(self) -> int:
        """The id of the location for damaged goods. Raises Declined."""
        return self._find_location(require_damaged_place(self._settings.damaged, "Odoo"))

    def _find_location(self, name: str) -> int:
        said = f"the location {name!r}, which the settings name, "
        none = lambda message: SettingMissing(DeclineReason.PLACE_UNKNOWN, said + message)  # noqa: E731
        return int(self._find_one(_LOCATION, [["complete_name", "=", name]], ["complete_name"], none)["id"])

    def find_or_create_package(self, pallet: str) -> int:
        """The id of the package of that name, created if there is none."""
        model = str(self._fields()["result_package_id"]["relation"])  # stock.quant.package, stock.package from 19 on
        found = self._rpc.search_read(model, [["name", "=", pallet]], ["name"], limit=1)
        return int(found[0]["id"]) if found else int(self._rpc.call(model, "create", {"name": pallet}))

    def expiry_field(self, posting: Posting) -> _Record:
        """The field with the lot's expiry date; empty if Odoo has no such field."""
        known = "expiration_date" in self._fields()  # added by the module product_expiry
        return {"expiration_date": f"{posting.expiry} 00:00:00"} if known and posting.expiry else {}


def _id_of(value: Any) -> Any:
    """The id of a many2one value, which is [id, name] or False."""
    return value[0] if isinstance(value, list) and value else value


_RETURN, _BACKORDER = "stock.return.picking", "stock.backorder.confirmation"

_OPEN = ("draft", "waiting", "confirmed", "assigned")
_DONE, _CANCELLED = "done", "cancel"
_SHOWN = ("name", "state", "location_dest_id")
PAGE = 1000  # Products per request, so that an answer stays small.
_RETURNS_ALL = 18  # From this version on `create_returns` sets no quantities; `action_create_returns_all` does.


class OdooConnection(ConnectionSettings):
    """A connector to an Odoo."""

    odoo: OdooSettings

    def connector(self) -> Odoo:
        """Create the connector."""
        return Odoo("odoo", self.odoo)


class Odoo(Connector):
    """Connector to one Odoo database."""

    def __init__(self, name: str, settings: OdooSettings, *, transport: httpx.BaseTransport | None = None) -> None:
        self._name, self._settings = name, settings
        self._web = Http(name, settings.url, ca_file=settings.ca_file, within_s=settings.answer_s, transport=transport)
        self._rpc = _OdooRpc(name, self._web, settings.database, settings.user, settings.key)
        self._ref = settings.reference_field
        self._names = _OdooNames(name, settings, self._rpc)

    # Finding

    def find(self, posting: Posting) -> Sequence[Document]:
        """The transfers that carry its reference."""
        self._names.demand_reference_field()
        found = self._rpc.search_read(_PICKING, [[self._ref, "=", posting.reference]], _SHOWN)
        back = self._find_returns(posting) if found else []
        return [self._to_document(one, reversed_by=back) for one in found]

    def _find_returns(self, posting: Posting) -> list[_Record]:
        wanted = [[self._ref, "=", reversal_reference(posting)], ["state", "!=", _CANCELLED]]
        return self._rpc.search_read(_PICKING, wanted, ["name", "state", "return_id"])

    def _to_document(self, picking: _Record, reversed_by: Sequence[_Record] = ()) -> Document:
        back = [one for one in reversed_by if _id_of(one["return_id"]) == picking["id"] and one["state"] == _DONE]
        if back or picking["state"] == _CANCELLED:
            state = DocumentState.REVERSED
        else:
            state = DocumentState.DONE if picking["state"] == _DONE else DocumentState.DRAFT
        return Document(str(picking["id"]), str(picking["name"]), state)

    def _load_transfer(self, document_id: int) -> _Record:
        found = self._rpc.search_read(_PICKING, [["id", "=", document_id]], _SHOWN)
        if not found:
            raise Away(f"{self._name}: the transfer {document_id} is gone from Odoo")
        return found[0]

    # Posting

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Write the received quantities into the order's open transfer, and validate it."""
        picking = self._write_into_transfer(posting) if draft is None else int(draft.id)
        try:
            self._validate(picking)
        except _OdooRefused as refused:
            self._release(picking)
            # Odoo's messages are translated: only a few are recognised.
            why = DeclineReason.LOT_MISSING if "Lot/Serial" in str(refused) else DeclineReason.OTHER
            raise Declined(why, str(refused)) from None
        return self._to_document(self._load_transfer(picking))

    def _write_into_transfer(self, posting: Posting) -> int:
        """Write the reference and the lines of the transfer in one request, so all or nothing; its id."""
        item, quantity, damaged = require_item_and_quantities(posting)
        orders = format_order_names(posting, self._settings.orders)
        product = self._names.find_product(item)
        if product["tracking"] != "none" and posting.lot is None:
            raise Declined(DeclineReason.LOT_MISSING, f"{item} is kept by lots in Odoo, and none was said")
        picking = self._find_open_transfer(orders, posting.reference)
        move = self._find_move(picking, product)
        line = {
            "picking_id": picking["id"],
            "move_id": move["id"],
            "product_id": product["id"],
            self._names.unit_field(): self._names.find_unit(posting),
            "location_dest_id": self._names.find_location_of(posting, picking),
            "picked": True,
            **({} if posting.lot is None or product["tracking"] == "none" else {"lot_name": posting.lot}),
            **(
                {}
                if posting.pallet is None
                else {"result_package_id": self._names.find_or_create_package(posting.pallet)}
            ),
            **self._names.expiry_field(posting),
        }
        lines = [] if not quantity else [[0, 0, {**line, "quantity": float(quantity)}]]
        if damaged:
            lines.append(
                [0, 0, {**line, "quantity": float(damaged), "location_dest_id": self._names.find_damaged_location()}]
            )
        # Odoo's own reservations for this product, and unfinished lines of its users, are replaced by the counted
        # quantities.
        old = self._rpc.search_read(_LINE, [["picking_id", "=", picking["id"]], ["move_id", "=", move["id"]]], ["id"])
        values = {
            self._ref: posting.reference,
            "note": f"<p>{escape(format_posting(posting))}</p>",
            "move_line_ids": [*([2, one["id"], 0] for one in old), *lines],
        }
        self._rpc.call(_PICKING, "write", [picking["id"]], values)
        return int(picking["id"])

    def _validate(self, picking: int) -> None:
        """Validate the transfer, and confirm its wizard: the remaining quantity stays open as a backorder."""
        asked = self._rpc.call(_PICKING, "button_validate", [picking])
        if self._load_transfer(picking)["state"] == _DONE or not isinstance(asked, dict) or "res_model" not in asked:
            return  # Done; or not, which `find` shows.
        if asked["res_model"] != _BACKORDER:
            raise _OdooRefused(
                DeclineReason.OTHER,
                f"Odoo asks {asked.get('name', '')!r} ({asked['res_model']}), which a person answers",
            )
        context = asked.get("context", {})
        wizard = self._rpc.call(_BACKORDER, "create", {}, context=context)
        self._rpc.call(_BACKORDER, "process", [wizard], context=context)

    def _release(self, picking: int) -> None:
        """Undo `_write_into_transfer` after a refusal: the transfer is open for other entries again."""
        lines = self._rpc.search_read(_LINE, [["picking_id", "=", picking], ["picked", "=", True]], ["id"])
        values = {self._ref: False, "note": False, "move_line_ids": [[2, one["id"], 0] for one in lines]}
        self._rpc.call(_PICKING, "write", [picking], values)

    def _find_open_transfer(self, orders: Sequence[str], reference: str) -> _Record:
        wanted = [["origin", "in", list(orders)], ["picking_type_code", "=", "incoming"], ["return_id", "=", False]]
        there = self._rpc.search_read(_PICKING, wanted, [*_SHOWN, "origin", self._ref])
        named = " or ".join(orders)
        if not there:
            raise Declined(DeclineReason.ORDER_UNKNOWN, f"no transfer in Odoo has the source document {named}")
        if len({one["origin"] for one in there}) > 1:
            raise Declined(DeclineReason.ORDER_UNKNOWN, f"Odoo has {named}, and which one is meant is nobody's guess")
        waiting = [one for one in there if one["state"] in _OPEN]
        if not waiting:
            raise Declined(DeclineReason.ORDER_CLOSED, f"all of {there[0]['origin']} was received or cancelled in Odoo")
        free = [one for one in waiting if one[self._ref] in {False, reference}]
        if not free:
            first = waiting[0]
            message = f"is taken by the entry {first[self._ref]}, which is not done yet"
            raise Away(f"{self._name}: {first['name']} of {first['origin']} {message}")
        return free[0]

    def _find_move(self, picking: _Record, product: _Record) -> _Record:
        wanted = [["picking_id", "=", picking["id"]], ["product_id", "=", product["id"]], ["state", "!=", _CANCELLED]]
        found = self._rpc.search_read(_MOVE, wanted, ["product_uom", "state"])
        if len(found) != 1:
            message = "is on several lines of" if found else "is not, or no more, on"
            where = f"{picking['name']} of {picking['origin']}"
            raise Declined(
                DeclineReason.OTHER if found else DeclineReason.ITEM_UNKNOWN,
                f"{product['default_code']} {message} {where}",
            )
        return found[0]

    # Reversing

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        """Return the whole transfer; release one that was only begun."""
        picking = int(document.id)
        if document.state is DocumentState.DRAFT:
            self._release(picking)
            return Document(document.id, document.number, DocumentState.REVERSED)
        back = [one for one in self._find_returns(posting) if _id_of(one["return_id"]) == picking]
        returned = int(back[0]["id"]) if back else self._find_or_create_return(posting, picking)
        try:
            self._validate(returned)
        except _OdooRefused as refused:
            raise Declined(DeclineReason.OTHER, f"the return of {document.number}: {refused}") from None
        return self._to_document(self._load_transfer(picking), self._find_returns(posting))

    def _find_or_create_return(self, posting: Posting, picking: int) -> int:
        """The transfer that returns it: one that an earlier call created, or a new one."""
        mine = [["return_id", "=", picking], ["state", "in", list(_OPEN)], [self._ref, "=", False]]
        found = self._rpc.search_read(_PICKING, [*mine, ["create_uid.login", "=", self._settings.user]], ["name"])
        if found:
            made = int(found[0]["id"])
        else:
            context = {"active_model": _PICKING, "active_id": picking, "active_ids": [picking]}
            wizard = self._rpc.call(_RETURN, "create", {"picking_id": picking}, context=context)
            method = "action_create_returns_all" if self._rpc.version[0] >= _RETURNS_ALL else "create_returns"
            made = int(self._rpc.call(_RETURN, method, [wizard], context=context)["res_id"])
        self._rpc.call(_PICKING, "write", [made], {self._ref: reversal_reference(posting)})
        return made

    # Pulling

    def pull(self) -> PulledData:
        """Items with their units. Transfers in Odoo name neither pallets nor trailers, so no list is made of them."""
        omitted: list[Omission] = []
        codes = {name: code for code, name in self._settings.units.items() if " " not in code}  # names for every item
        uoms = {one["id"]: one for one in self._rpc.search_read(_UOM, [], self._uom_fields())}
        items = []
        for product in self._load_products():
            base = codes.get(str(uoms[_id_of(product["uom_id"])]["name"]))
            if base is None:
                unit = uoms[_id_of(product["uom_id"])]["name"]
                omitted.append(Omission(f"item {product['default_code']}", f"units does not name its unit {unit!r}"))
                continue
            others = tuple(_convertible_units(uoms[_id_of(product["uom_id"])], uoms, codes))
            lots = product["tracking"] != "none"
            items.append(PulledItem(product["default_code"], product["name"], base, others, lots))
        return PulledData(None, items, None, omitted)

    def _uom_fields(self) -> Sequence[str]:
        known = self._rpc.call(_UOM, "fields_get", [], attributes=["type"])
        return ["name", "factor", *(one for one in ("factor_inv", "category_id", "relative_uom_id") if one in known)]

    def _load_products(self) -> Sequence[_Record]:
        found: list[_Record] = []
        fields = ["default_code", "name", "tracking", "uom_id"]
        while len(
            more := self._rpc.search_read(
                _PRODUCT, [["default_code", "!=", False]], fields, limit=PAGE, offset=len(found)
            )
        ):
            found += more
            if len(more) < PAGE:
                break
        return found

    def describe_system(self) -> str:
        """Describe the version, address, database and user."""
        self._names.demand_reference_field()
        return f"Odoo {self._rpc.version[1]} at {self._settings.url}, {self._settings.database}, {self._settings.user}"

    def close(self) -> None:
        """Close the connection."""
        self._web.close()


def _convertible_units(base: _Record, uoms: Mapping[int, _Record], codes: Mapping[str, str]) -> Iterator[PulledUnit]:
    """The units convertible into this one that have a code."""
    for one in uoms.values():
        if one["id"] != base["id"] and one["name"] in codes and _unit_root(one, uoms) == _unit_root(base, uoms):
            yield PulledUnit(codes[one["name"]], _unit_factor(one) / _unit_factor(base))


def _unit_root(uom: _Record, uoms: Mapping[int, _Record]) -> Any:
    """The root that convertible units share: the category until Odoo 18, later the top of `relative_uom_id`."""
    if "category_id" in uom:
        return _id_of(uom["category_id"])
    while uom["relative_uom_id"]:
        uom = uoms[_id_of(uom["relative_uom_id"])]
    return uom["id"]


def _unit_factor(uom: _Record) -> Decimal:
    return Decimal(str(uom["factor_inv"] if "factor_inv" in uom else uom["factor"]))
