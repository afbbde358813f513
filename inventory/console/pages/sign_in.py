"""The page of the sign-in; signing out; and the choice of a language."""

from __future__ import annotations

import secrets
from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from inventory.audit.deeds import SIGNED_IN, NotedDeed, note, signed_in_from
from inventory.console import people, sessions
from inventory.console.call import COOKIE, LANGUAGE, Call, Way, cookie_name, ours
from inventory.console.people import Role
from inventory.console.words import LANGUAGES
from inventory.web.proxy import line_of

FORM = "dockvoice-form"
"""The cookie that a sign-in must carry back, as its form does: who has no session has no token yet."""

YEAR_S = 365 * 86_400
FORM_S = 3600


def show(call: Call) -> Response:
    """The form."""
    if call.who is not None:
        return RedirectResponse(ours(call.request.query_params.get("next")), 303)
    return _form(call, 200, "", call.request.query_params.get("next", ""))


def sign_in(call: Call) -> Response:
    """See whether that is the password; if it is, a session of its own."""
    name, there, place = call.given.get("name", "")[:63], call.given.get("next", ""), call.place
    cookie = call.request.cookies.get(cookie_name(place, FORM), "")
    if not cookie or not secrets.compare_digest(cookie.encode(), call.given.get("form", "").encode()):
        return _form(call, 403, call.word("sign_in.again"), there, name)
    line = line_of(call.address)
    with call.open() as transaction:
        known = line in map(line_of, signed_in_from(transaction, name))
        if wait := sessions.held_up(transaction, name, line, place.now(), known_there=known):
            note(transaction, NotedDeed(name, call.address, "sign_in_held_up", name), place.now(), place.signer)
            return _form(call, 429, _to_wait(call, wait), there, name)
        kept = people.kept_password(transaction, name)
    if not people.is_password(kept, call.given.get("password", "")):
        with call.open() as transaction:
            note(transaction, NotedDeed(name, call.address, "sign_in_failed", name), place.now(), place.signer)
        return _form(call, 401, call.word("sign_in.wrong"), there, name)
    with call.open() as transaction:
        sessions.succeeded(transaction, name, line)
        started = sessions.begin(transaction, name, place.now(), call.lasting)
        note(transaction, NotedDeed(name, call.address, SIGNED_IN, name), place.now(), place.signer)
    response = RedirectResponse(ours(there), 303)
    call.keep_cookie(response, COOKIE, started)
    return response


def sign_out(call: Call) -> Response:
    """The session ends here, not only in the browser."""
    with call.open() as transaction:
        if call.who is not None:
            call.note(transaction, "signed_out", call.who.name)
            sessions.end(transaction, call.who)
    response = RedirectResponse("/sign-in", 303)
    call.keep_cookie(response, COOKIE, "", 0)
    return response


def choose_language(call: Call) -> Response:
    """Show all pages in another language, in this browser."""
    response = RedirectResponse(ours(call.given.get("next")), 303)
    if (wanted := call.given.get("language")) in LANGUAGES:
        call.keep_cookie(response, LANGUAGE, str(wanted), YEAR_S)
    return response


def _to_wait(call: Call, wait: timedelta) -> str:
    if wait < timedelta(minutes=1):
        return call.word("sign_in.slower", seconds=int(wait.total_seconds()))
    return call.word("sign_in.too_often", minutes=int(wait.total_seconds() // 60))


def _form(call: Call, status: int, told: str, there: str, name: str = "") -> Response:
    form = secrets.token_urlsafe(16)
    response = call.page("sign_in.html", status, told=told, there=there, name=name, form=form)
    call.keep_cookie(response, FORM, form, FORM_S)
    return response


WAYS = (
    Way("/sign-in", show, None),
    Way("/sign-in", sign_in, None, changes=True),
    Way("/sign-out", sign_out, Role.VIEWER, changes=True),
    Way("/language", choose_language, None, changes=True),
)
