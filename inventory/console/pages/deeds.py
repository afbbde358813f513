"""The page of who did what on the console."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from dockvoice_protocol.hash_chain import PublicKey
from inventory.audit import deeds
from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role

MOST = 100  # Lines of one page.


def show(call: Call) -> Response:
    """The latest, or those before a number."""
    with call.look() as transaction:
        found = deeds.latest(transaction, MOST, asked.number(call, "before"))
        broken = deeds.broken_among(transaction, _key(call), found)
        followed = _followed(call, transaction, broken)
    return call.page("deeds.html", lines=found, older=found[-1].number if len(found) == MOST else None, **followed)


def part(call: Call) -> Response:
    """How far it has been followed, a step further."""
    with call.look() as transaction:
        return call.page("_followed.html", **_followed(call, transaction))


def _followed(call: Call, transaction: Connection, broken: int | None = None) -> dict[str, Any]:
    """How far it has been followed, and the first line that does not hold: there, or on the page."""
    followed = call.place.following.further(transaction, _key(call), call.place.now())
    faults = [one for one in (broken, followed.broken) if one is not None]
    last = next(iter(deeds.latest(transaction, 1)), None)
    return {
        "followed": followed.number,
        "last": 0 if last is None else last.number,
        "broken": min(faults, default=None),
    }


def _key(call: Call) -> PublicKey | None:
    return None if call.place.signer is None else call.place.signer.public


TAB = Tab("/deeds", "deeds.title", Role.ADMIN)
WAYS = (Way("/deeds", show, Role.ADMIN), Way("/deeds/part", part, Role.ADMIN))
