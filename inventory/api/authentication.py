"""Authentication middleware: checks token, rate limit and scope, and validates every request, then calls its endpoint.

An endpoint's function runs in a thread. Of a request only the token's name and the path are logged: parameters and body
may hold an operator's words.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from dockvoice_protocol.errors import DockvoiceError, Unavailable
from dockvoice_protocol.strict_json import DEEPEST, NotStrict, parse_strict
from dockvoice_protocol.strict_json import ParserLimits as JsonLimits
from inventory.api import tokens
from inventory.api.endpoint import (
    MAX_BYTES,
    Answer,
    ApiContext,
    Endpoint,
    Problem,
    Wrong,
    compute_etag,
    demand_scope,
    etag_matches,
    locate_validation_errors,
)
from inventory.api.parameters import Body
from inventory.api.tokens import Scope, Token
from inventory.web.resources import Resources
from inventory.web.serving import client_address, rate_limit_key

log = logging.getLogger("api")

_JSON = "application/json"

_DEEP = JsonLimits(depth=DEEPEST)

_UNKNOWN_PER_MINUTE, _UNKNOWN_AT_ONCE = 2, 30
"""Rate limit of one address without a valid token: a whole office with an expired one may share the address."""

_AT_ONCE = 60  # Burst of requests of one token: a report that reads sixty pages.

_MOST_PARAMETERS = 50

_MOST_BUCKETS = 10_000  # The bucket unused for longest is dropped, and so is full again.


class _RateLimit:
    """Token buckets, one for each client. Safe to use from several threads."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float]) -> None:
        """`burst` requests at once, `per_minute` in the long run."""
        self._per_s = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def count_request_or_wait_s(self, client: str) -> float:
        """Count a request of the client, or return how many seconds it must wait (0: counted)."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(client, (float(self._burst), now))
            left = min(float(self._burst), left + (now - at) * self._per_s)
            may = left >= 1
            self._left[client] = (left - 1 if may else left, now)
            if len(self._left) > _MOST_BUCKETS:
                self._left.popitem(last=False)
            return 0 if may else (1 - left) / self._per_s


class Authentication:
    """Checks token, rate limit, scope and request before each endpoint."""

    def __init__(self, resources: Resources, clock: Callable[[], float]) -> None:
        """`clock` returns monotonic seconds."""
        self._resources = resources
        self._limits = _RateLimit(resources.settings.api.per_minute, _AT_ONCE, clock)
        self._unknown = _RateLimit(_UNKNOWN_PER_MINUTE, _UNKNOWN_AT_ONCE, clock)

    def guarded_route(self, endpoint: Endpoint) -> Route:
        """Create a Starlette route that authenticates, limits and validates before calling the endpoint."""

        async def respond(request: Request) -> Response:
            try:
                token = await run_in_threadpool(self._authenticate_before_body, request, endpoint)
                body = await _read_body(request) if endpoint.body is not None else b""
                return await run_in_threadpool(self._call_endpoint, request, endpoint, body, token)
            except Problem as problem:
                return problem.response()
            except ClientDisconnect:
                log.info("%s %s: the client went away before its end", request.method, endpoint.path)
                return Problem("invalid_request", "the message was cut off").response()
            except Unavailable as fault:
                log.warning("%s %s: %s", request.method, endpoint.path, fault)
                detail = "the database or the broker does not answer; try again"
                return Problem("away", detail, headers={"Retry-After": "5"}).response()
            except DockvoiceError as fault:
                log.warning("%s %s: %s", request.method, endpoint.path, fault)
                return Problem("not_possible", str(fault)).response()

        return Route(endpoint.path, respond, methods=[endpoint.method])

    def _authenticate_before_body(self, request: Request, endpoint: Endpoint) -> Token:
        """Authenticate before the body is read, which needs the scope at its site. Raises Problem, Unavailable."""
        token = self._authenticate_and_limit(request)
        if endpoint.body is not None and (site := request.path_params.get("site")) is not None:
            demand_scope(token, site, endpoint.scope)
        return token

    def _call_endpoint(self, request: Request, endpoint: Endpoint, body: bytes, token: Token) -> Response:
        answer = endpoint.answer(self._validate_request(request, endpoint, body, token))
        if endpoint.scope is Scope.WRITE:
            log.info("%s: %s %s: %s", token.who, request.method, request.url.path, answer.status)
        return _response(request, endpoint, answer)

    def _authenticate_and_limit(self, request: Request) -> Token:
        """The token of the request, counted in its rate limit; its use is recorded. Raises Problem without one."""
        line = rate_limit_key(client_address(self._resources.settings.console, request))
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        now = self._resources.now()
        found = None
        if kind.lower() == "bearer" and secret.strip():
            with self._resources.read_transaction() as transaction:
                found = tokens.find_token(transaction, secret.strip(), now)
        if found is None:
            # Only requests without a valid token are limited by address: valid ones may come from the same proxy.
            if (wait := self._unknown.count_request_or_wait_s(line)) > 0:
                raise _too_many_requests("too many requests from this address without a token that holds", wait)
            detail = "give a token, `Authorization: Bearer dockvoice_…`; `dockvoice api token add` makes one"
            raise Problem("no_token", detail, headers={"WWW-Authenticate": 'Bearer realm="dockvoice"'})
        if (wait := self._limits.count_request_or_wait_s(found.name)) > 0:
            raise _too_many_requests(f"{found.name}: asks too often", wait)
        if tokens.is_use_outdated(found, now):
            with self._resources.transaction() as transaction:
                tokens.record_use(transaction, found, now)
        return found

    def _validate_request(self, request: Request, endpoint: Endpoint, body: bytes, token: Token) -> ApiContext:
        context = {"zone": self._resources.zone}
        query = _parse_query(request)
        try:
            parameters = endpoint.parameters.model_validate({**dict(query), **request.path_params}, context=context)
        except ValidationError as fault:
            raise Problem(
                "invalid_request", "the address says what cannot be", locate_validation_errors(fault, "parameter")
            ) from None
        if (site := request.path_params.get("site")) is not None:
            demand_scope(token, site, endpoint.scope)
        parsed = None if endpoint.body is None else _parse_body(endpoint.body, body)
        address = client_address(self._resources.settings.console, request)
        match = request.headers.get("if-match")
        return ApiContext(self._resources, token, parameters, parsed, address, request.url.path, query, match)


def _parse_query(request: Request) -> tuple[tuple[str, str], ...]:
    """Parse the query parameters. Raises Problem for one given twice."""
    raw = request.scope.get("query_string", b"")
    try:
        found = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise Problem("invalid_request", "the address holds parameters that are no text in UTF-8") from None
    names = [name for name, _ in found]
    if twice := [name for name in names if names.count(name) > 1]:
        wrong = Wrong(detail="is given twice; give it once", parameter=twice[0])
        raise Problem("invalid_request", "the address says something twice", [wrong])
    if odd := [name for name in names if name in request.path_params]:
        wrong = Wrong(detail="stands in the path; leave it out here", parameter=odd[0])
        raise Problem("invalid_request", "the address says something twice", [wrong])
    return tuple(found)


def _too_many_requests(detail: str, wait_s: float) -> Problem:
    wait = math.ceil(wait_s)
    return Problem("too_many", f"{detail}; wait {wait} s", headers={"Retry-After": str(wait)})


async def _read_body(request: Request) -> bytes:
    """The body, up to MAX_BYTES. Raises Problem, ClientDisconnect."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise Problem("wrong_media_type", f"found {kind[:60]!r}, allowed is {_JSON}")
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MAX_BYTES:
            raise Problem("too_large", f"it has more than {MAX_BYTES:,} bytes, which are the most; split it")
    return bytes(found)


def _parse_body(kind: type[Body], given: bytes) -> Any:
    try:
        found = parse_strict(given.decode(), _DEEP)
    except (NotStrict, UnicodeDecodeError) as fault:
        detail = str(fault) if isinstance(fault, NotStrict) else "it is not UTF-8"
        raise Problem("invalid_request", f"the message is no JSON: {detail}") from None
    try:
        return kind.model_validate(found)
    except ValidationError as fault:
        detail = "the message is not as it is described"
        raise Problem("invalid_request", detail, locate_validation_errors(fault, "pointer")) from None


def _response(request: Request, endpoint: Endpoint, answer: Answer) -> Response:
    if isinstance(answer.content, bytes):
        return Response(answer.content, answer.status, answer.headers, str(endpoint.returns))
    body = answer.content.model_dump_json().encode()
    tag = compute_etag(body)
    headers = {**answer.headers, "ETag": tag, "Cache-Control": "private, no-cache"}
    if request.method in {"GET", "HEAD"} and etag_matches(tag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(body, answer.status, headers, _JSON)


async def answer_unknown_address(request: Request, fault: Exception) -> Response:
    """The response for an address or a method without an endpoint."""
    if isinstance(fault, HTTPException) and fault.status_code == 405:  # noqa: PLR2004 - Method Not Allowed
        # Each method is a route of its own, and Starlette lists only those of the first.
        here = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
        allowed = ", ".join(sorted({method for one in here for method in one.methods}))
        return Problem("wrong_method", f"allowed here: {allowed}", headers={"Allow": allowed}).response()
    return Problem("unknown", "nothing is at this address; /v1/openapi.json says what there is").response()


async def answer_internal_error(request: Request, fault: Exception) -> Response:
    """The response for an unexpected exception, which is logged and not sent."""
    log.error("%s %s", request.method, request.url.path, exc_info=fault)
    return Problem("fault", "it is told in the log of the API; nothing was changed").response()
