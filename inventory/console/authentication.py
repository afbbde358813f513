"""Authentication middleware: authenticates, authorises and CSRF-checks every request, then calls its page in a thread.

A request that changes something must carry the session's CSRF token and come from a page of this console.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from sqlalchemy import Connection
from starlette import routing
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import Unavailable
from inventory.audit import audit_log
from inventory.console import accounts
from inventory.console.context import COOKIE, ConsoleResources, Page, RequestContext, Route, cookie_name
from inventory.web.serving import proxy_user

log = logging.getLogger("console")

_NUL = "\0"  # PostgreSQL stores it in no text, and its error would look like a database that does not answer.


def guarded_route(resources: ConsoleResources, tabs: tuple[Page, ...], route: Route) -> routing.Route:
    """A Starlette route behind the checks. Raises ValueError for one that is neither public nor has a role."""
    if route.role is None and not route.public:
        raise ValueError(f"{route.path}: has no role")

    async def endpoint(request: Request) -> Response:
        if any(_NUL in str(one) for one in request.path_params.values()):
            return Response("Not Found", 404)  # as for an address without a route
        if route.changes and not 0 <= _content_length(request) <= route.largest:
            return Response("too large", 413)
        context = RequestContext(resources, request, {}, {}, tabs=tabs)
        try:
            # Nothing is read of a request without a session, unless it is the sign-in.
            if route.changes and (route.public or await run_in_threadpool(_has_session_or_no_database, context)):
                await _read_form(context)
        except ClientDisconnect:
            log.info("%s: the browser went away before it had sent all", route.path)
            return Response(status_code=400)  # nothing receives it
        except UnicodeError:
            return Response("the form holds what is no text; our pages send it in UTF-8", 400)
        return await run_in_threadpool(_authenticate_and_respond, context, route)

    return routing.Route(route.path, endpoint, methods=["POST"] if route.changes else ["GET"])


async def _read_form(context: RequestContext) -> None:
    """Parse the form. Raises ClientDisconnect, and UnicodeError: a multipart form names its own charset."""
    form = await context.request.form(max_files=1, max_fields=300)
    context.form = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    context.files = {name: await value.read() for name, value in form.multi_items() if isinstance(value, UploadFile)}
    await form.close()
    if _NUL.encode() in "".join((*context.form, *context.form.values())).encode():
        raise UnicodeError


def _has_session_or_no_database(context: RequestContext) -> bool:
    """Whether the request has a session; True if the database is away, so that the form's values are kept."""
    try:
        with context.read_transaction() as transaction:
            return _proxy_user(context) is not None or _load_session(context, transaction) is not None
    except Unavailable:
        return True


def _content_length(request: Request) -> int:
    """-1 where the header is missing or no number."""
    given = request.headers.get("content-length", "")
    return int(given) if given.isdecimal() and len(given) < 12 else -1  # noqa: PLR2004 - digits of a plausible length


def _authenticate_and_respond(context: RequestContext, route: Route) -> Response:
    try:
        started = _authenticate_or_begin_proxy_session(context)
        response = _authorise_and_call_view(context, route)
        if started is not None:
            context.set_cookie(response, COOKIE, started)
    except Unavailable as fault:
        log.warning("database: %s", fault)
        return context.render_unavailable()
    return response


def _authorise_and_call_view(context: RequestContext, route: Route) -> Response:
    if route.public:
        foreign = route.changes and not _is_same_origin(context.request)
        return context.refuse("gate.not_ours", 403) if foreign else route.view(context)
    if context.user is None:
        return _redirect_to_sign_in(context.request)
    if route.changes and not (_is_same_origin(context.request) and context.has_csrf_token()):
        return context.refuse("gate.not_ours", 403)
    if route.role is None or context.user.role < route.role:
        with context.transaction() as transaction:
            context.audit(transaction, "refused", context.request.url.path)
        return context.refuse("gate.not_for_you", 403, role=context.text(f"people.role_{route.role}"))
    return route.view(context)


def _authenticate_or_begin_proxy_session(context: RequestContext) -> str | None:
    """Set the user from the proxy or else the cookie; return the cookie of a session begun for the proxy's user."""
    resources, named = context.resources, _proxy_user(context)
    with context.read_transaction() as transaction:
        context.user = _load_session(context, transaction)
        if named is None or (context.user is not None and context.user.name == named):
            return None
        if not _is_by_proxy(transaction, named):  # the header neither signs this user in nor switches to it
            own = context.user is not None and not _is_by_proxy(transaction, context.user.name)
            context.user = context.user if own else None
            return None
    context.user = None
    with context.transaction() as transaction:
        started = accounts.begin_session(transaction, named, resources.now(), context.session_length)
        context.user = accounts.find_session(transaction, started, resources.now())
        deed = audit_log.UserAction(named, context.address, audit_log.SIGNED_IN, named)
        audit_log.record_action(transaction, deed, resources.now(), resources.signer)
    return started


def _load_session(context: RequestContext, transaction: Connection) -> accounts.Session | None:
    token = context.request.cookies.get(cookie_name(context.resources, COOKIE))
    return accounts.find_session(transaction, token, context.resources.now())


def _proxy_user(context: RequestContext) -> str | None:
    return proxy_user(context.resources.settings.console, context.request)


def _is_by_proxy(transaction: Connection, name: str) -> bool:
    """Whether the account has no password, and so signs in by the proxy."""
    user = accounts.find_user(transaction, name)
    return user is not None and not user.by_password


def _redirect_to_sign_in(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = f"/sign-in?next={quote(here)}" if request.method == "GET" else "/sign-in"
    if "hx-request" in request.headers:  # htmx would put the sign-in page into an element of this one
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    return RedirectResponse(there, 303)


def _is_same_origin(request: Request) -> bool:
    """Whether the request comes from a page of this console, by Sec-Fetch-Site or Origin; True without either."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
