"""The roster: the operators of a site, its history, and the version that each device runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.languages import LANGUAGES
from inventory.console import parameters
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, Version
from inventory.site.roster import BETWEEN, COLUMNS, LAYOUT, ROSTER, roster_kind, to_rows
from inventory.site.table_file import read_rows

_LARGEST = 500_000  # Bytes of a file: several times those of 500 operators with every spoken name.

_FORM = "form:"  # Prefix of the checkboxes that allow an operator a form.


def _sites_page(context: RequestContext) -> Response:
    """Show every site: number of operators, last change, and how many devices run the published version."""
    with context.transaction() as transaction:
        devices = fleet.load_devices(transaction, [])
        sites = [
            (site, _roster_catalogue(context, site, transaction).history(ROSTER))
            for site in fleet.load_sites(transaction)
        ]
    lines = [(site, history[0] if history else None, *_count_running(site, devices)) for site, history in sites]
    return context.render("roster.html", lines=lines)


def _count_running(site: str, devices: list[fleet.Device]) -> tuple[int, int]:
    rosters = [one.roster for one in devices if one.site == site]
    return sum(runs is not None and runs == wanted for runs, wanted, _ in rosters), len(rosters)


def _site_page(context: RequestContext, faults: tuple[str, ...] = ()) -> Response:
    """Show a site's operators, the form to change one, history, and the version that each device runs."""
    site = (context.request.path_params or context.form).get("site", "")
    with context.transaction() as transaction:
        if site not in fleet.load_sites(transaction):
            return context.refuse("roster.unknown", 404, name=site)
        history = _roster_catalogue(context, site, transaction).history(ROSTER)
        devices = [one for one in fleet.load_devices(transaction, []) if one.site == site]
    latest = history[0] if history else None
    rows = {one["name"]: one for one in latest.rows} if latest else {}
    chosen = context.form.get("key", "") if faults else parameters.text(context, "row") or ""
    published = next((one.version for one in history if one.published_at), 0)
    return context.render(
        "roster_site.html",
        409 if faults else 200,
        site=site,
        rows=rows,
        chosen=chosen,
        cells=_typed_operator(context) if faults else rows.get(chosen, {}),
        forms=sorted(context.resources.forms),
        spoken=LANGUAGES,
        between=BETWEEN,
        history=history,
        latest=latest,
        devices=devices,
        elsewhere=any((one.roster[0] or 0) > published for one in devices),
        faults=faults,
        signs=context.resources.signer is not None,
    )


def _save_operator_change(context: RequestContext) -> Response:
    """Change, add or remove an operator."""
    key, base = context.form.get("key", ""), parameters.integer(context.form.get("base", ""))
    cells = None if "remove" in context.form else _typed_operator(context)
    return _save_version(context, lambda of, who, reason: of.edit(ROSTER, key, cells, who, reason, base=base))


def _typed_operator(context: RequestContext) -> dict[str, str]:
    """The typed operator as a row of a file."""
    cells = {name: context.form.get(f"cell_{name}", "").strip() for name in COLUMNS}
    boxes = [name.removeprefix(_FORM) for name in context.form if name.startswith(_FORM)]
    return cells | {"forms": BETWEEN.join(boxes)}


def _import_file(context: RequestContext) -> Response:
    """Replace all operators by those of an uploaded file."""

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        name = "roster.json" if context.form.get("name") == "x.json" else "roster.csv"
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(context.files.get("file", b""))
            return of.put(ROSTER, read_rows(path, LAYOUT), who, reason, name)

    return _save_version(context, make)


def _import_from_broker(context: RequestContext) -> Response:
    """Make a version of the broker's retained roster, published by the command or lost here."""
    if context.resources.signer is None:
        return context.refuse("catalogue.no_key", 409)
    key, site = context.resources.signer.public, context.form.get("site", "")
    with context.read_transaction() as transaction:
        if site not in fleet.load_sites(transaction):
            return context.refuse("roster.unknown", 404, name=site)
    try:
        there = catalogue_publishing.read_roster_from_broker(context.resources.settings, site, key)
    except UnreadableInput as fault:
        return _site_page(context, (str(fault),))
    source = f"what the broker had, version {there.version}"

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        return of.put(ROSTER, to_rows(there), who, reason, source, above=there.version)

    return _save_version(context, make)


def _roll_back(context: RequestContext) -> Response:
    """Make a version with the rows of an older one."""
    version = parameters.integer(context.form.get("version", "")) or 0
    return _save_version(context, lambda of, who, reason: of.rollback(ROSTER, version, who, reason))


def _withdraw(context: RequestContext) -> Response:
    """Make a version with which devices use their own settings again."""
    return _save_version(context, lambda of, who, reason: of.withdraw(ROSTER, who, reason))


def _enter_latest_in_outbox(context: RequestContext) -> Response:
    """Sign the latest version and enter it in the outbox."""
    site = context.form.get("site", "")
    if context.resources.signer is None:
        return context.refuse("catalogue.no_key", 409)
    of = SiteCatalogue(
        site, context.resources.transaction, context.resources.now, of=lambda _: roster_kind(context.resources.forms)
    )
    try:
        sent, _ = catalogue_publishing.enter_roster(context.resources.settings, of, context.resources.signer)
    except UnreadableInput as fault:
        return _site_page(context, (str(fault),))
    with context.transaction() as transaction:
        for one in sent:
            context.audit(transaction, "published", f"{site}/{ROSTER}", version=one.version)
    return RedirectResponse(f"/roster/{quote(site)}", 303)


def _save_version(context: RequestContext, make: Callable[[SiteCatalogue, str, str], Version]) -> Response:
    site, reason = context.form.get("site", ""), context.form.get("reason", "")
    who = context.user_name
    try:
        with context.transaction() as transaction:
            if site not in fleet.load_sites(transaction):
                return context.refuse("roster.unknown", 404, name=site)
            made = make(_roster_catalogue(context, site, transaction), who, reason)
            context.audit(transaction, "roster_changed", site, version=made.version, what=made.what)
    except UnreadableInput as fault:
        return _site_page(context, fault.faults if isinstance(fault, FaultyRows) else (str(fault),))
    return RedirectResponse(f"/roster/{quote(site)}", 303)


def _roster_catalogue(context: RequestContext, site: str, transaction: Connection) -> SiteCatalogue:
    """The site's roster, used within this transaction."""
    return SiteCatalogue(
        site, lambda: nullcontext(transaction), context.resources.now, of=lambda _: roster_kind(context.resources.forms)
    )


ROUTES = (
    Route("", _sites_page),
    Route("/edit", _save_operator_change, Role.ADMIN, changes=True),
    Route("/file", _import_file, Role.ADMIN, changes=True, largest=_LARGEST),
    Route("/take", _import_from_broker, Role.ADMIN, changes=True),
    Route("/back", _roll_back, Role.ADMIN, changes=True),
    Route("/withdraw", _withdraw, Role.ADMIN, changes=True),
    Route("/publish", _enter_latest_in_outbox, Role.ADMIN, changes=True),
    Route("/{site}", _site_page),
)
