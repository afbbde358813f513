"""The request context, endpoints, and conditional requests with ETags."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel
from sqlalchemy import Connection

from inventory.api.parameters import Body, Query
from inventory.api.problems import Problem
from inventory.api.tokens import Scope, Token
from inventory.audit import deeds
from inventory.site.sending import SEND_S
from inventory.web.resources import Resources

LARGEST = 2_000_000
"""Bytes of a request's body: many times what brokers accept of one list."""

_PUBLISHING = Lock()
"""Only one request publishes at a time: the broker would disconnect the other client of the same name."""


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The argument of every endpoint's function."""

    resources: Resources
    token: Token
    parameters: Any  # Of the endpoint's own model, as is `body`.
    body: Any
    address: str  # The client's.
    path: str
    query: tuple[tuple[str, str], ...]
    if_match: str | None

    def transaction(self) -> AbstractContextManager[Connection]:
        """One database transaction. Raises Unavailable, which the middleware answers."""
        return self.resources.transaction()

    def read_transaction(self) -> AbstractContextManager[Connection]:
        """One read-only transaction, which blocks no consumer. Raises Unavailable."""
        return self.resources.read_transaction()

    def audit(self, transaction: Connection, action: str, about: str, **details: Any) -> None:
        """Write to the audit log, in the transaction that carries the action out."""
        done = deeds.UserAction(self.token.who, self.address, action, about, details)
        deeds.record_action(transaction, done, self.resources.now(), self.resources.signer)

    def sites(self, wanted: str | None) -> tuple[str, ...] | None:
        """The sites to read: the wanted one, else all that the token may read (None: every one). Raises Problem."""
        if wanted is None:
            return self.token.sites
        demand_scope(self.token, wanted, Scope.READ)
        return (wanted,)

    def next_page(self, place: str) -> str:
        """The URL of the next page of this list, at the cursor `place`."""
        kept = [(name, one) for name, one in self.query if name != "cursor"]
        return f"{self.path}?{urlencode([*kept, ('cursor', place)])}"


def demand_scope(token: Token, site: str, scope: Scope) -> None:
    """Raise Problem if the token lacks the scope at the site."""
    if not token.may(site, scope):
        raise Problem(
            "not_granted",
            f"{token.name}: may not {scope} at {site}; let a token be made: dockvoice api token add NAME "
            f"--{scope} {site}",
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The content, status and headers of a response."""

    content: BaseModel | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and path with the models of its parameters, body and response."""

    method: str
    path: str
    name: str  # `operationId`.
    summary: str
    answer: Callable[[ApiContext], Answer]
    parameters: type[Query]
    returns: type[BaseModel] | str  # The model of the response, or its media type.
    description: str = ""
    body: type[Body] | None = None
    scope: Scope = Scope.READ
    statuses: Mapping[int, str] = field(default_factory=dict)  # Other statuses with the same response.
    problems: tuple[str, ...] = ()  # In addition to those of every endpoint.
    group: str = ""  # The tag of the OpenAPI document, set by app.GROUPS.


def compute_etag(body: bytes) -> str:
    """Compute the ETag of a response's body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def etag_matches(tag: str, header: str | None) -> bool:
    """Whether an If-Match or If-None-Match header names this ETag."""
    named = [one.strip().removeprefix("W/") for one in (header or "").split(",")]
    return tag in named or named == ["*"]


def demand_unchanged(context: ApiContext, current: BaseModel | None) -> None:
    """Raise Problem where If-Match names another version than the current one."""
    if context.if_match is None:
        return
    if current is None or not etag_matches(compute_etag(current.model_dump_json().encode()), context.if_match):
        detail = "what is there is not what If-Match names; look again, and decide anew"
        raise Problem("changed_meanwhile", detail)


@contextmanager
def hold_publishing_lock() -> Iterator[None]:
    """Hold the publishing lock. Raises Problem after a timeout."""
    if not _PUBLISHING.acquire(timeout=SEND_S):
        raise Problem("away", "the broker is slow, and others wait too; try again", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        _PUBLISHING.release()
