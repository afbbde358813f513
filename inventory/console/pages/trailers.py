"""The pages of trailers: which there are, what each was to bring and brought, and its dossier."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from inventory.audit.audit import signer_in
from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.dossier import dossier, visits
from inventory.dossier.dossier_page import words_of
from inventory.dossier.issues import issued
from inventory.dossier.visits import Gathered, Visit
from inventory.queries import trailers
from inventory.store.tables import SEARCHED

MOST = 30  # Trailers of one page.

AMISS = frozenset({"over", "short", "missing", "not_announced", "not_comparable", "uncounted"})


def show(call: Call) -> Response:
    """Those that are announced, then those that entries name, the latest first."""
    return call.page("trailers.html", asked=call.request.query_params, **_list(call))


def part(call: Call) -> Response:
    """The list alone, as it is now."""
    return call.page("_trailers.html", **_list(call))


def _list(call: Call) -> dict[str, Any]:
    named, place = asked.text(call, "trailer"), asked.before(call)
    site, found, name = (place[1] if place else "").partition("/")
    before = (place[0], (site, name)) if place and found else None
    roles = call.place.roles
    with call.look() as transaction:
        awaited = [] if before else trailers.awaited(transaction, roles, named)
        lines = trailers.latest(transaction, roles, MOST, before, named)
    last = lines[-1] if len(lines) == MOST else None
    older = last and urlencode({"before": last.arrival, "event": f"{last.site}/{last.name}"})
    again = None if before else f"/trailers/part?{asked.address(call)}"
    return {"lines": [*awaited, *lines], "older": older and f"/trailers?{older}", "again": again}


def show_one(call: Call) -> Response:
    """Every line of a visit, what it came to, and the visits before."""
    site, name = call.request.path_params["site"], call.request.path_params["trailer"]
    gathered, found = _visits(call, site, name, to_look_at=True)
    chosen = _chosen(gathered, found, asked.number(call, "visit"))
    if gathered is None or chosen is None:
        return call.refused("trailers.unknown", 404, trailer=name)
    content, _ = dossier.collected(chosen, gathered, call.place.keys.all(), call.language)
    return call.page(
        "trailer.html",
        of=content,
        visit=chosen,
        visits=found,
        told=words_of(call.language),
        amiss=AMISS,
        address=f"/trailers/{quote(site)}/{quote(name, safe='')}",
        signs=call.place.settings.dossier.key is not None,
    )


def make_dossier(call: Call) -> Response:
    """The dossier of a visit, signed, as a file. Who made it is on record."""
    site, name, number = (call.given.get(given, "") for given in ("site", "trailer", "visit"))
    key = call.place.settings.dossier.key
    if key is None:
        return call.refused("trailers.no_key", 409)
    gathered, found = _visits(call, site, name)
    chosen = _chosen(gathered, found, asked.whole(number))
    if gathered is None or chosen is None:
        return call.refused("trailers.unknown", 404, trailer=name)
    with call.open() as transaction:
        issue = partial(issued, transaction, site, name, chosen, now=call.place.now())
        keys = call.place.keys.all()
        made = dossier.made(chosen, gathered, keys, signer_in(key), call.language, issue=issue).file
        sha256 = hashlib.sha256(made).hexdigest()
        call.note(transaction, "dossier_made", name, site=site, visit=chosen.number, sha256=sha256)
    file = quote(f"{site}.{name}.{chosen.number}.zip", safe="")
    return Response(made, 200, {"content-disposition": f"attachment; filename*=UTF-8''{file}"}, "application/zip")


def _visits(call: Call, site: str, name: str, *, to_look_at: bool = False) -> tuple[Gathered | None, list[Visit]]:
    if not (site + name).isprintable() or len(site + name) > SEARCHED:
        return None, []
    with call.look() as transaction:
        gathered = visits.gather(transaction, site, name, call.place.roles, to_look_at=to_look_at)
    return gathered, gathered.visits()


def _chosen(gathered: Gathered | None, found: list[Visit], number: int | None) -> Visit | None:
    """That of a number, or the one that is meant without."""
    if number is not None or gathered is None:
        return next((one for one in found if one.number == number), None)
    return visits.shown(found, gathered)


TAB = Tab("/trailers", "trailers.title", Role.VIEWER)
WAYS = (
    Way("/trailers", show, Role.VIEWER),
    Way("/trailers/part", part, Role.VIEWER),
    Way("/trailers/dossier", make_dossier, Role.REVIEWER, changes=True),
    Way("/trailers/{site}/{trailer:path}", show_one, Role.VIEWER),
)
