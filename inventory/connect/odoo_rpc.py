"""Odoo's JSON-RPC: `POST /jsonrpc`, services `common` and `object`, as Odoo 17 to 19 publish it.

What was refused comes with status 200 and an `error`, whose `data.name` is the exception of Odoo that says so.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.ports import Away, Declined, Why
from inventory.connect.web import Web, shortened

OLDEST, NEWEST = 17, 19
"""Odoo 17 is the first whose move lines have `quantity` and `picked`; from 22 on `/jsonrpc` is to be gone."""

REFUSALS = frozenset({"UserError", "ValidationError", "RedirectWarning", "MissingError"})
"""Exceptions with which Odoo speaks of what it was asked, in words for its users."""
RIGHTS = frozenset({"AccessError", "AccessDenied"})

Record = Mapping[str, Any]


class OdooRefused(Declined):
    """Odoo does not do what it was asked."""


class OdooRpc:
    """One database, as one user. Used by one thread."""

    def __init__(self, name: str, web: Web, database: str, user: str, key: SecretStr) -> None:
        self._name, self._web, self._database, self._user, self._key = name, web, database, user, key
        self._ids = itertools.count(1)
        self._uid: int | None = None
        self._version: tuple[int, str] | None = None

    @property
    def version(self) -> tuple[int, str]:
        """Its number, and what it says of itself. Raises Away, Misconfigured."""
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
        """What a method of a model returns. Raises Away, Declined, Misconfigured."""
        if context is not None:
            named["context"] = context
        secret = self._key.get_secret_value()
        return self._call("object", "execute_kw", [self._database, self._user_id(), secret, model, method, args, named])

    def found(self, model: str, domain: Sequence[Any], fields: Sequence[str], **named: Any) -> list[Record]:
        """The records of a domain, by their id. Raises as `call` does."""
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
            raise Away(f"{self._name}: {where} answered {answer.status} and no JSON-RPC: {answer.told() or '-'}")
        if "error" in said:
            raise self._fault(said["error"])
        return said["result"]

    def _fault(self, error: Any) -> Exception:
        data = error.get("data", {}) if isinstance(error, dict) else {}
        exception = str(data.get("name", "")).rpartition(".")[2]
        told = shortened(str(data.get("message", ""))) or "it says no more"
        if exception in REFUSALS:
            return OdooRefused(Why.OTHER, told)
        if exception in RIGHTS:
            return Misconfigured(f"{self._name}: the user {self._user!r} may not do this in Odoo: {told}")
        # A transaction that met another one, a database that is being upgraded, a fault of Odoo's own.
        return Away(f"{self._name}: Odoo is in trouble ({exception or 'unknown'}): {told}")
