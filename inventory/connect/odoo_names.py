"""What things are called in Odoo: what the settings say, and which of Odoo's records has that name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, SecretStr

from dockvoice_protocol.config import Place, Section
from dockvoice_protocol.errors import Misconfigured
from inventory.connect.mapping import OrderName, place_of, unit_of
from inventory.connect.odoo_rpc import OdooRpc, Record
from inventory.connect.ports import Declined, Posting, Unset, Why
from inventory.connect.web import ANSWER_S, Address

PICKING, MOVE, LINE, PRODUCT, UOM = "stock.picking", "stock.move", "stock.move.line", "product.product", "uom.uom"
LOCATION = "stock.location"


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
    damaged: str | None = Field(None, min_length=1, description="the location for what came damaged; unset: it waits")
    answer_s: float = Field(ANSWER_S, gt=0, le=120, description="so long an answer may take, seconds")
    ca_file: Place | None = Field(None, description="whose certificates are trusted, PEM; unset: the system's")


class OdooNames:
    """The names of one database. Used by one thread."""

    def __init__(self, name: str, settings: OdooSettings, rpc: OdooRpc) -> None:
        self._name, self._settings, self._rpc = name, settings, rpc
        self._ref = settings.reference_field
        self._line_fields: Mapping[str, Record] | None = None

    def prepared(self) -> None:
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
        self.prepared()
        return self._line_fields or {}

    def unit_field(self) -> str:
        """The field of a line that holds its unit: source newer than 19 calls it uom_id."""
        return "product_uom_id" if "product_uom_id" in self._fields() else "uom_id"

    def _one(self, model: str, domain: Sequence[Any], fields: Sequence[str], none: Callable[[str], Declined]) -> Record:
        found = self._rpc.found(model, domain, fields, limit=2)
        if len(found) != 1:
            raise none("is there twice in Odoo" if found else "is not known in Odoo")
        return found[0]

    def product(self, item: str) -> Record:
        """The product of that code. Raises Declined."""
        fields = ["default_code", "tracking", "uom_id"]
        none = lambda told: Declined(Why.ITEM_UNKNOWN, f"{item} {told}")  # noqa: E731
        return self._one(PRODUCT, [["default_code", "=", item]], fields, none)

    def unit(self, posting: Posting) -> int:
        """The unit that was said. Raises Declined."""
        unit = unit_of(posting, self._settings.units)
        if unit is None:
            raise Declined(Why.UNIT_UNKNOWN, "no unit was said, and which one is meant is nobody's guess")
        none = lambda told: Unset(Why.UNIT_UNKNOWN, f"the unit {unit!r}, which units names, {told}")  # noqa: E731
        return int(self._one(UOM, [["name", "=", unit]], ["name"], none)["id"])

    def place(self, posting: Posting, picking: Record) -> int:
        """The location of the door that was said, or that of the transfer. Raises Declined."""
        place = place_of(posting, self._settings.places)
        return id_of(picking["location_dest_id"]) if place is None else self._location(place)

    def for_damaged(self) -> int:
        """The location for what came damaged. Raises Declined."""
        if self._settings.damaged is None:
            raise Unset(Why.OTHER, "some came damaged, and damaged does not say where they go in Odoo")
        return self._location(self._settings.damaged)

    def _location(self, name: str) -> int:
        none = lambda told: Unset(Why.PLACE_UNKNOWN, f"the location {name!r}, which the settings name, {told}")  # noqa: E731
        return int(self._one(LOCATION, [["complete_name", "=", name]], ["complete_name"], none)["id"])

    def package(self, pallet: str) -> int:
        """The package of that name, made where there is none."""
        model = str(self._fields()["result_package_id"]["relation"])  # stock.quant.package, or since 19 stock.package
        found = self._rpc.found(model, [["name", "=", pallet]], ["name"], limit=1)
        return int(found[0]["id"]) if found else int(self._rpc.call(model, "create", {"name": pallet}))

    def expiring(self, posting: Posting) -> Record:
        """The date by which a lot expires, where Odoo keeps one."""
        known = "expiration_date" in self._fields()  # of the module product_expiry
        return {"expiration_date": f"{posting.expiry} 00:00:00"} if known and posting.expiry else {}


def id_of(value: Any) -> Any:
    """Of a many2one, which is [id, name], or False."""
    return value[0] if isinstance(value, list) and value else value
