"""The gate: every request goes through it. It sees who asks, whether he may, and that it is he who asks.

A page is a function that takes a `Call` and returns a response. It runs in a thread; its `Way` says who may see it.
What changes something carries the token of the session, and comes from a page of ours.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dockvoice_protocol.errors import Unavailable
from inventory.audit import deeds
from inventory.console import people, sessions
from inventory.console.call import COOKIE, Call, Tab, Way, cookie_name
from inventory.console.workplace import Workplace
from inventory.web.proxy import address_of, told_by_proxy

log = logging.getLogger("console")

NUL = "\0"  # No text of PostgreSQL holds it, which would be told as a database that does not answer.


def route(place: Workplace, tabs: tuple[Tab, ...], way: Way) -> Route:
    """The way as Starlette has it."""

    async def endpoint(request: Request) -> Response:
        if any(NUL in str(one) for one in request.path_params.values()):
            return Response("Not Found", 404)  # as where no way leads
        if way.changes and not 0 <= _length(request) <= way.largest:
            return Response("too large", 413)
        call = Call(place, request, {}, {}, tabs=tabs)
        try:
            # Of who has not signed in nothing is read, unless it is the sign-in.
            if way.changes and (way.role is None or await run_in_threadpool(_may_send, call)):
                await _read(call)
        except ClientDisconnect:
            log.info("%s: the browser went away before it had sent all", way.path)
            return Response(status_code=400)  # that nobody gets
        except UnicodeError:
            return Response("the form holds what is no text; our pages send it in UTF-8", 400)
        return await run_in_threadpool(_answered, call, way)

    return Route(way.path, endpoint, methods=["POST"] if way.changes else ["GET"])


async def _read(call: Call) -> None:
    """Take what the form sends. Raises ClientDisconnect, and UnicodeError for what is no text.

    Whoever sends several parts names how they are written, and may name what makes characters that are none.
    """
    form = await call.request.form(max_files=1, max_fields=300)
    call.given = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    call.files = {name: await value.read() for name, value in form.multi_items() if isinstance(value, UploadFile)}
    await form.close()
    if NUL.encode() in "".join((*call.given, *call.given.values())).encode():
        raise UnicodeError


def _may_send(call: Call) -> bool:
    """Whether somebody who has signed in sends it. Where nobody can know, what was typed is kept for another try."""
    try:
        with call.look() as transaction:
            token = call.request.cookies.get(cookie_name(call.place, COOKIE))
            return (
                told_by_proxy(call.place.settings.console, call.request) is not None
                or sessions.of(transaction, token, call.place.now()) is not None
            )
    except Unavailable:
        return True


def _length(request: Request) -> int:
    """What the sender says of its length; -1 where he does not say."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 12 else -1  # noqa: PLR2004 - digits of a number that is one


def _answered(call: Call, way: Way) -> Response:
    try:
        started = _see_who(call)
        response = _let_in(call, way)
        if started is not None:
            call.keep_cookie(response, COOKIE, started)
    except Unavailable as fault:
        log.warning("database: %s", fault)
        return call.away()
    return response


def _let_in(call: Call, way: Way) -> Response:
    if way.role is None:
        return way.answer(call) if not way.changes or is_ours(call.request) else call.refused("gate.not_ours", 403)
    if call.who is None:
        return _to_sign_in(call.request)
    if way.changes and not (is_ours(call.request) and call.has_token()):
        return call.refused("gate.not_ours", 403)
    if call.who.role < way.role:
        with call.open() as transaction:
            call.note(transaction, "refused", call.request.url.path)
        return call.refused("gate.not_for_you", 403, role=call.word(f"people.role_{way.role}"))
    return way.answer(call)


def _see_who(call: Call) -> str | None:
    """See whose cookie it is. Where a proxy says who it is, that counts; the new cookie if it was another's."""
    place, token = call.place, call.request.cookies.get(cookie_name(call.place, COOKIE))
    named = told_by_proxy(place.settings.console, call.request)
    with call.look() as transaction:
        call.who = sessions.of(transaction, token, place.now())
        if named is None or (call.who is not None and call.who.name == named):
            return None
        if not _is_by_proxy(transaction, named):  # its word signs nobody in, nor over to another
            call.who = None if call.who is None or _is_by_proxy(transaction, call.who.name) else call.who
            return None
    call.who = None
    with call.open() as transaction:
        started = sessions.begin(transaction, named, place.now(), call.lasting)
        call.who = sessions.of(transaction, started, place.now())
        deed = deeds.NotedDeed(named, address_of(place.settings.console, call.request), deeds.SIGNED_IN, named)
        deeds.note(transaction, deed, place.now(), place.signer)
    return started


def _is_by_proxy(transaction: Connection, name: str) -> bool:
    """Whether it is somebody who was added for the proxy. Who has a password signs in with it and in no other way."""
    colleague = people.known(transaction, name)
    return colleague is not None and not colleague.by_password


def _to_sign_in(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = f"/sign-in?next={quote(here)}" if request.method == "GET" else "/sign-in"
    if "hx-request" in request.headers:  # htmx would put the page of the sign-in into a corner of this one
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    return RedirectResponse(there, 303)


def is_ours(request: Request) -> bool:
    """Whether a browser sent it from a page of this console, as far as the browser says."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
