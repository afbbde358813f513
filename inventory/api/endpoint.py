"""What every endpoint uses: its description, the request's context, ETags, and error responses.

Error responses are problem details by RFC 9457, which name the wrong field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection
from starlette.responses import Response

from inventory.api.parameters import Body, Query, encode_cursor
from inventory.api.tokens import Scope, Token
from inventory.audit import audit_log
from inventory.site.sending import PUBLISH_TIMEOUT_S
from inventory.web.resources import Resources

_T = TypeVar("_T")

PROBLEM_MEDIA_TYPE = "application/problem+json"

PROBLEM_KINDS: Mapping[str, tuple[int, str]] = {
    "invalid_request": (400, "The request breaks its description"),
    "no_token": (401, "A token is needed"),
    "not_granted": (403, "The token was not made for this"),
    "unknown": (404, "There is nothing of this name"),
    "wrong_method": (405, "This is done by another method"),
    "not_possible": (409, "It cannot be done as things are"),
    "changed_meanwhile": (412, "Somebody else has changed it since"),
    "too_large": (413, "The message is too large"),
    "wrong_media_type": (415, "The message must be JSON"),
    "breaks_rules": (422, "What is to be written breaks a rule"),
    "too_many": (429, "Too many requests"),
    "fault": (500, "The program has a fault"),
    "away": (503, "The database or the broker does not answer"),
}
"""The status and title of each problem type, by the last part of `type`. `detail` and `errors` say more."""


class Wrong(BaseModel):
    """One fault and its place in the body or the query."""

    model_config = ConfigDict(extra="forbid")

    detail: str = Field(description="What was found, what is allowed, what to do.")
    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer: `/lines/3/quantity`.")
    parameter: str | None = Field(None, description="Which parameter of the address.")
    header: str | None = Field(None, description="Which header.")


class ProblemDetails(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(title="Problem", extra="forbid")

    type: str = Field(description="`urn:dockvoice:problem:` and what kind it is.")
    title: str = Field(description="What kind it is, for a person.")
    status: int = Field(description="The HTTP status once more.")
    detail: str = Field(description="What happened this time, and what to do.")
    errors: list[Wrong] | None = Field(None, description="Each thing that is wrong.")


class Problem(Exception):
    """Raised to answer with problem details."""

    def __init__(
        self, kind: str, detail: str, errors: Sequence[Wrong] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        """`kind` is one of `PROBLEM_KINDS`."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The HTTP response with the problem details."""
        status, title = PROBLEM_KINDS[self.kind]
        said = ProblemDetails(
            type=f"urn:dockvoice:problem:{self.kind}",
            title=title,
            status=status,
            detail=self.detail,
            errors=self.errors or None,
        )
        return Response(said.model_dump_json(exclude_none=True), status, self.headers, PROBLEM_MEDIA_TYPE)


def locate_validation_errors(fault: ValidationError, where: str) -> list[Wrong]:
    """Convert pydantic's errors, leaving out the values, which may be an operator's words or a misplaced secret.

    `where`: pointer or parameter.
    """
    return [_to_field_error(where, error) for error in fault.errors(include_url=False, include_input=False)]


def _to_field_error(where: str, error: Any) -> Wrong:
    detail = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        detail = "is not known; leave it out"
    if where == "parameter":
        return Wrong(detail=detail, parameter=str(error["loc"][0]) if error["loc"] else None)
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error["loc"])
    return Wrong(detail=detail, pointer="".join(f"/{step}" for step in steps))


_CELL = re.compile(r"(?P<where>/\S+), columns? (?P<column>\w+)[^:]*: (?P<detail>.*)", re.DOTALL)
_ROW = re.compile(r"(?P<where>/\S+?)[,:] (?P<detail>.*)", re.DOTALL)


def locate_row_faults(faults: Iterable[str]) -> list[Wrong]:
    """Convert faults of rows, worded as for files (`/rows/3, column uom: …`), each with a pointer to its cell."""
    found = []
    for fault in faults:
        if cell := _CELL.fullmatch(fault):
            found.append(Wrong(detail=cell["detail"], pointer=f"{cell['where']}/{cell['column']}"))
        elif row := _ROW.fullmatch(fault):
            found.append(Wrong(detail=row["detail"], pointer=row["where"]))
        else:
            found.append(Wrong(detail=fault))
    return found


MAX_BYTES = 2_000_000  # Bytes of a request's body: many times what brokers accept of one list.

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
        done = audit_log.UserAction(self.token.who, self.address, action, about, details)
        audit_log.record_action(transaction, done, self.resources.now(), self.resources.signer)

    def sites(self, wanted_site: str | None) -> tuple[str, ...] | None:
        """The sites to read: the wanted one, else all that the token may read (None: every one). Raises Problem."""
        if wanted_site is None:
            return self.token.sites
        demand_scope(self.token, wanted_site, Scope.READ)
        return (wanted_site,)

    def cut_page(
        self, found: Sequence[_T], limit: int, place: Callable[[_T], Sequence[str | int | datetime]]
    ) -> tuple[Sequence[_T], str | None]:
        """The first `limit` things, and the URL of the page behind them; None where there are no more."""
        page = found[:limit]
        return page, self.next_page(encode_cursor(place(page[-1]))) if len(found) > limit else None

    def next_page(self, place: str) -> str:
        """The URL of the next page of this list, at the cursor `place`."""
        kept = [(name, one) for name, one in self.query if name != "cursor"]
        return f"{self.path}?{urlencode([*kept, ('cursor', place)])}"


def demand_scope(token: Token, site: str, scope: Scope) -> None:
    """Raise Problem if the token lacks the scope at the site."""
    if not token.may_access(site, scope):
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
    group: str = ""  # The tag of the OpenAPI document, set by app._GROUPS.


def endpoint(
    method: str, path: str, name: str, parameters: type[Query], returns: type[BaseModel] | str, **more: Any
) -> Callable[[Callable[[ApiContext], Answer]], Endpoint]:
    """Make the decorated function an endpoint: its docstring is the summary, and behind a blank line the description.

    `more` are the other attributes of Endpoint.
    """

    def make(answer: Callable[[ApiContext], Answer]) -> Endpoint:
        summary, _, description = (answer.__doc__ or "").partition(".\n\n")
        attributes = {"description": " ".join(description.split()), **more}
        return Endpoint(method, path, name, summary.removesuffix("."), answer, parameters, returns, **attributes)

    return make


def compute_etag(body: bytes) -> str:
    """Compute the ETag of a response's body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def etag_matches(tag: str, header: str | None) -> bool:
    """Whether an If-Match or If-None-Match header names this ETag."""
    named = [one.strip().removeprefix("W/") for one in (header or "").split(",")]
    return tag in named or named == ["*"]


def demand_if_match(context: ApiContext, current: BaseModel | None) -> None:
    """Raise Problem where If-Match names another version than the current one."""
    if context.if_match is None:
        return
    if current is None or not etag_matches(compute_etag(current.model_dump_json().encode()), context.if_match):
        detail = "what is there is not what If-Match names; look again, and decide anew"
        raise Problem("changed_meanwhile", detail)


@contextmanager
def hold_publishing_lock() -> Iterator[None]:
    """Hold the publishing lock. Raises Problem after a timeout."""
    if not _PUBLISHING.acquire(timeout=PUBLISH_TIMEOUT_S):
        raise Problem("away", "the broker is slow, and others wait too; try again", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        _PUBLISHING.release()
