"""Parses query parameters to values that the databases accept; None for a missing or unusable one."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from dockvoice_protocol import instants
from inventory.console.context import RequestContext
from inventory.queries.listing import EntryFilter, Place
from inventory.store.tables import SEARCHED

_STATES = ("current", "amended", "cancelled")

_DIGITS = 18  # Of a number that fits every database's integer.


def text(context: RequestContext, name: str) -> str | None:
    """Parse a text without control characters, no longer than the column."""
    given = context.request.query_params.get(name, "").strip()
    usable = given and len(given) <= SEARCHED and "\0" not in given and given.isprintable()
    return given if usable else None


def number(context: RequestContext, name: str) -> int | None:
    """Parse a whole number."""
    return integer(context.request.query_params.get(name, ""))


def integer(given: str) -> int | None:
    """Parse a whole number from text; None if it is none."""
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= _DIGITS else None


def instant(context: RequestContext, name: str) -> datetime | None:
    """Parse a time on the site's clock; a date is its first moment."""
    given = text(context, name)
    found = None if given is None else instants.parse_iso(given, context.resources.zone)
    if found is None or not 1970 < found.year < 9999:  # noqa: PLR2004 - what every database and time zone has
        return None
    return found


def device(context: RequestContext) -> tuple[str, str] | None:
    """Parse `north/dock-3` into site and name."""
    site, found, name = (text(context, "device") or "").partition("/")
    return (site, name) if found else None


def entry_filter(context: RequestContext) -> EntryFilter:
    """Parse the filter of a list of entries."""
    until = instant(context, "until")
    is_day = until is not None and len(text(context, "until") or "") == len("2026-11-20")
    state = text(context, "state")
    return EntryFilter(
        form=text(context, "form"),
        device=device(context),
        operator=text(context, "operator"),
        trailer=text(context, "trailer"),
        pallet=text(context, "pallet"),
        state=state if state in _STATES else None,
        since=instant(context, "since"),
        until=until + timedelta(days=1) if until is not None and is_day else until,  # the whole of the last day
    )


def cursor(context: RequestContext) -> Place | None:
    """Parse the cursor from which older entries are listed."""
    arrival, event = number(context, "before"), text(context, "event")
    return None if arrival is None or event is None else (arrival, event)


def query(context: RequestContext, *without: str, **also: object) -> str:
    """The query string of this page, changed."""
    given = {name: one for name, one in context.request.query_params.items() if name not in without and one}
    return urlencode({**given, **{name: str(one) for name, one in also.items()}})
