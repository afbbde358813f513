"""The page of what somebody should look at: devices, events that were refused, messages that were put aside."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.pages.devices import amiss
from inventory.console.people import Role
from inventory.queries import refusals
from inventory.store import outbox

MOST = 30  # Lines of each list on one page.


def show(call: Call) -> Response:
    """All of it."""
    return call.page("alarms.html", **_all(call))


def part(call: Call) -> Response:
    """The same without what stands around it, as it is now."""
    return call.page("_alarms.html", **_all(call))


def _all(call: Call) -> dict[str, Any]:
    came, event = asked.moment(call, "came"), asked.text(call, "event")
    with call.look() as transaction:
        devices = amiss(call, transaction)
        turned_down = refusals.refusals(transaction, MOST, None if came is None or event is None else (came, event))
        aside = refusals.rejections(transaction, MOST, asked.number(call, "before"))
        stuck = [one for one in outbox.pending(transaction) if one.is_stuck(call.place.now())]
        unset = refusals.unset(transaction) if call.who is not None and call.who.role >= Role.ADMIN else []
    last = turned_down[-1] if len(turned_down) == MOST else None
    return {
        "devices": devices,
        "stuck": stuck,
        "unset": unset,
        "refused": turned_down,
        "aside": aside,
        "older": last and asked.address(call, came=last.received_at.isoformat(), event=last.event_id),
        "older_aside": asked.address(call, before=aside[-1].id) if len(aside) == MOST else None,
    }


TAB = Tab("/alarms", "alarms.title", Role.VIEWER)
WAYS = (Way("/alarms", show, Role.VIEWER), Way("/alarms/part", part, Role.VIEWER))
