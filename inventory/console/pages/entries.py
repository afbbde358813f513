"""The page of the entries as they come: the latest first, and live."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import listing

MOST = 50  # Entries of one page: what a supervisor looks over, and a tablet shows without waiting.


def show(call: Call) -> Response:
    """The list with what it can be narrowed by."""
    with call.look() as transaction:
        chosen = _list(call, transaction)
        known = listing.devices_known(transaction)
    return call.page(
        "entries.html", devices=known, forms=sorted(call.place.forms), asked=call.request.query_params, **chosen
    )


def part(call: Call) -> Response:
    """The list alone, as it is now. What came since it was asked for last is marked."""
    with call.look() as transaction:
        chosen = _list(call, transaction)
    return call.page("_entries.html", **chosen)


def _list(call: Call, transaction: Any) -> dict[str, Any]:
    before = asked.before(call)
    lines = listing.latest(transaction, asked.wanted(call), call.place.roles, MOST, before)
    seen = asked.number(call, "seen")
    newest = lines[0].arrival if lines else seen or 0
    older = (
        asked.address(call, "before", "event", "seen", before=lines[-1].arrival, event=lines[-1].event_id)
        if len(lines) == MOST
        else None
    )
    return {
        "lines": lines,
        "seen": seen,
        "older": older and f"/entries?{older}",
        "again": None if before is not None else f"/entries/part?{asked.address(call, 'seen', seen=newest)}",
    }


TAB = Tab("/entries", "entries.title", Role.VIEWER)
WAYS = (Way("/entries", show, Role.VIEWER), Way("/entries/part", part, Role.VIEWER))
