"""ERPNext 14 to 16: a receipt is a Purchase Receipt made from its Purchase Order and submitted; a reversal cancels it.

Written from Frappe's and ERPNext's published source (frappe/api/v1.py, buying/doctype/purchase_order) and their REST
documentation; not tested against a running ERPNext. ERPNext allows any number of drafts of one order, so a receipt
carries our reference in a field that ERPNext keeps unique.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote, urlencode

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
from inventory.connect.notices import format_posting
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
from inventory.connect.web import ANSWER_TIMEOUT_S, Address, Http, HttpAnswer, shorten_to_line

_RECEIPT, _ORDER, _ITEM, _BATCH = "Purchase Receipt", "Purchase Order", "Item", "Batch"
_MAKE = "erpnext.buying.doctype.purchase_order.purchase_order.make_purchase_receipt"
_CANCEL = "frappe.client.cancel"
_META = "frappe.desk.form.load.getdoctype"  # Browsers load it, so every user may; DocField needs a manager.

_DRAFT, _SUBMITTED = 0, 1  # Values of `docstatus`; 2 is cancelled.
_SETTLED_STATES = frozenset({"Closed", "Completed", "Delivered", "Cancelled"})  # The order is finished.
_NOT_FOUND, _CONFLICT, _NOT_ALLOWED = 404, 409, frozenset({401, 403})
PAGE = 500  # Items per request, so that an answer stays small.
_MOST_PLACES = 6  # Most decimal places of a converted quantity: more mean that the conversion is not exact.

_TRY_AGAIN = frozenset(
    {
        "TimestampMismatchError",
        "QueryDeadlockError",
        "QueryTimeoutError",
        "DocumentLockedError",
        "SessionStopped",
        "InReadOnlyMode",
    }
)
"""Exceptions of a temporary state, which a retry may resolve."""

_WHY: Mapping[str, DeclineReason] = {
    "BatchExpiredError": DeclineReason.EXPIRED,
    "BatchNegativeStockError": DeclineReason.QUANTITY_WRONG,
    "ClosedAccountingPeriod": DeclineReason.ORDER_CLOSED,
    "InvalidStatusError": DeclineReason.ORDER_CLOSED,
    "OverAllowanceError": DeclineReason.QUANTITY_WRONG,
    "StockFreezeError": DeclineReason.ORDER_CLOSED,
    "StockOverReturnError": DeclineReason.QUANTITY_WRONG,
    "UOMMustBeIntegerError": DeclineReason.QUANTITY_WRONG,
}
"""The reason code of an exception of ERPNext's."""

_NAMES_NOTHING = "LinkValidationError"
"""Thrown for a link to a missing record. Of the links in a receipt only the warehouses come from the settings: ERPNext
made the others, or they were looked up before."""

_Record = Mapping[str, Any]


class ErpNextSettings(Section):
    """A site of ERPNext, and the mapping to its names."""

    url: Address = Field(description="where the site is, without /api")
    key: str = Field(min_length=1, description="the API key of a user of Stock")
    secret: SecretStr = Field(min_length=1, description="its API secret")
    reference_field: Annotated[str, Field(pattern="^[a-z][a-z0-9_]+$")] = Field(
        "custom_dockvoice_reference", description="the field of purchase receipts that carries our reference"
    )
    orders: Annotated[tuple[OrderName, ...], Field(min_length=1)] = Field(
        ("{}",), description="what an order is called there, {} being what was said: PUR-ORD-2026-{}; several are tried"
    )
    units: Mapping[str, str] = Field({}, description="what the units of our forms are called there: CS = 'Box'")
    places: Mapping[str, str] = Field({}, description="which warehouse a door leads to; unset: that of the order")
    damaged: str | None = Field(None, min_length=1, description="the warehouse for what came damaged; unset: it waits")
    answer_s: float = Field(ANSWER_TIMEOUT_S, gt=0, le=120, description="so long an answer may take, seconds")
    ca_file: Place | None = Field(None, description="whose certificates are trusted, PEM; unset: the system's")


class ErpNextConnection(ConnectionSettings):
    """A connector to an ERPNext."""

    erpnext: ErpNextSettings

    def connector(self) -> ErpNext:
        """Create the connector."""
        return ErpNext("erpnext", self.erpnext)


class _NotThere(Declined):
    """The document does not exist."""


class ErpNext(Connector):
    """Connector to an ERPNext site."""

    def __init__(self, name: str, settings: ErpNextSettings, *, transport: httpx.BaseTransport | None = None) -> None:
        self._name, self._settings, self._ref = name, settings, settings.reference_field
        self._prepared = False
        self._web = Http(
            name,
            settings.url,
            ca_file=settings.ca_file,
            headers={
                "authorization": f"token {settings.key}:{settings.secret.get_secret_value()}",
                "accept": "application/json",
                "content-type": "application/json",
            },
            within_s=settings.answer_s,
            transport=transport,
        )

    # Finding

    def find(self, posting: Posting) -> Sequence[Document]:
        """The purchase receipts that carry its reference."""
        self._check_reference_field()
        found = self._list(_RECEIPT, [[self._ref, "=", posting.reference]], ["name", "docstatus"])
        return [_to_document(one) for one in found]

    # Posting

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Insert the receipt made from the order as a draft with our reference, and submit it."""
        name = self._insert_draft(posting) if draft is None else draft.id
        try:
            self._request("PUT", _path(_RECEIPT, name), {"docstatus": _SUBMITTED})
        except _NotThere:
            raise _missing_receipt(self._name, self._web.address, name) from None
        except Declined:
            self._delete_draft(name)  # No unfinished draft is left behind.
            raise
        return self._load_receipt(name)

    def _load_receipt(self, name: str) -> Document:
        try:
            return _to_document(self._get(_RECEIPT, name))
        except _NotThere:
            raise _missing_receipt(self._name, self._web.address, name) from None

    def _insert_draft(self, posting: Posting) -> str:
        self._check_reference_field()
        receipt = self._build_receipt(posting)
        said = self._request("POST", _path(_RECEIPT), receipt)
        return str(said["data"]["name"])

    def _build_receipt(self, posting: Posting) -> _Record:
        """The receipt as ERPNext makes it from the order, with the counted quantities."""
        code, quantity, damaged = require_item_and_quantities(posting)
        order = self._find_order(format_order_names(posting, self._settings.orders))
        made = self._request("POST", f"/api/method/{_MAKE}", {"source_name": order})["message"]
        lines = [one for one in made.get("items", []) if one.get("item_code") == code]
        if len(lines) != 1:
            raise self._explain_not_one_line(order, code, several=bool(lines))
        item = self._load_item(code)
        factor = self._unit_factor(posting, item, lines[0])
        line = {
            **lines[0],
            "qty": _convert_exactly(quantity, factor),
            "rejected_qty": _convert_exactly(damaged, factor),
            "received_qty": _convert_exactly(quantity + damaged, factor),
            **self._find_or_create_batch_fields(posting, item),
        }
        line.pop("stock_qty", None)  # ERPNext calculates it, and the amounts, when it saves.
        if (place := place_of(posting, self._settings.places)) is not None:
            line["warehouse"] = place
        if damaged:
            line["rejected_warehouse"] = require_damaged_place(self._settings.damaged, "ERPNext")
        return {**made, "items": [line], self._ref: posting.reference, "remarks": format_posting(posting)}

    def _find_order(self, called: Sequence[str]) -> str:
        found = self._list(_ORDER, [["name", "in", list(called)]], ["name"])
        if len(found) != 1:
            message = "which one is meant is nobody's guess" if found else "it has none of that name"
            raise Declined(DeclineReason.ORDER_UNKNOWN, f"purchase order {' or '.join(called)} in ERPNext: {message}")
        return str(found[0]["name"])

    def _explain_not_one_line(self, order: str, code: str, *, several: bool) -> Declined:
        """The error for an order without exactly one line of the item."""
        if several:
            return Declined(
                DeclineReason.OTHER, f"{code} is on several lines of {order}, and which one is meant is nobody's guess"
            )
        found = self._get(_ORDER, order)
        if found.get("status") in _SETTLED_STATES:
            return Declined(DeclineReason.ORDER_CLOSED, f"{order} is {found['status']} in ERPNext")
        if any(one.get("item_code") == code for one in found.get("items", [])):
            return Declined(DeclineReason.ORDER_CLOSED, f"all of {code} on {order} was received in ERPNext")
        return Declined(DeclineReason.ITEM_UNKNOWN, f"{code} is not on {order}")

    def _load_item(self, code: str) -> _Record:
        try:
            return self._get(_ITEM, code)
        except _NotThere:
            raise Declined(DeclineReason.ITEM_UNKNOWN, f"ERPNext has no item {code}") from None

    def _unit_factor(self, posting: Posting, item: _Record, line: _Record) -> Decimal:
        """The factor from the spoken unit to the order's, by the item's conversion table."""
        said, ordered = unit_of(posting, self._settings.units), str(line.get("uom"))
        if said == ordered:
            return Decimal(1)
        factors = {str(item.get("stock_uom")): Decimal(1), **_factors(item)}
        if missing := [one for one in (said, ordered) if one not in factors]:
            raise Declined(
                DeclineReason.UNIT_UNKNOWN, f"{posting.item} has no conversion for {missing[0]!r} in ERPNext"
            )
        return factors[said] / factors[ordered]

    def _find_or_create_batch_fields(self, posting: Posting, item: _Record) -> _Record:
        """The batch fields of the receipt's line, the batch created if missing; none for an item without batches."""
        if not item.get("has_batch_no"):
            return {}
        if posting.lot is None:
            raise Declined(
                DeclineReason.LOT_MISSING, f"{posting.item} is kept by batches in ERPNext, and no lot was said"
            )
        if not self._list(_BATCH, [["name", "=", posting.lot], ["item", "=", posting.item]], ["name"]):
            expiry = {"expiry_date": posting.expiry} if posting.expiry else {}
            self._request("POST", _path(_BATCH), {"batch_id": posting.lot, "item": posting.item, **expiry})
        return {"batch_no": posting.lot, "use_serial_batch_fields": 1}

    # Reversing

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        """Cancel the receipt; delete a draft."""
        if document.state is DocumentState.DRAFT:
            self._delete_draft(document.id)
            return Document(document.id, document.number, DocumentState.REVERSED)
        try:
            self._request("POST", f"/api/method/{_CANCEL}", {"doctype": _RECEIPT, "name": document.id})
        except Declined:
            if self._load_receipt(document.id).state is not DocumentState.REVERSED:
                raise  # Otherwise the call was a duplicate, and the receipt is cancelled already.
        return self._load_receipt(document.id)

    def _delete_draft(self, name: str) -> None:
        try:
            self._request("DELETE", _path(_RECEIPT, name))
        except _NotThere:
            return

    # Pulling

    def pull(self) -> PulledData:
        """Items with their units. Orders in ERPNext name neither pallets nor trailers, so no list is made of them."""
        codes = {name: code for code, name in self._settings.units.items() if " " not in code}  # names for every item
        items, omitted = [], []
        for found in self._all_names(
            _ITEM, [["disabled", "=", 0], ["is_stock_item", "=", 1], ["has_variants", "=", 0]]
        ):
            item = self._get(_ITEM, found)
            if (base := codes.get(str(item.get("stock_uom")))) is None:
                omitted.append(Omission(f"item {found}", f"units does not name its unit {item.get('stock_uom')!r}"))
                continue
            units = tuple(
                PulledUnit(codes[name], factor)
                for name, factor in _factors(item).items()
                if name in codes and name != item["stock_uom"]
            )
            items.append(PulledItem(found, str(item["item_name"]), base, units, bool(item.get("has_batch_no"))))
        return PulledData(None, items, None, omitted)

    def _all_names(self, doctype: str, filters: Sequence[Any]) -> Sequence[str]:
        found: list[str] = []
        while more := self._list(doctype, filters, ["name"], limit_start=len(found), limit_page_length=PAGE):
            found += [str(one["name"]) for one in more]
            if len(more) < PAGE:
                break
        return found

    def describe_system(self) -> str:
        """Describe the site's address and the user."""
        self._check_reference_field()
        user = self._request("GET", "/api/method/frappe.auth.get_logged_user")["message"]
        return f"ERPNext at {self._settings.url}, {user}"

    def close(self) -> None:
        """Close the connection."""
        self._web.close()

    # REST

    def _check_reference_field(self) -> None:
        """Check that receipts have our field, unique. Raises Misconfigured."""
        if self._prepared:
            return
        found = self._request("GET", f"/api/method/{_META}?{urlencode({'doctype': _RECEIPT})}").get("docs", [])
        fields = [field for one in found if one.get("name") == _RECEIPT for field in one.get("fields", [])]
        if not any(one.get("fieldname") == self._ref and one.get("unique") for one in fields):
            raise Misconfigured(
                f"{self._name}: purchase receipts in ERPNext have no unique field {self._ref}; add it once, as System "
                "Manager: Customize Form, Purchase Receipt, a field of type Data with Unique and No Copy"
            )
        self._prepared = True

    def _list(self, doctype: str, filters: Sequence[Any], fields: Sequence[str], **more: Any) -> list[_Record]:
        given = {"filters": json.dumps(filters), "fields": json.dumps(list(fields)), "order_by": "creation asc"}
        found = self._request("GET", f"{_path(doctype)}?{urlencode({'limit_page_length': 0, **given, **more})}")
        return list(found["data"])

    def _get(self, doctype: str, name: str) -> _Record:
        found: _Record = self._request("GET", _path(doctype, name))["data"]
        return found

    def _request(self, method: str, path: str, said: _Record | None = None) -> _Record:
        content = None if said is None else json.dumps(said).encode()
        answer = self._web.ask(method, path, content=content)
        found = answer.json()
        if not answer.is_success:
            raise self._to_exception(answer, found if isinstance(found, dict) else {})
        if not isinstance(found, dict):
            raise Away(
                f"{self._name}: {self._web.address}{path} answered {answer.status} and no JSON: {answer.excerpt()}"
            )
        return found

    def _to_exception(self, answer: HttpAnswer, found: _Record) -> Exception:
        exception = str(found.get("exc_type", ""))
        message = _error_text(found) or answer.excerpt() or "it says no more"
        if answer.status in _NOT_ALLOWED:
            return Misconfigured(
                f"{self._name}: ERPNext does not let this key in, or to this ({answer.status}): {message}"
            )
        if not exception or exception in _TRY_AGAIN:  # a proxy's answer has no Frappe exception
            return Away(f"{self._name}: {self._web.address} answered {answer.status}: {message}")
        if exception == "DoesNotExistError" or answer.status == _NOT_FOUND:
            return _NotThere(DeclineReason.OTHER, message)
        if answer.status == _CONFLICT or exception == "UniqueValidationError":
            # An earlier call created it and its answer was lost; `find` returns it.
            return Away(f"{self._name}: {self._web.address} has it already: {message}")
        if exception == _NAMES_NOTHING:
            return SettingMissing(DeclineReason.PLACE_UNKNOWN, f"a warehouse that the settings name: {message}")
        return Declined(_WHY.get(exception, DeclineReason.OTHER), message)


def _to_document(receipt: _Record) -> Document:
    docstatus = receipt.get("docstatus")
    if docstatus == _DRAFT:
        state = DocumentState.DRAFT
    else:
        state = DocumentState.DONE if docstatus == _SUBMITTED else DocumentState.REVERSED
    return Document(str(receipt["name"]), str(receipt["name"]), state)


def _missing_receipt(connector: str, address: str, name: str) -> Away:
    return Away(f"{connector}: {address} spoke of a purchase receipt {name}, and has none")


def _path(doctype: str, name: str | None = None) -> str:
    return "/api/resource/" + "/".join(quote(one, safe="") for one in (doctype, name) if one is not None)


def _factors(item: _Record) -> Mapping[str, Decimal]:
    """The size of each unit of an item, in its stock unit."""
    return {str(one["uom"]): Decimal(str(one["conversion_factor"])) for one in item.get("uoms", [])}


def _convert_exactly(quantity: Decimal, factor: Decimal) -> float:
    """The quantity in the order's unit. Raises Declined instead of rounding."""
    found = quantity * factor
    if found != round(found, _MOST_PLACES):
        raise Declined(
            DeclineReason.UNIT_UNKNOWN, f"{quantity} come to {found:f} of the order's unit, which is no exact figure"
        )
    return float(found)


def _error_text(found: _Record) -> str:
    """Frappe's message for users: JSON in a JSON list, HTML tags removed."""
    try:
        messages = [json.loads(one) for one in json.loads(found.get("_server_messages", "[]"))]
    except (TypeError, ValueError):
        messages = []
    said = [str(one.get("message", "")) for one in messages if isinstance(one, dict)]
    text = " ".join(said) or str(found.get("exception", "")).partition(": ")[2]
    return shorten_to_line(re.sub(r"<[^>]*>", " ", text))
