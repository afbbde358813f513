"""An ERPNext for tests: what Frappe's and ERPNext's published source says of purchase receipts, over REST, and no more.

Written from frappe/frappe, frappe/api/v1.py and client.py, and frappe/erpnext, buying/doctype/purchase_order (its
`make_purchase_receipt`). It is no ERPNext: what it does not do, nobody has seen ERPNext do with ours.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

KEY, SECRET = "a-key", "a-secret"
REFERENCE = "custom_dockvoice_reference"

Record = dict[str, Any]


class Thrown(Exception):
    """What Frappe answers where something is thrown."""

    def __init__(self, status: int, exception: str, message: str) -> None:
        super().__init__(message)
        self.status, self.exception = status, exception


class OtherErpNext:
    """One site."""

    def __init__(self, *, unique: bool = True) -> None:
        self.unique = unique
        self.numbers = itertools.count(1)
        self.docs: dict[str, dict[str, Record]] = {
            name: {} for name in ("Item", "Batch", "Purchase Order", "Purchase Receipt")
        }
        self.thrown: Thrown | None = None  # By the next submission.

    # What a test sets up, and looks at

    def item(self, code: str, *, batches: bool = False, uom: str = "Nos", **units: float) -> None:
        uoms = [{"uom": uom, "conversion_factor": 1.0}]
        uoms += [{"uom": name, "conversion_factor": factor} for name, factor in units.items()]
        row = {"name": code, "item_name": f"Item {code}", "stock_uom": uom, "has_batch_no": int(batches), "uoms": uoms}
        self.docs["Item"][code] = {**row, "disabled": 0, "is_stock_item": 1, "has_variants": 0}

    def order(self, name: str, *lines: tuple[str, float, str], status: str = "To Receive and Bill") -> None:
        items = [
            {"name": f"{name}-{at}", "item_code": item, "qty": qty, "uom": uom, "received_qty": 0.0, "rate": 5.0}
            for at, (item, qty, uom) in enumerate(lines)
        ]
        self.docs["Purchase Order"][name] = {"name": name, "docstatus": 1, "status": status, "items": items}

    def stock(self) -> dict[tuple[str, str, str], Decimal]:
        """What is where, by item, warehouse and batch, in the item's unit."""
        found: dict[tuple[str, str, str], Decimal] = {}
        for receipt in self.docs["Purchase Receipt"].values():
            for line in receipt["items"] if receipt["docstatus"] == 1 else []:
                factor = self._factor(line["item_code"], line["uom"])
                for place, quantity in ((line["warehouse"], "qty"), (line.get("rejected_warehouse"), "rejected_qty")):
                    key = (line["item_code"], place, line.get("batch_no") or "")
                    found[key] = found.get(key, Decimal(0)) + Decimal(str(line.get(quantity, 0))) * factor
        return {key: value for key, value in found.items() if value}

    def receipts(self, **wanted: Any) -> list[Record]:
        rows = self.docs["Purchase Receipt"].values()
        return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]

    # REST

    def __call__(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url))
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        said = json.loads(request.content) if request.content else {}
        try:
            if request.headers.get("authorization") != f"token {KEY}:{SECRET}":
                raise Thrown(401, "AuthenticationError", "Authentication failed")
            _, _, kind, *names = (unquote(one) for one in parts.path.split("/"))
            answer = (
                self._method(names[0], {**asked, **said})
                if kind == "method"
                else self._resource(request.method, names, asked, said)
            )
        except Thrown as fault:
            shown = json.dumps([json.dumps({"message": f"<b>{fault}</b>", "indicator": "red"})])
            told = {"exception": f"frappe.exceptions.{fault.exception}: {fault}", "exc_type": fault.exception}
            return httpx.Response(fault.status, json={**told, "_server_messages": shown})
        return httpx.Response(200, json=answer)

    def _method(self, name: str, said: Record) -> Record:
        match name.rpartition(".")[2]:
            case "getdoctype":
                fields = [{"fieldname": REFERENCE, "fieldtype": "Data", "unique": int(self.unique)}]
                return {"docs": [{"name": said["doctype"], "fields": fields}], "user_settings": "{}"}
            case "get_logged_user":
                return {"message": "dock@example.com"}
            case "make_purchase_receipt":
                return {"message": self._made(said["source_name"])}
            case "cancel":
                receipt = self._of(said["doctype"], said["name"])
                if receipt["docstatus"] != 1:
                    raise Thrown(417, "DocstatusTransitionError", "Cannot edit cancelled document")
                if receipt.get("billed"):
                    raise Thrown(
                        417, "LinkExistsError", f"Cannot cancel because {said['name']} is linked with an invoice"
                    )
                receipt["docstatus"] = 2
                self._count(receipt, -1)
                return {"message": receipt}
            case _:
                raise Thrown(417, "ValidationError", f"Failed to get method for command {name}")

    def _resource(self, method: str, names: Sequence[str], asked: Record, said: Record) -> Record:
        doctype = names[0]
        match method, len(names):
            case "GET", 1:
                return {"data": self._list(doctype, asked)}
            case "GET", 2:
                return {"data": self._of(doctype, names[1])}
            case "POST", 1:
                return {"data": self._insert(doctype, said)}
            case "PUT", 2:
                return {"data": self._submit(self._of(doctype, names[1]), said)}
            case "DELETE", 2:
                if self._of(doctype, names[1]).get("docstatus") == 1:
                    raise Thrown(417, "ValidationError", "Submitted Record cannot be deleted")
                del self.docs[doctype][names[1]]
                return {"data": "ok"}
            case _:
                raise AssertionError((method, names))

    def _list(self, doctype: str, asked: Record) -> list[Record]:
        filters, fields = json.loads(asked["filters"]), json.loads(asked["fields"])
        rows = [
            row
            for row in self.docs[doctype].values()
            if all(self._matches(row.get(name), operator, value) for name, operator, value in filters)
        ]
        start, length = int(asked.get("limit_start", 0)), int(asked.get("limit_page_length", 20))
        return [{name: row.get(name) for name in fields} for row in rows[start : start + length if length else None]]

    @staticmethod
    def _matches(found: Any, operator: str, value: Any) -> bool:
        return bool(found == value) if operator == "=" else found in value

    def _made(self, order: str) -> Record:
        """A receipt of all that did not come yet, which is kept nowhere."""
        source = self._of("Purchase Order", order)
        items = [
            {
                "item_code": line["item_code"],
                "qty": line["qty"] - line["received_qty"],
                "received_qty": line["qty"] - line["received_qty"],
                "uom": line["uom"],
                "conversion_factor": float(self._factor(line["item_code"], line["uom"])),
                "stock_qty": 0.0,
                "rate": line["rate"],
                "warehouse": "Stores",
                "purchase_order": order,
                "purchase_order_item": line["name"],
            }
            for line in source["items"]
            if line["received_qty"] < line["qty"] and source["status"] != "Closed"
        ]
        return {"doctype": "Purchase Receipt", "docstatus": 0, "supplier": "Acme", "items": items, "__islocal": 1}

    def _insert(self, doctype: str, said: Record) -> Record:
        row = {**said, "docstatus": 0}
        if doctype == "Batch":
            row["name"] = said["batch_id"]
        else:
            self._valid(row)
            row["name"] = f"MAT-PRE-2026-{next(self.numbers):05}"
        if row["name"] in self.docs[doctype]:
            raise Thrown(409, "DuplicateEntryError", f"{doctype} {row['name']} already exists")
        self.docs[doctype][row["name"]] = row
        return row

    def _valid(self, receipt: Record) -> None:
        if self.unique and self.receipts(**{REFERENCE: receipt[REFERENCE]}):
            raise Thrown(417, "UniqueValidationError", f"{REFERENCE} must be unique")
        for line in receipt["items"]:
            if line["received_qty"] != line["qty"] + line.get("rejected_qty", 0):
                raise Thrown(417, "QtyMismatchError", "Accepted + Rejected Qty must be equal to Received quantity")
            if line.get("rejected_qty") and not line.get("rejected_warehouse"):
                raise Thrown(417, "ValidationError", "Rejected Warehouse is mandatory against rejected Item")
            if line.get("batch_no") and line["batch_no"] not in self.docs["Batch"]:
                raise Thrown(417, "LinkValidationError", f"Could not find Batch No: {line['batch_no']}")

    def _submit(self, receipt: Record, said: Record) -> Record:
        assert said == {"docstatus": 1}
        if receipt["docstatus"] != 0:
            return receipt
        if self.thrown is not None:
            raise self.thrown
        for line in receipt["items"]:
            ordered = self._line_of(line)
            if line["qty"] + ordered["received_qty"] > ordered["qty"]:
                raise Thrown(417, "OverAllowanceError", "This document is over limit by Qty")
            if self._of("Item", line["item_code"])["has_batch_no"] and not line.get("batch_no"):
                raise Thrown(417, "ValidationError", "Batch No is mandatory")
        receipt["docstatus"] = 1
        self._count(receipt, 1)
        return receipt

    def _count(self, receipt: Record, sign: int) -> None:
        for line in receipt["items"]:
            self._line_of(line)["received_qty"] += sign * line["received_qty"]

    def _line_of(self, line: Record) -> Record:
        order = self._of("Purchase Order", line["purchase_order"])
        (found,) = [one for one in order["items"] if one["name"] == line["purchase_order_item"]]
        assert isinstance(found, dict)
        return found

    def _of(self, doctype: str, name: str) -> Record:
        if name not in self.docs[doctype]:
            raise Thrown(404, "DoesNotExistError", f"{doctype} {name} not found")
        return self.docs[doctype][name]

    def _factor(self, item: str, uom: str) -> Decimal:
        (factor,) = [one["conversion_factor"] for one in self.docs["Item"][item]["uoms"] if one["uom"] == uom]
        return Decimal(str(factor))
