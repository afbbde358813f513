"""Entries: the live list, one entry with its history, and the search."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from dockvoice_protocol.instants import parse_iso
from inventory.audit import audit_log
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route
from inventory.console.decisions import load_decisions
from inventory.console.recordings import recordings_of_event
from inventory.queries import listing
from inventory.queries.history import load_amendment_chain
from inventory.queries.listing import EntryFilter
from inventory.reviews.flags import load_flags

PER_PAGE = 50  # Entries of one page: a supervisor's overview, which a tablet renders at once.

_MOST_ACTIONS = 50  # Lines of the audit log about one entry, the latest.


def _show_list(context: RequestContext) -> Response:
    """Show the list of entries with its filters."""
    with context.read_transaction() as transaction:
        values = _list_values(context, transaction)
        known = listing.load_device_names(transaction)
    forms = sorted(context.resources.forms)
    return context.render("entries.html", devices=known, forms=forms, asked=context.request.query_params, **values)


def _list_part(context: RequestContext) -> Response:
    """Show the list alone, new entries since `seen` marked."""
    with context.read_transaction() as transaction:
        values = _list_values(context, transaction)
    return context.render("_entries.html", **values)


def _list_values(context: RequestContext, transaction: Connection) -> dict[str, Any]:
    before = context.entry_cursor()
    roles = context.resources.roles
    lines = listing.load_entries(transaction, context.entry_filter(), roles, PER_PAGE, before)
    seen = context.number_parameter("seen")
    newest = lines[0].arrival if lines else seen or 0
    again = context.query_string("seen", seen=newest)
    return {
        "lines": lines,
        "seen": seen,
        "older": _older_page_url(context, lines),
        "again": None if before is not None else f"/entries/part?{again}",
    }


def _older_page_url(context: RequestContext, lines: list[listing.ListedEntry]) -> str | None:
    """The address of the next page; None where this one is not full."""
    if len(lines) < PER_PAGE:
        return None
    last = lines[-1]
    query = context.query_string("before", "event", "seen", before=last.arrival, event=last.event_id)
    return f"/{context.request.url.path.split('/')[1]}?{query}"


def _entry_page(context: RequestContext) -> Response:
    """Show the entry of an event, or the refused event, with history, recordings and decisions."""
    event_id = context.request.path_params["event_id"]
    with context.read_transaction() as transaction:
        steps = load_amendment_chain(transaction, context.resources.keys, event_id)
        found = next((one for one in steps if one.event_id == event_id), None)
        if found is None:
            return context.refuse("entry.unknown", 404)
        utterance = str(found.data.get("utterance", {}).get("id", ""))
        decided = load_decisions(transaction, found.site, found.device, utterance)
        flags = load_flags(transaction, [event_id]).get(event_id, [])
        actions = (
            audit_log.load_actions_about(transaction, (utterance, event_id)) if context.has_role(Role.REVIEWER) else []
        )
    is_valid = found.kind != "refused"  # a refused event may not even name its recordings
    return context.render(
        "entry.html",
        entry=found,
        flags=flags,
        struck=any(flag.is_struck for flag in flags),
        said_at=parse_iso(str(found.event.get("time"))),
        steps=steps,
        stands=next((one for one in reversed(steps) if one.state == "current"), None),
        recordings=recordings_of_event(context, found.event, found.site, found.device) if is_valid else [],
        decided=decided,
        actions=actions[-_MOST_ACTIONS:],
        body=json.dumps(found.event, ensure_ascii=False, indent=2),
    )


def _search_page(context: RequestContext) -> Response:
    """Show the search form, and the results once a filter is given."""
    given = context.request.query_params
    wanted = context.entry_filter()
    invalid = context.invalid_instants("since", "until")
    lines = []
    if wanted != EntryFilter() and not invalid:
        with context.read_transaction() as transaction:
            lines = listing.load_entries(transaction, wanted, context.resources.roles, PER_PAGE, context.entry_cursor())
    return context.render(
        "search.html",
        asked=given,
        searched=wanted != EntryFilter(),
        odd=invalid,
        lines=lines,
        seen=None,
        again=None,
        older=_older_page_url(context, lines),
    )


ROUTES = (Route("", _show_list), Route("/part", _list_part), Route("/{event_id}", _entry_page))
SEARCH_ROUTES = (Route("", _search_page),)
