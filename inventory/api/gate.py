"""The gate: every request goes through it. It sees whose token it is, how often it asks, and what it asks for.

An endpoint's function is given an `Enquiry` and returns an `Answer`. It runs in a thread. Nothing of a request stands
in a log but the name of its token and its path: what is asked for may be what an operator said.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from dockvoice_protocol.errors import DockvoiceError, Unavailable
from dockvoice_protocol.strict_json import DEEPEST, NotStrict, strict
from dockvoice_protocol.strict_json import Limits as JsonLimits
from inventory.api import tokens
from inventory.api.asking import Body
from inventory.api.enquiry import LARGEST, Answer, Endpoint, Enquiry, demand
from inventory.api.limits import Limits
from inventory.api.problems import Problem, Wrong, of_validation
from inventory.api.tags import is_among, tag_of
from inventory.api.tokens import Scope, Token
from inventory.web.proxy import address_of, line_of
from inventory.web.resources import Resources

log = logging.getLogger("api")

JSON = "application/json"

DEEP = JsonLimits(depth=DEEPEST)

STRANGERS_PER_MINUTE, STRANGERS_AT_ONCE = 2, 30
"""How often an address may come with a token that is none: behind it may be a whole office with an old one."""

AT_ONCE = 60
"""Requests of one token that may come at once: a report that reads sixty pages one behind the other."""

MOST_PARAMETERS = 50


class Gate:
    """The one before a workplace's ways."""

    def __init__(self, place: Resources, clock: Callable[[], float]) -> None:
        """`place` is where they are answered; `clock` gives seconds that never go back."""
        self._place = place
        self._limits = Limits(place.settings.api.per_minute, AT_ONCE, clock)
        self._strangers = Limits(STRANGERS_PER_MINUTE, STRANGERS_AT_ONCE, clock)

    def route(self, way: Endpoint) -> Route:
        """The way as Starlette has it."""

        async def endpoint(request: Request) -> Response:
            try:
                token = await run_in_threadpool(self._admitted, request, way)
                given = await _body(request) if way.takes is not None else b""
                return await run_in_threadpool(self._answered, request, way, given, token)
            except Problem as problem:
                return problem.response()
            except ClientDisconnect:
                log.info("%s %s: whoever sent it went away before its end", request.method, way.path)
                return Problem("invalid_request", "the message was cut off").response()
            except Unavailable as fault:
                log.warning("%s %s: %s", request.method, way.path, fault)
                told = "the database or the broker does not answer; try again"
                return Problem("away", told, headers={"Retry-After": "5"}).response()
            except DockvoiceError as fault:
                log.warning("%s %s: %s", request.method, way.path, fault)
                return Problem("not_possible", str(fault)).response()

        return Route(way.path, endpoint, methods=[way.method])

    def _admitted(self, request: Request, way: Endpoint) -> Token:
        """Whose token it is, before anything that it carries is read. Raises Problem, Unavailable."""
        token = self._token(request)
        if way.takes is not None and (site := request.path_params.get("site")) is not None:
            demand(token, site, way.scope)
        return token

    def _answered(self, request: Request, way: Endpoint, given: bytes, token: Token) -> Response:
        answer = way.answer(self._call(request, way, given, token))
        if way.scope is Scope.WRITE:
            log.info("%s: %s %s: %s", token.who, request.method, request.url.path, answer.status)
        return _response(request, way, answer)

    def _token(self, request: Request) -> Token:
        line = line_of(address_of(self._place.settings.console, request))
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        now = self._place.now()
        found = None
        if kind.lower() == "bearer" and secret.strip():
            with self._place.look() as transaction:
                found = tokens.of(transaction, secret.strip(), now)
        if found is None:
            # Whoever has a token that holds is answered, whatever others try from behind the same proxy.
            if (wait := self._strangers.wait_s(line)) > 0:
                raise _too_many("too many requests from this address without a token that holds", wait)
            told = "give a token, `Authorization: Bearer dockvoice_…`; `dockvoice api token add` makes one"
            raise Problem("no_token", told, headers={"WWW-Authenticate": 'Bearer realm="dockvoice"'})
        if (wait := self._limits.wait_s(found.name)) > 0:
            raise _too_many(f"{found.name}: asks too often", wait)
        if tokens.is_to_be_noted(found, now):
            with self._place.open() as transaction:
                tokens.is_used(transaction, found, now)
        return found

    def _call(self, request: Request, way: Endpoint, given: bytes, token: Token) -> Enquiry:
        context = {"zone": self._place.zone}
        query = _query(request)
        try:
            asked = way.asked.model_validate({**dict(query), **request.path_params}, context=context)
        except ValidationError as fault:
            raise Problem(
                "invalid_request", "the address says what cannot be", of_validation(fault, "parameter")
            ) from None
        if (site := request.path_params.get("site")) is not None:
            demand(token, site, way.scope)
        taken = None if way.takes is None else _taken(way.takes, given)
        address = address_of(self._place.settings.console, request)
        match = request.headers.get("if-match")
        return Enquiry(self._place, token, asked, taken, address, request.url.path, query, match)


def _query(request: Request) -> tuple[tuple[str, str], ...]:
    """The parameters. One that stands there twice is refused: nobody could say which counts."""
    raw = request.scope.get("query_string", b"")
    try:
        found = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
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


def _too_many(told: str, wait_s: float) -> Problem:
    wait = math.ceil(wait_s)
    return Problem("too_many", f"{told}; wait {wait} s", headers={"Retry-After": str(wait)})


async def _body(request: Request) -> bytes:
    """What is sent, as far as it may be. Raises Problem, and ClientDisconnect where it was not sent to its end."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Problem("wrong_media_type", f"found {kind[:60]!r}, allowed is {JSON}")
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > LARGEST:
            raise Problem("too_large", f"it has more than {LARGEST:,} bytes, which are the most; split it")
    return bytes(found)


def _taken(kind: type[Body], given: bytes) -> Any:
    try:
        found = strict(given.decode(), DEEP)
    except (NotStrict, UnicodeDecodeError) as fault:
        told = str(fault) if isinstance(fault, NotStrict) else "it is not UTF-8"
        raise Problem("invalid_request", f"the message is no JSON: {told}") from None
    try:
        return kind.model_validate(found)
    except ValidationError as fault:
        told = "the message is not as it is described"
        raise Problem("invalid_request", told, of_validation(fault, "pointer")) from None


def _response(request: Request, way: Endpoint, answer: Answer) -> Response:
    if isinstance(answer.said, bytes):
        return Response(answer.said, answer.status, answer.headers, str(way.gives))
    body = answer.said.model_dump_json().encode()
    tag = tag_of(body)
    headers = {**answer.headers, "ETag": tag, "Cache-Control": "private, no-cache"}
    if request.method in {"GET", "HEAD"} and is_among(tag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(body, answer.status, headers, JSON)


async def nowhere(request: Request, fault: Exception) -> Response:
    """The answer to what leads nowhere."""
    if isinstance(fault, HTTPException) and fault.status_code == 405:  # noqa: PLR2004 - HTTP's "not by this method"
        # Each method of an address is a route of its own, and Starlette names those of the first one alone.
        here = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
        allowed = ", ".join(sorted({method for one in here for method in one.methods}))
        return Problem("wrong_method", f"allowed here: {allowed}", headers={"Allow": allowed}).response()
    return Problem("unknown", "nothing is at this address; /v1/openapi.json says what there is").response()


async def broken(request: Request, fault: Exception) -> Response:
    """The answer where this program has a fault: what happened is in the log, and in no answer."""
    log.error("%s %s", request.method, request.url.path, exc_info=fault)
    return Problem("fault", "it is told in the log of the API; nothing was changed").response()
