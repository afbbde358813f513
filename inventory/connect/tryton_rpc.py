"""Tryton's JSON-RPC client, and the lookup of products, units, lots and locations by name; its errors become ours.

Nothing is guessed: a name that the settings or Tryton lack is declined with the reason.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Literal

import httpx
from pydantic import Field, SecretStr

from dockvoice_protocol.config import Section
from dockvoice_protocol.errors import Misconfigured
from inventory.connect.ports import Away, Declined, DeclineReason, Posting, SettingMissing
from inventory.connect.web import Address

_CONNECT_S = 5.0  # Timeout for connecting.
_SHOWN = 300  # Characters quoted of an answer.
_PAGE = 1000  # Records per request; Tryton's default limit is higher.

_LOGIN = "common.db.login"
"""For an unknown database the server answers only after half a minute, its timeout for PostgreSQL."""

_CLOSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

_TRY_AGAIN = frozenset({"ConcurrencyException", "RateLimitException", "TimeOutException"})
"""Errors of calls that conflicted with others, worth a retry."""

Record = dict[str, Any]


class RpcSession:
    """JSON-RPC calls to one Tryton database as one user. Signs on when necessary."""

    def __init__(
        self,
        url: str,
        database: str,
        user: str,
        password: str,
        timeout_s: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._at = url.rstrip("/")
        self._database = database
        self._user = user
        self._password = password
        self._authorization: str | None = None
        self._numbers = itertools.count(1)
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_s, connect=_CONNECT_S), transport=transport, trust_env=False
        )
        self.context: Record = {}  # The context of each call: the user's company and groups.

    @property
    def where(self) -> str:
        """The database's address and user, for messages."""
        return f"{self._at}/{self._database} as {self._user}"

    def close(self) -> None:
        """Close the connection. The server's session expires by itself."""
        self._http.close()

    def version(self) -> str:
        """The server's version."""
        return str(
            self._parse_answer(self._post(f"{self._at}/rpc/", "common.server.version", []), "common.server.version")
        )

    def sign_on(self) -> None:
        """Begin a session. Raises Misconfigured for an unknown user or database, Away."""
        answer = self._post(self._rpc, _LOGIN, [self._user, {"password": self._password}, "en"])
        if answer.status_code in _CLOSED:
            raise Misconfigured(f"{self.where}: does not let this user in; mend [tryton] user and password")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise Misconfigured(f"{self.where}: has no such database; mend [tryton] database")
        uid, token = self._parse_answer(answer, _LOGIN)[:2]
        word = base64.b64encode(f"{self._user}:{uid}:{token}".encode()).decode()
        self._authorization = f"Session {word}"
        preferences = self._call_and_renew_session("model.res.user.get_preferences", [True, {}])
        self.context = {**preferences, "language": "en", "client": "dockvoice"}
        if not self.context.get("company"):
            raise Misconfigured(f"{self.where}: this user works for no company there; give it one")

    def call(self, model: str, method: str, *arguments: Any, **context: Any) -> Any:
        """The result of a model's method. Raises Away, Declined, Misconfigured."""
        if self._authorization is None:
            self.sign_on()
        return self._call_and_renew_session(f"model.{model}.{method}", [*arguments, {**self.context, **context}])

    def search(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> list[Record]:
        """All records that match, the oldest first."""
        found: list[Record] = []
        while True:
            page = self.call(model, "search_read", list(domain), len(found), _PAGE, [["id", "ASC"]], list(fields))
            found += page
            if len(page) < _PAGE:
                return found

    def methods(self) -> frozenset[str]:
        """The callable methods, which show the installed modules."""
        if self._authorization is None:
            self.sign_on()
        return frozenset(self._call_and_renew_session("system.listMethods", []))

    @property
    def _rpc(self) -> str:
        return f"{self._at}/{self._database}/rpc/"

    def _call_and_renew_session(self, method: str, arguments: list[Any]) -> Any:
        answer = self._post(self._rpc, method, arguments)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:  # the session has expired
            self._authorization = None
            self.sign_on()
            answer = self._post(self._rpc, method, arguments)
        return self._parse_answer(answer, method)

    def _post(self, url: str, method: str, arguments: list[Any]) -> httpx.Response:
        body = {"id": next(self._numbers), "method": method, "params": arguments}
        headers = {"Content-Type": "application/json"}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        try:
            return self._http.post(url, content=json.dumps(body, default=_encode), headers=headers)
        except httpx.TimeoutException:
            why = (
                f"; without a database {self._database!r} it is silent: see [tryton] database"
                if method == _LOGIN
                else ""
            )
            raise Away(f"{self._at}: gave no answer within {self._http.timeout.read:g} s to {method}{why}") from None
        except httpx.HTTPError as fault:
            message = f"{type(fault).__name__}: {str(fault)[:_SHOWN]}"
            raise Away(f"{self._at}: {message}; is the server at [tryton] url, and does it run?") from None

    def _parse_answer(self, answer: httpx.Response, method: str) -> Any:
        message = f"{self._at}: {method}: HTTP {answer.status_code}"
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Away(message, wait_s=_seconds(answer.headers.get("Retry-After")))
        if answer.status_code in _CLOSED:
            raise Misconfigured(f"{message}: this user may not call it; give it the groups that docs/connect.md names")
        if answer.status_code != HTTPStatus.OK:
            raise Misconfigured(f"{message}; is it a Tryton server of a series that docs/connect.md names?")
        try:
            said = json.loads(answer.content, object_hook=_decode)
        except ValueError:
            raise Away(f"{message}: its answer is no JSON: {answer.text[:_SHOWN]!r}") from None
        if not isinstance(said, Mapping) or not {"result", "error"} & said.keys():
            raise Away(f"{message}: its answer says nothing of a result")
        if "error" in said:
            raise _to_exception(said["error"], method)
        return said["result"]


def _to_exception(error: Any, method: str) -> Exception:
    """The exception for Tryton's error."""
    match error:
        case [str(name), *_] if name in _TRY_AGAIN:
            return Away(f"{method}: {name}")
        case ["UserError", [str(message), *rest]]:
            more = f" ({rest[0]})" if rest and rest[0] else ""
            return Declined(DeclineReason.OTHER, f"{message}{more}"[:_SHOWN])
        case ["UserWarning", [_, str(message), *_]]:
            return Declined(DeclineReason.OTHER, f"Tryton warns, and a person must look: {message}"[:_SHOWN])
        case [str(message), *_]:
            return Away(f"{method}: the server met a fault: {message[:_SHOWN]}")
        case _:
            return Away(f"{method}: the server met a fault that it does not name")


def _seconds(given: str | None) -> float | None:
    return float(given) if given is not None and given.isdigit() else None


def _encode(value: object) -> Record:
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    raise TypeError(f"{type(value).__name__} is nothing that is sent to Tryton")


def _decode(said: Record) -> Any:
    return Decimal(said["decimal"]) if said.get("__class__") == "Decimal" else said


SHIPMENT, MOVE = "stock.shipment.in", "stock.move"
_ANY = "*"  # Key in `places` for every place without an entry of its own.


class TrytonSettings(Section):
    """`[tryton]`: the address, and the mapping to its names."""

    url: Address = Field(description="its address: https://erp.example")
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
    damaged: Literal["decline", "leave out", "receive"] | None = Field(
        None, description="what becomes of damaged ones beside good ones, and of a pallet with an exception"
    )


@dataclass(frozen=True, slots=True)
class TrytonProduct:
    """The fields of a product that a receipt needs."""

    id: int
    code: str
    unit: int  # Of its stock.
    category: int
    lot_needed: bool
    cost: Decimal


@dataclass(frozen=True, slots=True)
class TrytonUnit:
    """A unit, and its size in its category's base unit."""

    id: int
    name: str
    category: int
    factor: float


@dataclass(frozen=True, slots=True)
class _TrytonWarehouse:
    """A warehouse, with its input and storage locations."""

    id: int
    input: int
    storage: int


@dataclass(frozen=True, slots=True)
class TrytonLine:
    """A received line, in Tryton's terms."""

    product: TrytonProduct
    unit: TrytonUnit
    quantity: float
    lot: int | None
    place: int | None  # None: the warehouse's input and storage.


class TrytonLookups:
    """Lookups in one database."""

    def __init__(self, settings: TrytonSettings, session: RpcSession) -> None:
        self._settings = settings
        self._session = session
        self._has_packages: bool | None = None
        self._of: _TrytonWarehouse | None = None

    def demand_known_names(self) -> None:
        """Raise Misconfigured with every name of the settings that Tryton does not have."""
        self.warehouse()
        given, there = self._settings, sorted(one.name for one in self.units())
        wrong = [
            f"[tryton.units] {code}: there is no unit {name!r}, there are {', '.join(there)}"
            for code, name in given.units.items()
            if name not in there
        ]
        storage = self._session.search("stock.location", [["type", "=", "storage"]], ("code", "name"))
        known = sorted(one["code"] for one in storage if one["code"])
        wrong += [
            f"[tryton.places] {place}: there is no location {code!r}, there are {', '.join(known)}"
            for place, code in given.places.items()
            if code not in known
        ]
        if given.supplier is not None and len(self.parties(given.supplier)) != 1:
            wrong.append(f"[tryton] supplier: there is no party of code {given.supplier!r}; enter its code there")
        if wrong:
            raise Misconfigured("; ".join(wrong))

    def parties(self, code: str) -> list[Record]:
        """The parties of that code, each with its supplier location."""
        return self._session.search("party.party", [["code", "=", code]], ("supplier_location",))

    def translate_line(self, posting: Posting) -> TrytonLine:
        """The posting in Tryton's ids; creates a missing lot if the settings allow. Raises Declined otherwise."""
        product = self.find_product(posting.item)
        quantity = self._received_quantity(posting)
        unit = self._find_unit(posting, product)
        lot = (
            None if posting.lot is None else self._find_or_create_lot(product, posting.lot)
        )  # Tryton checks whether a lot is needed
        return TrytonLine(product, unit, float(quantity), lot, self._find_place(posting.place))

    def _received_quantity(self, posting: Posting) -> Decimal:
        quantity, policy = posting.quantity, self._settings.damaged
        if quantity is None or quantity < 0:
            raise Declined(DeclineReason.QUANTITY_WRONG, "says no quantity; correct the entry")
        odd = [f"{posting.damaged} damaged"] if posting.damaged else []
        odd += [posting.exception] if posting.exception else []
        if odd and policy is None:
            raise SettingMissing(
                DeclineReason.OTHER, f"{', '.join(odd)}: [tryton] damaged does not say what becomes of them"
            )
        if odd and policy == "decline":
            raise Declined(
                DeclineReason.OTHER, f"{', '.join(odd)}: look at the pallet; [tryton] damaged wants a person to"
            )
        if policy == "receive":
            quantity += posting.damaged or 0
        elif posting.exception:
            quantity = Decimal(0)
        if not quantity:
            raise Declined(
                DeclineReason.QUANTITY_WRONG, "nothing of it is to be received; strike the entry, or correct it"
            )
        return quantity

    def find_product(self, code: str | None) -> TrytonProduct:
        """The product of that code. Raises Declined."""
        if code is None:
            raise Declined(
                DeclineReason.ITEM_MISSING, "names no item, and none was announced for its pallet; correct the entry"
            )
        fields = ("code", "default_uom", "default_uom.category", "cost_price", "lot_required")
        found = self._session.search("product.product", [["code", "=", code]], fields)
        if len(found) != 1:
            known = "is no product's code there" if not found else f"is the code of {len(found)} products there"
            raise Declined(DeclineReason.ITEM_UNKNOWN, f"item {code}: {known}; mend it there, or correct the entry")
        (one,) = found
        category = one["default_uom."]["category"]
        needs = bool(one.get("lot_required"))
        return TrytonProduct(one["id"], code, one["default_uom"], category, needs, one["cost_price"] or Decimal(0))

    def _find_unit(self, posting: Posting, product: TrytonProduct) -> TrytonUnit:
        code, units = posting.unit, self._settings.units
        if code is None:
            raise Declined(DeclineReason.UNIT_UNKNOWN, "says no unit; correct the entry")
        name = units.get(f"{product.code} {code}") or units.get(code)
        if name is None:
            raise SettingMissing(
                DeclineReason.UNIT_UNKNOWN, f"unit {code} of {product.code}: [tryton] units does not say what it is"
            )
        found = [one for one in self.units() if one.name == name]
        if not found:
            raise SettingMissing(
                DeclineReason.UNIT_UNKNOWN, f"unit {name!r}, which [tryton] units names: there is none there"
            )
        unit = found[0]
        if unit.category != product.category:
            raise Declined(DeclineReason.UNIT_UNKNOWN, f"{name!r} cannot be converted into the unit of {product.code}")
        return unit

    def units(self) -> list[TrytonUnit]:
        """All units of Tryton."""
        found = self._session.search("product.uom", [], ("name", "category", "factor"))
        return [TrytonUnit(one["id"], one["name"], one["category"], one["factor"]) for one in found]

    def _find_or_create_lot(self, product: TrytonProduct, number: str) -> int:
        found = self._session.search("stock.lot", [["number", "=", number], ["product", "=", product.id]], ("number",))
        if found:
            return int(found[0]["id"])
        if self._settings.lots == "known":
            raise Declined(DeclineReason.LOT_UNKNOWN, f"lot {number} of {product.code}: there is none there")
        return int(self._session.call("stock.lot", "create", [{"number": number, "product": product.id}])[0])

    def _find_place(self, place: str | None) -> int | None:
        places = self._settings.places
        if not places:
            return None
        code = places.get(place or _ANY) or places.get(_ANY)
        if code is None and place is None:
            raise Declined(DeclineReason.PLACE_UNKNOWN, "says no dock or door")
        if code is None:
            raise SettingMissing(DeclineReason.PLACE_UNKNOWN, f"{place}: [tryton] places does not say what it is")
        found = self._session.search("stock.location", [["code", "=", code], ["type", "=", "storage"]], ("code",))
        if len(found) != 1:
            raise SettingMissing(
                DeclineReason.PLACE_UNKNOWN, f"location {code!r}, which [tryton] places names: {len(found)} there"
            )
        return int(found[0]["id"])

    def unit_codes(self, item: str, units: Iterable[TrytonUnit]) -> Iterator[tuple[int, str]]:
        """The code of each unit that the settings name for an item, by the unit's id."""
        by_name = {one.name: one.id for one in units}
        given = self._settings.units
        for key, name in given.items():
            of, _, code = key.rpartition(" ")
            overridden = not of and f"{item} {key}" in given
            if of in {"", item} and not overridden and name in by_name:
                yield by_name[name], code

    @property
    def company(self) -> int:
        """The id of the user's company."""
        if not self._session.context:
            self._session.sign_on()
        return int(self._session.context["company"])

    def warehouse(self) -> _TrytonWarehouse:
        """The warehouse of the settings, or the only one. Raises Misconfigured."""
        if self._of is None:
            code = self._settings.warehouse
            domain = [["type", "=", "warehouse"], *([["code", "=", code]] if code is not None else [])]
            found = self._session.search("stock.location", domain, ("code", "input_location", "storage_location"))
            if len(found) != 1:
                all_of = self._session.search("stock.location", [["type", "=", "warehouse"]], ("code",))
                there = ", ".join(str(one["code"]) for one in all_of) or "none"
                raise Misconfigured(
                    f"[tryton] warehouse: found {code!r}, there are {there}; name one of them by its code"
                )
            (one,) = found
            self._of = _TrytonWarehouse(one["id"], one["input_location"], one["storage_location"])
        return self._of

    def has_packages(self) -> bool:
        """Whether the module stock_package is there, without which no pallet is announced."""
        if self._has_packages is None:
            self._has_packages = "model.stock.package.search_read" in self._session.methods()
        return self._has_packages

    def moves_of(self, shipment: int) -> list[Record]:
        """The moves of a supplier shipment."""
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
        fields += ["package", "package.number"] if self.has_packages() else []
        found = self._session.search(MOVE, [["shipment", "=", f"{SHIPMENT},{shipment}"]], fields)
        return [{**one, "from_location.type": one["from_location."]["type"]} for one in found]

    def read(self, model: str, record: int, *fields: str) -> Record:
        """Read fields of one record."""
        found = self._session.call(model, "read", [record], list(fields))
        return dict(found[0])
