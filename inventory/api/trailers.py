"""Trailers: expected and received lines, counted as in their dossier; and the signed dossier."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field

from inventory.api.endpoint import Answer, ApiContext, Problem, endpoint
from inventory.api.models import TrailerOut, TrailersOut, VisitOut, VisitShortOut
from inventory.api.parameters import Limit, Query, Site, Text, cursor_type, decode_cursor
from inventory.api.tokens import Scope
from inventory.audit.audit import load_signer
from inventory.dossier import dossier, visits
from inventory.dossier.issues import store_version
from inventory.dossier.visits import TrailerRows, Visit
from inventory.queries import trailers as listed
from inventory.queries.trailers import Trailer
from inventory.words import check_language, languages

_PLACE = (int, str, str)  # Cursor: the last arrival, the site, the number.

_MOST = 200  # Most trailers of one page: the entries of each are counted.


class _TrailersQuery(Query):
    """Parameters of the list of trailers."""

    site: Site | None = None
    trailer: Text | None = None
    limit: Limit = 30
    cursor: cursor_type(*_PLACE) | None = None  # type: ignore[valid-type] # it makes a type


class _TrailerQuery(Query):
    """Parameters: the trailer and the visit; by default the latest visit with a current entry."""

    site: Site
    trailer: Text
    visit: int | None = None


class _DossierQuery(_TrailerQuery):
    """Parameters: visit and language of the dossier."""

    language: Annotated[
        str,
        AfterValidator(partial(check_language, "dossier")),
        Field(json_schema_extra={"enum": list(languages("dossier"))}),
    ] = "en"


@endpoint("GET", "/v1/trailers", "listTrailers", _TrailersQuery, TrailersOut)
def _list_trailers(context: ApiContext) -> Answer:
    """Trailers: announced, received, missing.

    200 of one page at most.
    """
    asked: _TrailersQuery = context.parameters
    sites, roles, limit = context.sites(asked.site), context.resources.roles, min(asked.limit, _MOST)
    place = None if asked.cursor is None else decode_cursor(asked.cursor, _PLACE)
    before = None if place is None else (place[0], (place[1], place[2]))
    with context.read_transaction() as transaction:
        awaited = [] if before else listed.load_announced_trailers(transaction, roles, asked.trailer)
        found = listed.load_trailers(transaction, roles, limit + 1, before, asked.trailer, sites)
    page, following = context.cut_page(found, limit, lambda one: [one.arrival, one.site, one.name])
    ours = [one for one in awaited if sites is None or one.site in sites]
    return Answer(TrailersOut(trailers=[_trailer_out(one) for one in (*ours, *page)], next=following))


@endpoint("GET", "/v1/sites/{site}/trailers/{trailer}", "getTrailer", _TrailerQuery, VisitOut, problems=("unknown",))
def _get_visit(context: ApiContext) -> Answer:
    """What one trailer was to bring and brought."""
    gathered, found = _load_visits(context, by_index=True)
    chosen = _choose_visit(context, gathered, found)
    content, _ = dossier.collect_content(chosen, gathered, context.resources.keys.all(), "en")
    short = [VisitShortOut(number=one.number, began=one.began, closed=one.closing is not None) for one in found]
    names = ("site", "trailer", "visit", "as_of", "lines", "figures", "still_to_come")
    return Answer(VisitOut(**{name: content[name] for name in names}, visits=short))


@endpoint(
    "POST",
    "/v1/sites/{site}/trailers/{trailer}/dossier",
    "makeDossier",
    _DossierQuery,
    "application/zip",
    scope=Scope.WRITE,
    problems=("unknown", "not_possible"),
)
def _make_dossier(context: ApiContext) -> Answer:
    """The signed dossier of a visit, a ZIP file without recordings.

    It is a POST, since that it was made stands in the audit. The same visit gives the same bytes.
    """
    asked: _DossierQuery = context.parameters
    if (key := context.resources.settings.dossier.key) is None:
        raise Problem("not_possible", "dossier.key is not set: nothing goes out unsigned; name a private key there")
    gathered, found = _load_visits(context)
    chosen = _choose_visit(context, gathered, found)
    with context.transaction() as transaction:
        issue = partial(store_version, transaction, asked.site, asked.trailer, chosen, now=context.resources.now())
        made = dossier.build(
            chosen, gathered, context.resources.keys.all(), load_signer(key), asked.language, issue=issue
        ).file
        sha256 = hashlib.sha256(made).hexdigest()
        context.audit(transaction, "dossier_made", asked.trailer, site=asked.site, visit=chosen.number, sha256=sha256)
    file = quote(f"{asked.site}.{asked.trailer}.{chosen.number}.zip", safe="")
    return Answer(made, headers={"content-disposition": f"attachment; filename*=UTF-8''{file}"})


def _load_visits(context: ApiContext, *, by_index: bool = False) -> tuple[TrailerRows, list[Visit]]:
    asked: _TrailerQuery = context.parameters
    with context.read_transaction() as transaction:
        gathered = visits.load_rows(transaction, asked.site, asked.trailer, context.resources.roles, by_index=by_index)
    return gathered, gathered.visits()


def _choose_visit(context: ApiContext, gathered: TrailerRows, found: list[Visit]) -> Visit:
    asked: _TrailerQuery = context.parameters
    if (chosen := visits.find_visit_or_default(found, gathered, asked.visit)) is None:
        raise Problem("unknown", f"{asked.trailer}: no list and no entry of {asked.site} names this trailer or visit")
    return chosen


def _trailer_out(one: Trailer) -> TrailerOut:
    return TrailerOut(
        site=one.site,
        trailer=one.name,
        state=one.state,
        announced=sorted(one.announced),
        received=sorted(one.received),
        missing=sorted(one.missing),
        not_announced=sorted(one.beyond),
        entries=one.entries,
        last=one.last,
    )


ENDPOINTS = (_list_trailers, _get_visit, _make_dossier)
