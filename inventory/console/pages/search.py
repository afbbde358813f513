"""The page on which entries are searched for: by pallet, trailer, operator and time."""

from __future__ import annotations

from starlette.responses import Response

from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import listing
from inventory.queries.listing import Wanted

MOST = 50  # Entries of one page.

TIMES = ("since", "until")


def show(call: Call) -> Response:
    """What was found, once anything was asked for."""
    given = call.request.query_params
    wanted = asked.wanted(call)
    odd = [name for name in TIMES if given.get(name, "").strip() and asked.moment(call, name) is None]
    lines = []
    if wanted != Wanted() and not odd:
        with call.look() as transaction:
            lines = listing.latest(transaction, wanted, call.place.roles, MOST, asked.before(call))
    last = lines[-1] if len(lines) == MOST else None
    older = last and asked.address(call, "before", "event", before=last.arrival, event=last.event_id)
    return call.page(
        "search.html",
        asked=given,
        searched=wanted != Wanted(),
        odd=odd,
        lines=lines,
        seen=None,
        again=None,
        older=older and f"/search?{older}",
    )


TAB = Tab("/search", "search.title", Role.VIEWER)
WAYS = (Way("/search", show, Role.VIEWER),)
