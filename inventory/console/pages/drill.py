"""The page of the drill: pull the plug, speak, plug it in again, and see that nothing is lost and nothing doubled."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from inventory.console import asked, drills
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import listing

MOST = 20  # Drills that are shown.


def show(call: Call) -> Response:
    """What to do, what goes on, and what came of those before."""
    with call.look() as transaction:
        known = listing.devices_known(transaction)
    return call.page("drill.html", devices=known, **_all(call))


def part(call: Call) -> Response:
    """What goes on, as it is counted now."""
    return call.page("_drill.html", **_all(call))


def _all(call: Call) -> dict[str, Any]:
    with call.look() as transaction:
        found = drills.latest(transaction, MOST)
    return {"going_on": [one for one in found if one.ended_at is None], "over": [one for one in found if one.ended_at]}


def begin(call: Call) -> Response:
    """Note the counts of a device, before anything is pulled."""
    site, _, device = call.given.get("device", "").partition("/")
    with call.open() as transaction:
        if (site, device) not in listing.devices_known(transaction):
            return call.refused("drill.unknown", 404)
        who = "" if call.who is None else call.who.name
        if drills.begin(transaction, site, device, who, call.place.now()):
            call.note(transaction, "drill_began", f"{site}/{device}")
    return RedirectResponse("/drill", 303)


def end(call: Call) -> Response:
    """Hold the counts against what was said."""
    number, said = (asked.whole(call.given.get(name, "")) for name in ("number", "said"))
    if number is None or said is None or said > MOST_SAID:
        return call.refused("drill.no_number", 400)
    with call.open() as transaction:
        ended = drills.end(transaction, number, said, call.place.now())
        if ended is not None:
            about = f"{ended.site}/{ended.device}"
            told: dict[str, Any] = {
                "said": said,
                "came": ended.came,
                "repeated": ended.repeated,
                "missing": ended.missing,
            }
            call.note(transaction, "drill_ended", about, **told, passed=ended.passed)
    return RedirectResponse("/drill", 303)


MOST_SAID = 10_000  # What nobody says in a drill.

TAB = Tab("/drill", "drill.title", Role.REVIEWER)
WAYS = (
    Way("/drill", show, Role.REVIEWER),
    Way("/drill/part", part, Role.REVIEWER),
    Way("/drill/begin", begin, Role.REVIEWER, changes=True),
    Way("/drill/end", end, Role.REVIEWER, changes=True),
)
