"""The morning list: the entries of a day that are most likely wrong, for somebody who looks at few of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.instants import in_zone
from inventory.console import asked, doubts
from inventory.console.call import Call, Tab, Way, ours
from inventory.console.people import Role
from inventory.queries import listing

MOST = 20  # Entries of one page: what somebody looks through in ten minutes.

DAY = timedelta(days=1)


def show(call: Call) -> Response:
    """The last 24 hours, or the day asked for."""
    since, until = _time(call)
    with call.look() as transaction:
        found = doubts.of_time(transaction, since, until, asked.device(call))
        known = listing.devices_known(transaction)
    query = asked.address(call)
    return call.page(
        "morning.html",
        lines=found.open[:MOST],
        right=found.right,
        doubted=len(found.open),
        looked_at=found.looked_at,
        devices=known,
        asked=call.request.query_params,
        back=f"/morning?{query}" if query else "/morning",
        may=call.who is not None and call.who.role >= Role.REVIEWER,
    )


def _time(call: Call) -> tuple[datetime, datetime]:
    day = asked.moment(call, "day")
    if day is None:
        return call.place.now() - DAY, call.place.now()
    first = in_zone(day, call.place.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return first, first + DAY  # on the clock of the site, which may be changed within


def mark(call: Call) -> Response:
    """Keep on record that an entry is right, or let it be doubted again."""
    event_id, right = call.given.get("event", ""), call.given.get("right") == "yes"
    with call.open() as transaction:
        is_news = doubts.mark(transaction, event_id, right=right)
        if is_news is None:
            return call.refused("entry.unknown", 404)
        if is_news:
            call.note(transaction, doubts.RIGHT if right else doubts.AGAIN, event_id)
    return RedirectResponse(ours(call.given.get("back")), 303)


TAB = Tab("/morning", "morning.title", Role.VIEWER)
WAYS = (Way("/morning", show, Role.VIEWER), Way("/morning", mark, Role.REVIEWER, changes=True))
