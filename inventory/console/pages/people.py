"""The page of who may sign in, and what they may do; and of one's own password."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.audit.deeds import NAME
from inventory.console import people, sessions
from inventory.console.call import Call, Tab, Way
from inventory.console.people import SHORTEST, Role

ROLES = tuple(Role)


def show(call: Call) -> Response:
    """All of them, and a form for one more."""
    return _page(call)


def _page(call: Call, status: int = 200, told: str = "", **typed: Any) -> Response:
    with call.look() as transaction:
        found = people.everybody(transaction)
    name = typed.get("name", "")
    role = typed.get("role", "viewer")
    return call.page(
        "people.html", status, people=found, roles=ROLES, told=told, name=name, role=role, shortest=SHORTEST
    )


def add(call: Call) -> Response:
    """Let somebody sign in."""
    name, password = call.given.get("name", "").strip(), call.given.get("password", "")
    by_proxy = call.given.get("by_proxy") == "yes"
    if (wrong := _wrong(name, password, by_proxy=by_proxy)) is not None:
        return _page(call, 422, call.word(wrong, shortest=SHORTEST), **call.given)
    with call.open() as transaction:
        if people.known(transaction, name) is None:
            role = _role(call)
            people.add(transaction, name, role, None if by_proxy else password, call.place.now())
            call.note(transaction, "added", name, role=str(role))
            return RedirectResponse("/people", 303)
    return _page(call, 409, call.word("people.there_already"), **call.given)


def change(call: Call) -> Response:
    """Another role or another password for somebody, or he may sign in no more."""
    name = call.request.path_params["name"]
    try:
        with call.open() as transaction:
            match call.given.get("change"):
                case "role":
                    people.change_role(transaction, name, _role(call))
                    call.note(transaction, "role_changed", name, role=str(_role(call)))
                case "password":
                    people.change_password(transaction, name, call.given.get("password", ""))
                    sessions.forgive(transaction, name)
                    call.note(transaction, "password_changed", name)
                case "remove":
                    people.remove(transaction, name)
                    call.note(transaction, "removed", name)
                case _:
                    raise UnreadableInput("change: is none")
    except UnreadableInput:
        return _page(call, 404, call.word("people.unknown"))
    except Misconfigured:
        if call.given.get("change") == "password":
            return _page(call, 422, call.word("people.too_short", shortest=SHORTEST))
        return _page(call, 409, call.word("people.only_admin"))
    return RedirectResponse("/people", 303)


def _wrong(name: str, password: str, *, by_proxy: bool) -> str | None:
    if not NAME.fullmatch(name):
        return "people.bad_name"
    return None if by_proxy or len(password) >= SHORTEST else "people.too_short"


def _role(call: Call) -> Role:
    """What was chosen; the least where nothing was."""
    chosen = call.given.get("role", "")
    return next((role for role in ROLES if str(role) == chosen), Role.VIEWER)


TAB = Tab("/people", "people.title", Role.ADMIN)
WAYS = (
    Way("/people", show, Role.ADMIN),
    Way("/people", add, Role.ADMIN, changes=True),
    Way("/people/{name}", change, Role.ADMIN, changes=True),
)
