"""Trailers: the list, one visit with expected and received lines, and its signed dossier."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from inventory.audit.audit import load_signer
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route, live_routes, parse_integer
from inventory.dossier import dossier, visits
from inventory.dossier.issues import store_version
from inventory.dossier.visits import TrailerRows, Visit
from inventory.queries import trailers
from inventory.store.tables import MAX_SEARCHED_CHARS
from inventory.words import load_texts

_MOST = 30  # Trailers of one page.

_DISCREPANCIES = frozenset({"over", "short", "missing", "not_announced", "not_comparable", "uncounted"})


def _list_values(context: RequestContext) -> dict[str, Any]:
    """Announced trailers, then those named by entries, the latest first."""
    named, place = context.text_parameter("trailer"), context.entry_cursor()
    site, found, name = (place[1] if place else "").partition("/")
    before = (place[0], (site, name)) if place and found else None
    roles = context.resources.roles
    with context.read_transaction() as transaction:
        awaited = [] if before else trailers.load_announced_trailers(transaction, roles, named)
        lines = trailers.load_trailers(transaction, roles, _MOST, before, named)
    last = lines[-1] if len(lines) == _MOST else None
    older = last and urlencode({"before": last.arrival, "event": f"{last.site}/{last.name}"})
    again = None if before else f"/trailers/part?{context.query_string()}"
    older = older and f"/trailers?{older}"
    return {"lines": [*awaited, *lines], "older": older, "again": again, "asked": context.request.query_params}


def _trailer_page(context: RequestContext) -> Response:
    """Show one visit, and the trailer's other visits."""
    site, name = context.request.path_params["site"], context.request.path_params["trailer"]
    gathered, found = _load_visits(context, site, name, by_index=True)
    chosen = (
        None if gathered is None else visits.find_visit_or_default(found, gathered, context.number_parameter("visit"))
    )
    if gathered is None or chosen is None:
        return context.refuse("trailers.unknown", 404, trailer=name)
    content, _ = dossier.collect_content(chosen, gathered, context.resources.keys.all(), context.language)
    return context.render(
        "trailer.html",
        of=content,
        visit=chosen,
        visits=found,
        dossier=load_texts(context.language, "dossier"),
        amiss=_DISCREPANCIES,
        address=f"/trailers/{quote(site)}/{quote(name, safe='')}",
        signs=context.resources.settings.dossier.key is not None,
    )


def _make_dossier(context: RequestContext) -> Response:
    """Send the signed dossier of a visit as a ZIP file; write its hash to the audit log."""
    site, name, number = (context.form.get(given, "") for given in ("site", "trailer", "visit"))
    key = context.resources.settings.dossier.key
    if key is None:
        return context.refuse("trailers.no_key", 409)
    gathered, found = _load_visits(context, site, name)
    chosen = None if gathered is None else visits.find_visit_or_default(found, gathered, parse_integer(number))
    if gathered is None or chosen is None:
        return context.refuse("trailers.unknown", 404, trailer=name)
    with context.transaction() as transaction:
        issue = partial(store_version, transaction, site, name, chosen, now=context.resources.now())
        keys = context.resources.keys.all()
        made = dossier.build(chosen, gathered, keys, load_signer(key), context.language, issue=issue).file
        sha256 = hashlib.sha256(made).hexdigest()
        context.audit(transaction, "dossier_made", name, site=site, visit=chosen.number, sha256=sha256)
    file = quote(f"{site}.{name}.{chosen.number}.zip", safe="")
    return Response(made, 200, {"content-disposition": f"attachment; filename*=UTF-8''{file}"}, "application/zip")


def _load_visits(
    context: RequestContext, site: str, name: str, *, by_index: bool = False
) -> tuple[TrailerRows | None, list[Visit]]:
    if not (site + name).isprintable() or len(site + name) > MAX_SEARCHED_CHARS:
        return None, []
    with context.read_transaction() as transaction:
        gathered = visits.load_rows(transaction, site, name, context.resources.roles, by_index=by_index)
    return gathered, gathered.visits()


ROUTES = (
    *live_routes("trailers.html", _list_values),
    Route("/dossier", _make_dossier, Role.REVIEWER, changes=True),
    Route("/{site}/{trailer:path}", _trailer_page),
)
