"""Trailers: what each was to bring and brought, counted as its dossier counts; and the dossier, signed."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Literal
from urllib.parse import quote

from inventory.api.asking import Cursor, Limit, Query, Site, Text, cursor, mark
from inventory.api.enquiry import Answer, Endpoint, Enquiry
from inventory.api.entries import next_page
from inventory.api.problems import Problem
from inventory.api.tokens import Scope
from inventory.api.told import ToldTrailer, ToldTrailers, ToldVisit, ToldVisitShort
from inventory.audit.audit import signer_in
from inventory.dossier import dossier, visits
from inventory.dossier.issues import issued
from inventory.dossier.visits import Gathered, Visit
from inventory.queries import trailers as listed
from inventory.queries.trailers import Trailer

PLACE = (int, str, str)  # Of a trailer in the list: the last arrival, its site, its number.

MOST = 200  # Trailers of one page: the entries of each are counted.


class AskedTrailers(Query):
    """Which trailers."""

    site: Site | None = None
    trailer: Text | None = None
    limit: Limit = 30
    cursor: Cursor(*PLACE) | None = None  # type: ignore[valid-type] # it makes a type


class AskedTrailer(Query):
    """Which visit of which trailer; the latest of which an entry stands, where none is named."""

    site: Site
    trailer: Text
    visit: int | None = None


class AskedDossier(AskedTrailer):
    """Which dossier, in which language."""

    language: Literal["de", "en", "es", "fr", "it", "pl", "pt"] = "en"


def trailers(of: Enquiry) -> Answer:
    """Those that are announced, then those that entries name, the latest first."""
    asked: AskedTrailers = of.asked
    sites, roles, limit = of.sites(asked.site), of.place.roles, min(asked.limit, MOST)
    place = None if asked.cursor is None else mark(asked.cursor, PLACE)
    before = None if place is None else (place[0], (place[1], place[2]))
    with of.look() as transaction:
        awaited = [] if before else listed.awaited(transaction, roles, asked.trailer)
        found = listed.latest(transaction, roles, limit + 1, before, asked.trailer, sites)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    following = last and next_page(of, cursor([last.arrival, last.site, last.name]))
    ours = [one for one in awaited if sites is None or one.site in sites]
    return Answer(ToldTrailers(trailers=[_told(one) for one in (*ours, *page)], next=following))


def trailer(of: Enquiry) -> Answer:
    """Every line of a visit, and what it came to."""
    gathered, found = _visits(of, to_look_at=True)
    chosen = _chosen(of, gathered, found)
    content, _ = dossier.collected(chosen, gathered, of.place.keys.all(), "en")
    told = [ToldVisitShort(number=one.number, began=one.began, closed=one.closing is not None) for one in found]
    names = ("site", "trailer", "visit", "as_of", "lines", "figures", "still_to_come")
    return Answer(ToldVisit(**{name: content[name] for name in names}, visits=told))


def make_dossier(of: Enquiry) -> Answer:
    """The dossier of a visit, signed, without recordings. That it was made, and by whom, is on record."""
    asked: AskedDossier = of.asked
    if (key := of.place.settings.dossier.key) is None:
        raise Problem("not_possible", "dossier.key is not set: nothing goes out unsigned; name a private key there")
    gathered, found = _visits(of)
    chosen = _chosen(of, gathered, found)
    with of.open() as transaction:
        issue = partial(issued, transaction, asked.site, asked.trailer, chosen, now=of.place.now())
        made = dossier.made(chosen, gathered, of.place.keys.all(), signer_in(key), asked.language, issue=issue).file
        sha256 = hashlib.sha256(made).hexdigest()
        of.note(transaction, "dossier_made", asked.trailer, site=asked.site, visit=chosen.number, sha256=sha256)
    file = quote(f"{asked.site}.{asked.trailer}.{chosen.number}.zip", safe="")
    return Answer(made, headers={"content-disposition": f"attachment; filename*=UTF-8''{file}"})


def _visits(of: Enquiry, *, to_look_at: bool = False) -> tuple[Gathered, list[Visit]]:
    asked: AskedTrailer = of.asked
    with of.look() as transaction:
        gathered = visits.gather(transaction, asked.site, asked.trailer, of.place.roles, to_look_at=to_look_at)
    return gathered, gathered.visits()


def _chosen(of: Enquiry, gathered: Gathered, found: list[Visit]) -> Visit:
    asked: AskedTrailer = of.asked
    if asked.visit is not None:
        chosen = next((one for one in found if one.number == asked.visit), None)
    else:
        chosen = visits.shown(found, gathered)
    if chosen is None:
        raise Problem("unknown", f"{asked.trailer}: no list and no entry of {asked.site} names this trailer or visit")
    return chosen


def _told(one: Trailer) -> ToldTrailer:
    return ToldTrailer(
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


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/trailers",
        "listTrailers",
        "Trailers: announced, received, missing",
        trailers,
        AskedTrailers,
        ToldTrailers,
        more=f"{MOST} of one page at most.",
        group="Trailers",
    ),
    Endpoint(
        "GET",
        "/v1/sites/{site}/trailers/{trailer}",
        "getTrailer",
        "What one trailer was to bring and brought",
        trailer,
        AskedTrailer,
        ToldVisit,
        problems=("unknown",),
        group="Trailers",
    ),
    Endpoint(
        "POST",
        "/v1/sites/{site}/trailers/{trailer}/dossier",
        "makeDossier",
        "The signed dossier of a visit, a ZIP file without recordings",
        make_dossier,
        AskedDossier,
        "application/zip",
        scope=Scope.WRITE,
        more="It is a POST, since that it was made stands in the audit. The same visit gives the same bytes.",
        problems=("unknown", "not_possible"),
        group="Trailers",
    ),
)
