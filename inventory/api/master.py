"""Master data written by programs: docks, items and units of a site, and its operators.

As on the console: validated, stored as a version with author and reason, signed and published. Rules and words are left
to people, who preview their effect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from dockvoice_protocol.errors import Unavailable, UnreadableInput
from dockvoice_protocol.records.master import OF_RULES, OF_WORDS, Row
from inventory.api.endpoint import (
    Answer,
    ApiContext,
    Problem,
    Wrong,
    demand_if_match,
    endpoint,
    hold_publishing_lock,
    locate_row_faults,
)
from inventory.api.models import KindsOut, MasterOut, OperatorOut, RosterOut
from inventory.api.parameters import Body, Query, Site, Text
from inventory.api.tokens import Scope
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, UnfilledKind, Version
from inventory.site.master_kinds import Kind, find_kind
from inventory.site.numbering import RefusedByDevices
from inventory.site.roster import COLUMNS, ROSTER, ROSTER_LAYOUT, roster_kind, rows_to_operators

log = logging.getLogger("api")

_PEOPLES = frozenset({OF_RULES, OF_WORDS})  # Kinds that only people change.

_MOST = 10_000  # Rows of a message: twice the limit, so that the error names the broken rule.

_Reason = Annotated[Text, Field(description="Why, for whoever reads the history.", examples=["the night's run"])]
_Cell = Annotated[str, Field(max_length=1000)]


class _SiteQuery(Query):
    """Parameters: the site."""

    site: Site


class _KindQuery(Query):
    """Parameters: the site and the kind."""

    site: Site
    kind: Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{0,62}$", examples=["docks", "items", "items.units"])]


class MasterIn(Body):
    """All rows of a kind; they replace the others."""

    reason: _Reason
    rows: list[dict[str, _Cell]] = Field(
        min_length=1,
        max_length=_MOST,
        description="Of a list (docks, items): value, spoken, check. Of units (items.units): value, unit, factor, base",
        examples=[[{"value": "A", "spoken": "dock alpha", "check": "61"}]],
    )


class OperatorIn(Body):
    """An operator, who signs on with a number or a spoken name."""

    name: Text = Field(description="As it goes on record.")
    number: str | None = Field(None, description="Two to six digits.", examples=["471"])
    spoken: list[Text] = Field([], max_length=20)
    language: str | None = Field(None, examples=["de"])
    forms: list[Text] | None = Field(None, max_length=100, description="Which he may fill; null: all.")


class RosterIn(Body):
    """All operators; they replace the others."""

    reason: _Reason
    operators: list[OperatorIn] = Field(min_length=1, max_length=_MOST)


_AWAY = {
    202: "It is kept, and the broker has not taken it. The inventory that runs publishes it where `published_at` tells "
    "when it was signed; else send the same again"
}
_WRITES = ("breaks_rules", "not_possible", "changed_meanwhile")


@endpoint("GET", "/v1/sites/{site}/catalogue", "listMasterData", _SiteQuery, KindsOut)
def _list_kinds(context: ApiContext) -> Answer:
    """Every kind of master data of a site."""
    with context.read_transaction() as transaction:
        found = context.resources.catalogue(context.parameters.site, transaction).current_versions()
    return Answer(KindsOut(kinds=[_version_out(one) for one in found]))


@endpoint("GET", "/v1/sites/{site}/catalogue/{kind}", "getMasterData", _KindQuery, MasterOut, problems=("unknown",))
def _get_kind(context: ApiContext) -> Answer:
    """One kind of master data: docks, items, items.units, rules, words."""
    with context.read_transaction() as transaction:
        found = _latest(context.resources.catalogue(context.parameters.site, transaction), context.parameters.kind)
    if found is None:
        raise Problem("unknown", f"{context.parameters.kind}: there is no such kind at {context.parameters.site}")
    return Answer(_version_out(found))


@endpoint(
    "PUT",
    "/v1/sites/{site}/catalogue/{kind}",
    "putMasterData",
    _KindQuery,
    MasterOut,
    body=MasterIn,
    scope=Scope.WRITE,
    statuses=_AWAY,
    problems=("unknown", *_WRITES),
)
def _replace_kind(context: ApiContext) -> Answer:
    """Let a list or its units be these rows, and publish them.

    Where the rows say nothing new, no version is made. Rules and words are changed by people alone: what they would
    change is looked at first.
    """
    given: MasterIn = context.body
    name: str = context.parameters.kind
    if name in _PEOPLES:
        raise Problem("not_granted", f"{name}: are changed by people, on the console or by `dockvoice inventory`")
    try:
        kind = find_kind(name)
    except UnreadableInput as fault:
        raise _unknown_kind_problem(fault) from None
    known = ", ".join(kind.columns)
    if odd := [(at, cell) for at, row in enumerate(given.rows) for cell in row if cell not in kind.columns]:
        wrong = [Wrong(detail=f"is not known; allowed are {known}", pointer=f"/rows/{at}/{cell}") for at, cell in odd]
        raise Problem("breaks_rules", f"{name}: holds columns that are not known; nothing was changed", wrong[:100])
    rows = [(f"/rows/{at}", row) for at, row in enumerate(given.rows)]
    about = f"{context.parameters.site}/{name}"
    return _store_and_publish(
        context, context.resources.catalogue, kind, rows, _version_out, "catalogue_changed", about
    )


@endpoint("GET", "/v1/sites/{site}/operators", "getOperators", _SiteQuery, RosterOut, problems=("unknown",))
def _get_roster(context: ApiContext) -> Answer:
    """Who may sign on at a site.

    Personal data. Numbers are told only to a token that may write here.
    """
    with context.read_transaction() as transaction:
        found = _latest(context.resources.roster(context.parameters.site, transaction), ROSTER)
    if found is None:
        raise Problem(
            "unknown",
            f"{context.parameters.site}: no roster was made here; `dockvoice inventory roster` may have sent one",
        )
    return Answer(_roster_out(context, found))


@endpoint(
    "PUT",
    "/v1/sites/{site}/operators",
    "putOperators",
    _SiteQuery,
    RosterOut,
    body=RosterIn,
    scope=Scope.WRITE,
    statuses=_AWAY,
    problems=("unknown", *_WRITES),
)
def _replace_roster(context: ApiContext) -> Answer:
    """Let these sign on, and nobody else."""
    given: RosterIn = context.body
    rows = [
        (f"/operators/{at}", {name: ROSTER_LAYOUT.cell(name, getattr(one, name)) for name in COLUMNS})
        for at, one in enumerate(given.operators)
    ]
    kind, out = roster_kind(context.resources.forms), partial(_roster_out, context)
    site = context.parameters.site
    return _store_and_publish(context, context.resources.roster, kind, rows, out, "roster_changed", site)


def _store_and_publish(
    context: ApiContext,
    versions: Callable[..., SiteCatalogue],
    kind: Kind,
    rows: Sequence[Row],
    out: Callable[[Version], BaseModel],
    deed: str,
    about: str,
) -> Answer:
    """Make a version of these rows if they differ from the latest one's, audit it, and publish it. Raises Problem."""
    site, name, cells = context.parameters.site, kind.name, tuple(kind.stored_cells(row) for _, row in rows)
    if (signer := context.resources.signer) is None:
        raise Problem("not_possible", "console.key is not set: devices take nothing unsigned; name a private key there")
    with hold_publishing_lock():
        try:
            with context.transaction() as transaction:
                _demand_known_site(context, transaction)
                made = before = _latest(versions(site, transaction), name)
                demand_if_match(context, None if before is None else out(before))
                if made is None or made.rows != cells:
                    given = (rows, context.token.who, context.body.reason, "API")
                    made = versions(site, transaction).put(name, *given)
                    context.audit(transaction, deed, about, version=made.version, what=made.what)
        except (FaultyRows, UnfilledKind) as fault:
            raise _to_problem(name, fault) from None
        if made.published_at is None:
            try:
                catalogue_publishing.publish(context.resources.settings, versions(site), signer, [name])
            except Unavailable as fault:
                log.warning("%s: %s", about, fault)
            except RefusedByDevices as fault:
                raise Problem("not_possible", str(fault)) from None
        with context.transaction() as transaction:
            latest = _latest(versions(site, transaction), name) or made
            if made.published_at is None and latest.published_at is not None:
                context.audit(transaction, "published", about, version=made.version)
            waits = latest.published_at is None or versions(site, transaction).is_pending(name)
        return Answer(out(latest), 202 if waits else 200)


def _to_problem(name: str, fault: FaultyRows | UnfilledKind) -> Problem:
    if isinstance(fault, UnfilledKind):
        return _unknown_kind_problem(fault)
    message = f"{name}: rows must be put right; nothing was changed"
    return Problem("breaks_rules", message, locate_row_faults(fault.faults))


def _unknown_kind_problem(fault: UnreadableInput) -> Problem:
    return Problem("invalid_request", str(fault), [Wrong(detail=str(fault), parameter="kind")])


def _demand_known_site(context: ApiContext, transaction: Connection) -> None:
    """Raise Problem for a site that neither the token names nor a device has used."""
    site = context.parameters.site
    if site not in context.token.grants and site not in fleet.load_sites(transaction):
        raise Problem("unknown", f"{site}: no device of such a site was ever heard; name it in the token")


def _latest(versions: SiteCatalogue, name: str) -> Version | None:
    return next(iter(versions.history(name)), None)


def _version_out(one: Version) -> MasterOut:
    return MasterOut.model_validate(one)


def _roster_out(context: ApiContext, one: Version) -> RosterOut:
    operators = [OperatorOut.model_validate(who) for who in rows_to_operators(one.rows)]
    if not context.token.may_access(one.site, Scope.WRITE):  # a number is enough to sign on
        operators = [who.model_copy(update={"number": None}) for who in operators]
    names = ("site", "version", "who", "reason", "made_at", "published_at")
    return RosterOut(**{name: getattr(one, name) for name in names}, operators=operators)


ENDPOINTS = (_list_kinds, _get_kind, _replace_kind, _get_roster, _replace_roster)
