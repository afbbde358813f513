"""Odoo's JSON-RPC client, and the lookup of products, units, locations and packages by name."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, SecretStr

from dockvoice_protocol.config import Place, Section
from dockvoice_protocol.errors import Misconfigured
from inventory.connect.mapping import OrderName, place_of, unit_of
from inventory.connect.ports import Away, Declined, Posting, Unset, Why
from inventory.connect.web import ANSWER_S, Address, Web, shortened

OLDEST, NEWEST = 17, 19
"""Odoo 17 is the first whose move lines have `quantity` and `picked`; version 22 is to remove `/jsonrpc`."""

_REFUSALS = frozenset({"UserError", "ValidationError", "RedirectWarning", "MissingError"})
"""Exceptions about the request itself, with a message for users."""
_RIGHTS = frozenset({"AccessError", "AccessDenied"})

Record = Mapping[str, Any]


class OdooRefused(Declined):
    """Odoo refused the request."""


class OdooRpc:
    """JSON-RPC calls to one Odoo database as one user. Used by one thread."""

    def __init__(self, name: str, web: Web, database: str, user: str, key: SecretStr) -> None:
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
            if number is None or not OLDEST <= int(number[0]) <= NEWEST:
                raise Misconfigured(
                    f"{self._name}: {self._web.address} is Odoo {said or '?'}; {OLDEST} to {NEWEST} are known here"
                )
            self._version = int(number[0]), said
        return self._version

    def call(self, model: str, method: str, *args: Any, context: Record | None = None, **named: Any) -> Any:
        """The result of a model's method. Raises Away, Declined, Misconfigured."""
        if context is not None:
            named["context"] = context
        secret = self._key.get_secret_value()
        return self._call("object", "execute_kw", [self._database, self._user_id(), secret, model, method, args, named])

    def search_read(self, model: str, domain: Sequence[Any], fields: Sequence[str], **named: Any) -> list[Record]:
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
        if not answer.well or not isinstance(said, dict) or not {"result", "error"} & said.keys():
            where = f"{self._web.address}/jsonrpc"
            raise Away(f"{self._name}: {where} answered {answer.status} and no JSON-RPC: {answer.excerpt() or '-'}")
        if "error" in said:
            raise self._to_exception(said["error"])
        return said["result"]

    def _to_exception(self, error: Any) -> Exception:
        data = error.get("data", {}) if isinstance(error, dict) else {}
        exception = str(data.get("name", "")).rpartition(".")[2]
        message = shortened(str(data.get("message", ""))) or "it says no more"
        if exception in _REFUSALS:
            return OdooRefused(Why.OTHER, message)
        if exception in _RIGHTS:
            return Misconfigured(f"{self._name}: the user {self._user!r} may not do this in Odoo: {message}")
        # A serialisation conflict, a database being upgraded, or an internal error of Odoo.
        return Away(f"{self._name}: Odoo is in trouble ({exception or 'unknown'}): {message}")


PICKING, MOVE, LINE, PRODUCT, UOM = "stock.picking", "stock.move", "stock.move.line", "product.product", "uom.uom"
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
    answer_s: float = Field(ANSWER_S, gt=0, le=120, description="so long an answer may take, seconds")
    ca_file: Place | None = Field(None, description="whose certificates are trusted, PEM; unset: the system's")


class OdooNames:
    """Looks up records by the names of the settings and entries. Used by one thread."""

    def __init__(self, name: str, settings: OdooSettings, rpc: OdooRpc) -> None:
        self._name, self._settings, self._rpc = name, settings, rpc
        self._ref = settings.reference_field
        self._line_fields: Mapping[str, Record] | None = None

    def demand_reference_field(self) -> None:
        """Check once that transfers have our field. Raises Misconfigured."""
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
        self.demand_reference_field()
        return self._line_fields or {}

    def unit_field(self) -> str:
        """The name of the unit field of a move line: `uom_id` in source newer than 19."""
        return "product_uom_id" if "product_uom_id" in self._fields() else "uom_id"

    def _find_one(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], none: Callable[[str], Declined]
    ) -> Record:
        found = self._rpc.search_read(model, domain, fields, limit=2)
        if len(found) != 1:
            raise none("is there twice in Odoo" if found else "is not known in Odoo")
        return found[0]

    def find_product(self, item: str) -> Record:
        """The product of that code. Raises Declined."""
        fields = ["default_code", "tracking", "uom_id"]
        none = lambda message: Declined(Why.ITEM_UNKNOWN, f"{item} {message}")  # noqa: E731
        return self._find_one(PRODUCT, [["default_code", "=", item]], fields, none)

    def find_unit(self, posting: Posting) -> int:
        """The id of the spoken unit. Raises Declined."""
        unit = unit_of(posting, self._settings.units)
        if unit is None:
            raise Declined(Why.UNIT_UNKNOWN, "no unit was said, and which one is meant is nobody's guess")
        none = lambda message: Unset(Why.UNIT_UNKNOWN, f"the unit {unit!r}, which units names, {message}")  # noqa: E731
        return int(self._find_one(UOM, [["name", "=", unit]], ["name"], none)["id"])

    def find_location_of(self, posting: Posting, picking: Record) -> int:
        """The id of the door's location; without one, the transfer's. Raises Declined."""
        place = place_of(posting, self._settings.places)
        return id_of(picking["location_dest_id"]) if place is None else self._find_location(place)

    def find_damaged_location(self) -> int:
        """The id of the location for damaged goods. Raises Declined."""
        if self._settings.damaged is None:
            raise Unset(Why.OTHER, "some came damaged, and damaged does not say where they go in Odoo")
        return self._find_location(self._settings.damaged)

    def _find_location(self, name: str) -> int:
        none = lambda message: Unset(Why.PLACE_UNKNOWN, f"the location {name!r}, which the settings name, {message}")  # noqa: E731
        return int(self._find_one(_LOCATION, [["complete_name", "=", name]], ["complete_name"], none)["id"])

    def find_or_create_package(self, pallet: str) -> int:
        """The id of the package of that name, created if there is none."""
        model = str(self._fields()["result_package_id"]["relation"])  # stock.quant.package, stock.package from 19 on
        found = self._rpc.search_read(model, [["name", "=", pallet]], ["name"], limit=1)
        return int(found[0]["id"]) if found else int(self._rpc.call(model, "create", {"name": pallet}))

    def expiry_field(self, posting: Posting) -> Record:
        """The field with the lot's expiry date; empty if Odoo has no such field."""
        known = "expiration_date" in self._fields()  # added by the module product_expiry
        return {"expiration_date": f"{posting.expiry} 00:00:00"} if known and posting.expiry else {}


def id_of(value: Any) -> Any:
    """The id of a many2one value, which is [id, name] or False."""
    return value[0] if isinstance(value, list) and value else value
