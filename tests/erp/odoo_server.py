"""An Odoo for tests: what its published source says of transfers, over JSON-RPC, and no more.

Written from odoo/odoo, addons/stock: models/stock_picking.py (`button_validate`, `_sanity_check`, `_check_backorder`,
`_create_backorder`), models/stock_move_line.py, wizard/stock_picking_return.py, wizard/stock_backorder_confirmation.py.
It is no Odoo: what it does not do, nobody has seen Odoo do with ours.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

KEY = "an-api-key"
REFERENCE = "x_dockvoice_reference"
SUPPLIERS, STOCK, INPUT, DAMAGED = 4, 8, 9, 10

READS = frozenset({"search_read", "fields_get"})

Record = dict[str, Any]


class UserError(Exception):
    """Odoo speaks to its user."""

    name = "odoo.exceptions.UserError"


class AccessDenied(UserError):
    name = "odoo.exceptions.AccessDenied"


class OtherOdoo:
    """One database. `asks` is the backorder question; `prints` is a report that is shown behind a validation."""

    def __init__(self, version: str = "17.0", *, asks: str = "ask", prints: bool = False, field: bool = True) -> None:
        self.version, self.asks, self.prints, self.has_field = version, asks, prints, field
        self.number = int(version.split(".", maxsplit=1)[0])
        self.unit = "product_uom_id"
        self.package_model = "stock.package" if self.number >= 19 else "stock.quant.package"
        self.ids = itertools.count(100)
        self.calls: list[tuple[str, str]] = []
        self.question: Record | None = None  # Asked by the next validation, in the place of what it would do.
        self.uoms = self._uoms()
        self.tables: dict[str, dict[int, Record]] = {
            "stock.picking": {},
            "stock.move": {},
            "stock.move.line": {},
            "product.product": {},
            "uom.uom": self.uoms,
            self.package_model: {},
            "stock.backorder.confirmation": {},
            "stock.return.picking": {},
            "stock.location": {
                SUPPLIERS: {"complete_name": "Partners/Vendors"},
                STOCK: {"complete_name": "WH/Stock"},
                INPUT: {"complete_name": "WH/Input"},
                DAMAGED: {"complete_name": "WH/Damaged"},
            },
        }

    def _uoms(self) -> dict[int, Record]:
        rows = [(1, "Units", 1), (2, "Case of 12", 12), (3, "kg", 1), (4, "Dozens", 12)]
        if self.number >= 19:
            roots = {1: False, 2: [1, "Units"], 3: False, 4: [1, "Units"]}
            return {at: {"name": name, "factor": of, "relative_uom_id": roots[at]} for at, name, of in rows}
        kinds = {1: [1, "Unit"], 2: [1, "Unit"], 3: [2, "Weight"], 4: [1, "Unit"]}
        return {
            at: {"name": name, "factor": 1 / of, "factor_inv": of, "category_id": kinds[at]} for at, name, of in rows
        }

    # What a test sets up, and looks at

    def product(self, code: str, *, tracking: str = "none", uom: int = 1) -> int:
        at = next(self.ids)
        unit = [uom, self.uoms[uom]["name"]]
        row = {"default_code": code, "name": f"Product {code}", "tracking": tracking, "uom_id": unit}
        self.tables["product.product"][at] = row
        return at

    def order(self, origin: str, *lines: tuple[int, float, int]) -> int:
        """A receipt that waits for products, quantities and units."""
        picking = self._picking(origin, "incoming", SUPPLIERS, STOCK)
        for product, quantity, uom in lines:
            self._demand(picking, product, quantity, uom)
        return picking

    def stock(self) -> dict[tuple[str, int, str], Decimal]:
        """What is where, by product, location and lot, in the product's unit."""
        found: dict[tuple[str, int, str], Decimal] = {}
        for line in self.tables["stock.move.line"].values():
            if self._of("stock.picking", line["picking_id"])["state"] != "done":
                continue
            product = self._of("product.product", line["product_id"])
            base = self.uoms[product["uom_id"][0]]
            unit = self.uoms[line[self.unit]]
            quantity = Decimal(str(line["quantity"])) * self._factor(unit) / self._factor(base)
            for place, sign in ((line["location_id"], -1), (line["location_dest_id"], 1)):
                key = (product["default_code"], place, line.get("lot_name") or "")
                found[key] = found.get(key, Decimal(0)) + sign * quantity
        return {key: value for key, value in found.items() if key[1] != SUPPLIERS and value}

    def pickings(self, **wanted: Any) -> list[Record]:
        rows = ({"id": at, **row} for at, row in self.tables["stock.picking"].items())
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    # JSON-RPC

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        said: Record = {"jsonrpc": "2.0", "id": asked["id"]}
        reads = asked["params"]["service"] == "common" or asked["params"]["args"][4] in READS
        before = "" if reads else json.dumps(self.tables)
        try:
            said["result"] = self._asked(**asked["params"])
        except UserError as fault:
            if not reads:  # A transaction: what was refused has changed nothing.
                kept = json.loads(before)
                self.tables = {model: {int(at): row for at, row in rows.items()} for model, rows in kept.items()}
                self.uoms = self.tables["uom.uom"]
            data = {"name": fault.name, "message": str(fault), "arguments": [str(fault)], "debug": "Traceback…"}
            said["error"] = {"code": 200, "message": "Odoo Server Error", "data": data}
        return httpx.Response(200, json=said)

    def _asked(self, service: str, method: str, args: Sequence[Any]) -> Any:
        if (service, method) == ("common", "version"):
            return {"server_version": self.version, "protocol_version": 1}
        if (service, method) == ("common", "authenticate"):
            return 2 if args[2] == KEY else False
        assert (service, method) == ("object", "execute_kw")
        _, uid, key, model, name, positional, named = args
        if (uid, key) != (2, KEY):
            raise AccessDenied("Access Denied")
        self.calls.append((model, name))
        return getattr(self, f"_{name}")(model, *positional, **named)

    def _fields_get(self, model: str, wanted: Sequence[str] = (), attributes: Sequence[str] = ()) -> Record:
        if model == "stock.picking":
            return {REFERENCE: {"type": "char"}} if self.has_field and REFERENCE in wanted else {}
        if model == "stock.move.line":
            known = {"quantity": {}, "picked": {}, self.unit: {"relation": "uom.uom"}}
            return {**known, "result_package_id": {"relation": self.package_model}}
        return {name: {} for name in next(iter(self.tables[model].values()))}

    def _search_read(self, model: str, domain: Sequence[Any], **named: Any) -> list[Record]:
        rows = [{"id": at, **row} for at, row in sorted(self.tables[model].items())]
        found = [row for row in rows if all(self._matches(row, *one) for one in domain)]
        found = found[named.get("offset", 0) :][: named.get("limit") or None]
        return [{"id": row["id"], **{name: row[name] for name in named["fields"]}} for row in found]

    def _matches(self, row: Record, name: str, operator: str, value: Any) -> bool:
        if name == "create_uid.login":
            return True  # There is one user.
        found = row[name][0] if isinstance(row[name], list) else row[name]
        if operator == "in":
            return found in value
        return bool(found == value) is (operator == "=")

    def _create(self, model: str, values: Record, context: Mapping[str, Any] | None = None) -> int:
        if model == "stock.backorder.confirmation":
            assert context
            assert "default_pick_ids" in context
            values = {"pickings": context["button_validate_picking_ids"]}
        at = next(self.ids)
        self.tables[model][at] = dict(values)
        return at

    def _write(self, model: str, ids: Sequence[int], values: Record) -> bool:
        for at in ids:
            row = self._of(model, at)
            for command in values.get("move_line_ids", ()):
                if command[0] == 2:
                    del self.tables["stock.move.line"][command[1]]
                else:
                    self._line(at, command[2])
            row.update({name: value for name, value in values.items() if name != "move_line_ids"})
        return True

    def _line(self, picking: int, values: Record) -> None:
        if values["quantity"] < 0:
            raise UserError("You can not enter negative quantities.")
        row = {"location_id": self._of("stock.picking", picking)["location_id"], "lot_name": False, **values}
        assert row["picking_id"] == picking
        self.tables["stock.move.line"][next(self.ids)] = row

    # Transfers

    def _button_validate(self, _: str, ids: Sequence[int], context: Mapping[str, Any] | None = None) -> Any:
        if self.question is not None:
            return self.question
        for at in ids:
            picking = self._of("stock.picking", at)
            if picking["state"] == "done":
                continue
            self._sane(at)
            if not any(line["picked"] for line in self._lines(at)):
                for line in self._lines(at):
                    line["picked"] = True
            if self.asks == "ask" and not (context or {}).get("skip_backorder") and self._left(at):
                asks = {**(context or {}), "button_validate_picking_ids": [at], "default_pick_ids": [[4, at]]}
                action = {"type": "ir.actions.act_window", "res_model": "stock.backorder.confirmation"}
                return {**action, "name": "Create Backorder?", "context": asks}
            self._done(at)
        return {"type": "ir.actions.client", "tag": "do_multi_print", "params": {}} if self.prints else True

    def _process(self, model: str, ids: Sequence[int], context: Mapping[str, Any] | None = None) -> Any:
        wizard = self._of(model, ids[0])
        return self._button_validate(model, wizard["pickings"], {**(context or {}), "skip_backorder": True})

    def _sane(self, picking: int) -> None:
        lines = self._lines(picking)
        picked = [line for line in lines if line["picked"]] or lines
        if not sum(line["quantity"] for line in picked):
            raise UserError("Transfer trouble alert! Validating a zero quantity transfer?")
        products = [self._of("product.product", line["product_id"]) for line in picked if not line["lot_name"]]
        if without := [one["name"] for one in products if one["tracking"] != "none"]:
            raise UserError(f"You need to supply a Lot/Serial number for products {', '.join(without)}.")

    def _left(self, picking: int) -> dict[int, Decimal]:
        """What of each move did not come, in its unit."""
        left = {}
        for at, move in self.tables["stock.move"].items():
            if move["picking_id"] == picking and move["state"] != "cancel":
                came = sum(
                    (
                        Decimal(str(line["quantity"]))
                        * self._factor(self.uoms[line[self.unit]])
                        / self._factor(self.uoms[move["product_uom"][0]])
                        for line in self._lines(picking)
                        if line["move_id"] == at and line["picked"]
                    ),
                    Decimal(0),
                )
                if came < Decimal(str(move["product_uom_qty"])):
                    left[at] = Decimal(str(move["product_uom_qty"])) - came
        return left

    def _done(self, picking: int) -> None:
        row, left = self._of("stock.picking", picking), self._left(picking)
        for at, line in [*self.tables["stock.move.line"].items()]:
            if line["picking_id"] == picking and not line["picked"]:
                del self.tables["stock.move.line"][at]
        row["state"] = "done"
        for move in self.tables["stock.move"].values():
            if move["picking_id"] == picking:
                move["state"] = "done"
        if left and self.asks != "never":
            # A copy: its source document goes along, a field that is not copied does not.
            backorder = self._picking(
                row["origin"], row["picking_type_code"], row["location_id"], row["location_dest_id"][0]
            )
            self._of("stock.picking", backorder)["backorder_id"] = [picking, row["name"]]
            for at, quantity in left.items():
                move = self._of("stock.move", at)
                self._demand(backorder, move["product_id"], float(quantity), move["product_uom"][0])

    def _action_create_returns_all(self, model: str, ids: Sequence[int], context: Mapping[str, Any]) -> Record:
        assert self.number >= 18
        return self._returned(self._of(model, ids[0])["picking_id"], context)

    def _create_returns(self, model: str, ids: Sequence[int], context: Mapping[str, Any]) -> Record:
        assert self.number < 18
        return self._returned(self._of(model, ids[0])["picking_id"], context)

    def _returned(self, picking: int, context: Mapping[str, Any]) -> Record:
        assert context["active_id"] == picking
        row = self._of("stock.picking", picking)
        if row["state"] != "done":
            raise UserError("You may only return Done pickings.")
        back = self._picking(f"Return of {row['name']}", "outgoing", row["location_dest_id"][0], SUPPLIERS)
        self._of("stock.picking", back)["return_id"] = [picking, row["name"]]
        for line in self._lines(picking):
            taken = {"location_id": line["location_dest_id"], "location_dest_id": SUPPLIERS}
            move = self._demand(back, line["product_id"], line["quantity"], line[self.unit], line=False)
            self._line(back, {**line, **taken, "picking_id": back, "move_id": move, "picked": False})
        return {"type": "ir.actions.act_window", "res_model": "stock.picking", "res_id": back}

    def _picking(self, origin: str, code: str, source: int, to: int) -> int:
        at = next(self.ids)
        self.tables["stock.picking"][at] = {
            "name": f"WH/{'IN' if code == 'incoming' else 'OUT'}/{at:05}",
            "origin": origin,
            "state": "assigned",
            "picking_type_code": code,
            "location_id": source,
            "location_dest_id": [to, self.tables["stock.location"][to]["complete_name"]],
            "return_id": False,
            "backorder_id": False,
            "note": False,
            REFERENCE: False,
        }
        return at

    def _demand(self, picking: int, product: int, quantity: float, uom: int, *, line: bool = True) -> int:
        at = next(self.ids)
        unit = [uom, self.uoms[uom]["name"]]
        row = {"picking_id": picking, "product_id": product, "product_uom_qty": quantity, "product_uom": unit}
        self.tables["stock.move"][at] = {**row, "state": "assigned"}
        if line:  # Of what comes from a supplier all is reserved at once.
            to = self._of("stock.picking", picking)["location_dest_id"][0]
            reserved = {"picking_id": picking, "move_id": at, "product_id": product, "quantity": quantity}
            self._line(picking, {**reserved, self.unit: uom, "location_dest_id": to, "picked": False})
        return at

    def _lines(self, picking: int) -> list[Record]:
        return [line for line in self.tables["stock.move.line"].values() if line["picking_id"] == picking]

    def _of(self, model: str, at: int) -> Record:
        if at not in self.tables[model]:
            raise UserError(f"Record does not exist or has been deleted. ({model}({at},))")
        return self.tables[model][at]

    def _factor(self, uom: Record) -> Decimal:
        return Decimal(str(uom["factor_inv"] if "factor_inv" in uom else uom["factor"]))
