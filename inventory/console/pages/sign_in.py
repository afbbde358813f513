"""Sign-in, sign-out and the choice of a language."""

from __future__ import annotations

import secrets
from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from inventory.audit.audit_log import SIGNED_IN, UserAction, load_latest_sign_in_addresses, record_action
from inventory.console import accounts
from inventory.console.accounts import Role
from inventory.console.context import COOKIE, LANGUAGE, RequestContext, Route, cookie_name, local_path_or_root
from inventory.console.rendering import language_names
from inventory.web.serving import rate_limit_key

_FORM = "dockvoice-form"
"""The cookie that must equal the form's token at sign-in, since without a session there is no CSRF token."""

_YEAR_S = 365 * 86_400
_FORM_S = 3600


def _page(context: RequestContext) -> Response:
    """Show the sign-in form."""
    target = context.request.query_params.get("next", "")
    return (
        RedirectResponse(local_path_or_root(target), 303)
        if context.user is not None
        else _render_form(context, 200, "", target)
    )


def _sign_in(context: RequestContext) -> Response:
    """Verify the password, within the rate limit, and begin a session."""
    name, target, resources = context.form.get("name", "")[:63], context.form.get("next", ""), context.resources
    now, signer = resources.now, resources.signer
    cookie = context.request.cookies.get(cookie_name(resources, _FORM), "")
    if not cookie or not secrets.compare_digest(cookie.encode(), context.form.get("form", "").encode()):
        return _render_form(context, 403, context.text("sign_in.again"), target, name)
    network = rate_limit_key(context.address)
    with context.transaction() as transaction:
        known = network in map(rate_limit_key, load_latest_sign_in_addresses(transaction, name))
        if wait := accounts.register_attempt(transaction, name, network, now(), known_there=known):
            record_action(transaction, UserAction(name, context.address, "sign_in_held_up", name), now(), signer)
            return _render_form(context, 429, _wait_text(context, wait), target, name)
        kept = accounts.load_password_hash(transaction, name)
    if not accounts.verify_password(kept, context.form.get("password", "")):
        with context.transaction() as transaction:
            record_action(transaction, UserAction(name, context.address, "sign_in_failed", name), now(), signer)
        return _render_form(context, 401, context.text("sign_in.wrong"), target, name)
    with context.transaction() as transaction:
        accounts.clear_attempts(transaction, name, network)
        started = accounts.begin_session(transaction, name, now(), context.session_length)
        record_action(transaction, UserAction(name, context.address, SIGNED_IN, name), now(), signer)
    response = RedirectResponse(local_path_or_root(target), 303)
    context.set_cookie(response, COOKIE, started)
    return response


def _sign_out(context: RequestContext) -> Response:
    """End the session in the database, not only in the browser."""
    with context.transaction() as transaction:
        if context.user is not None:
            context.audit(transaction, "signed_out", context.user.name)
            accounts.end_session(transaction, context.user)
    response = RedirectResponse("/sign-in", 303)
    context.set_cookie(response, COOKIE, "", 0)
    return response


def _choose_language(context: RequestContext) -> Response:
    """Store the language in a cookie."""
    response = RedirectResponse(local_path_or_root(context.form.get("next")), 303)
    if (wanted := context.form.get("language")) in language_names():
        context.set_cookie(response, LANGUAGE, str(wanted), _YEAR_S)
    return response


def _wait_text(context: RequestContext, wait: timedelta) -> str:
    if wait < timedelta(minutes=1):
        return context.text("sign_in.slower", seconds=int(wait.total_seconds()))
    return context.text("sign_in.too_often", minutes=int(wait.total_seconds() // 60))


def _render_form(context: RequestContext, status: int, message: str, target: str, name: str = "") -> Response:
    form = secrets.token_urlsafe(16)
    response = context.render("sign_in.html", status, message=message, there=target, name=name, form=form)
    context.set_cookie(response, _FORM, form, _FORM_S)
    return response


ROUTES = (
    Route("/sign-in", _page, public=True),
    Route("/sign-in", _sign_in, public=True, changes=True),
    Route("/sign-out", _sign_out, Role.VIEWER, changes=True),
    Route("/language", _choose_language, public=True, changes=True),
)
