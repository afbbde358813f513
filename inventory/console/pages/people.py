"""Accounts: add and remove users, change roles and passwords."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.audit.audit_log import USER_NAME
from inventory.console import accounts
from inventory.console.accounts import SHORTEST, Role
from inventory.console.context import RequestContext, Route


def _page(context: RequestContext) -> Response:
    """Show all accounts, and the form to add one."""
    return _render_page(context)


def _render_page(context: RequestContext, status: int = 200, message: str = "", **typed: Any) -> Response:
    with context.read_transaction() as transaction:
        users = accounts.load_users(transaction)
    values = {"name": typed.get("name", ""), "role": typed.get("role", "viewer"), "shortest": SHORTEST}
    return context.render("people.html", status, people=users, roles=tuple(Role), message=message, **values)


def _add_account(context: RequestContext) -> Response:
    """Add an account."""
    name, password = context.form.get("name", "").strip(), context.form.get("password", "")
    by_proxy = context.form.get("by_proxy") == "yes"
    if not USER_NAME.fullmatch(name):
        return _render_page(context, 422, context.text("people.bad_name"), **context.form)
    if not by_proxy and len(password) < SHORTEST:
        return _render_page(context, 422, context.text("people.too_short", shortest=SHORTEST), **context.form)
    with context.transaction() as transaction:
        if accounts.find_user(transaction, name) is None:
            role = _chosen_role(context)
            accounts.add_user(transaction, name, role, None if by_proxy else password, context.resources.now())
            context.audit(transaction, "added", name, role=str(role))
            return RedirectResponse("/people", 303)
    return _render_page(context, 409, context.text("people.there_already"), **context.form)


def _change_account(context: RequestContext) -> Response:
    """Change the role or the password of an account, or remove it."""
    name, what = context.request.path_params["name"], context.form.get("change")
    try:
        with context.transaction() as transaction:
            match what:
                case "role":
                    accounts.change_role(transaction, name, _chosen_role(context))
                    context.audit(transaction, "role_changed", name, role=str(_chosen_role(context)))
                case "password":
                    accounts.change_password(transaction, name, context.form.get("password", ""))
                    context.audit(transaction, "password_changed", name)
                case "remove":
                    accounts.remove_user(transaction, name)
                    context.audit(transaction, "removed", name)
                case _:
                    raise UnreadableInput("change: is none")
    except UnreadableInput:
        return _render_page(context, 404, context.text("people.unknown"))
    except Misconfigured:
        if what == "password":
            return _render_page(context, 422, context.text("people.too_short", shortest=SHORTEST))
        return _render_page(context, 409, context.text("people.only_admin"))
    return RedirectResponse("/people", 303)


def _chosen_role(context: RequestContext) -> Role:
    """The chosen role; the least where none was."""
    chosen = context.form.get("role", "")
    return next((role for role in Role if str(role) == chosen), Role.VIEWER)


ROUTES = (Route("", _page), Route("", _add_account, changes=True), Route("/{name}", _change_account, changes=True))
