"""Asked: what somebody wrote into the address of a page, made safe to look for."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from dockvoice_protocol.instants import instant
from inventory.console.call import Call
from inventory.queries.listing import Place, Wanted
from inventory.store.tables import SEARCHED

STATES = ("current", "amended", "cancelled")

DIGITS = 18  # Of a number that every database has.


def text(call: Call, name: str) -> str | None:
    """A parameter as it can be looked for; None where there is none, or what no database holds."""
    given = call.request.query_params.get(name, "").strip()
    sound = given and len(given) <= SEARCHED and "\0" not in given and given.isprintable()
    return given if sound else None


def number(call: Call, name: str) -> int | None:
    """A whole number; None where there is none."""
    return whole(call.request.query_params.get(name, ""))


def whole(given: str) -> int | None:
    """The number that was written; None where it is none."""
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= DIGITS else None


def moment(call: Call, name: str) -> datetime | None:
    """A moment on the site's clock; None where there is none. `2026-11-20` is the beginning of that day."""
    given = text(call, name)
    found = None if given is None else instant(given, call.place.zone)
    if found is None or not 1970 < found.year < 9999:  # noqa: PLR2004 - what every database and time zone has
        return None
    return found


def device(call: Call) -> tuple[str, str] | None:
    """`north/dock-3` as site and name."""
    site, found, name = (text(call, "device") or "").partition("/")
    return (site, name) if found else None


def wanted(call: Call) -> Wanted:
    """What a list is asked for."""
    until = moment(call, "until")
    is_day = until is not None and len(text(call, "until") or "") == len("2026-11-20")
    state = text(call, "state")
    return Wanted(
        form=text(call, "form"),
        device=device(call),
        operator=text(call, "operator"),
        trailer=text(call, "trailer"),
        pallet=text(call, "pallet"),
        state=state if state in STATES else None,
        since=moment(call, "since"),
        until=until + timedelta(days=1) if until is not None and is_day else until,  # the whole of the last day
    )


def before(call: Call) -> Place | None:
    """The place in a list from which on older ones are wanted."""
    arrival, event = number(call, "before"), text(call, "event")
    return None if arrival is None or event is None else (arrival, event)


def address(call: Call, *without: str, **also: object) -> str:
    """The parameters of this page, as they go on to the next."""
    given = {name: one for name, one in call.request.query_params.items() if name not in without and one}
    return urlencode({**given, **{name: str(one) for name, one in also.items()}})
