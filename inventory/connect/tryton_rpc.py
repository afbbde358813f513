"""Tryton's JSON-RPC: one session with one database; its errors become ours."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.ports import Away, Declined, Why

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
        self.context: Record = {}
        """The context of each call: the user's company and groups."""

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
            return Declined(Why.OTHER, f"{message}{more}"[:_SHOWN])
        case ["UserWarning", [_, str(message), *_]]:
            return Declined(Why.OTHER, f"Tryton warns, and a person must look: {message}"[:_SHOWN])
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
