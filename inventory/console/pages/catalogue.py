"""The catalogue: each kind of a site's master data, its history, and the version that each device runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import UnreadableInput
from inventory.console import parameters
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, Version
from inventory.site.master_kinds import find_kind, read_kind
from inventory.site.numbering import RefusedByDevices
from inventory.site.table_file import FaultyFile

_LARGEST = 2_000_000  # Bytes of a file: many times what brokers accept of one kind.

_SUFFIXES = (".csv", ".json")


def _sites_page(context: RequestContext) -> Response:
    """Show every kind of every site: its latest version, and how many devices run it."""
    with context.read_transaction() as transaction:
        devices = fleet.load_devices(transaction, [])
        kinds = [
            kind
            for site in fleet.load_sites(transaction)
            for kind in context.resources.catalogue(site, transaction).kinds()
        ]
    lines = [(one, *_count_running(one, devices)) for one in kinds]
    return context.render("catalogue.html", lines=lines, sites=sorted({one.site for one in devices}))


def _count_running(one: Version, devices: list[fleet.Device]) -> tuple[int, int]:
    running = [{kind: runs for kind, runs, *_ in device.versions} for device in devices if device.site == one.site]
    return sum(runs.get(one.kind) == one.version for runs in running), len(running)


def _kind_page(context: RequestContext, faults: tuple[str, ...] = ()) -> Response:
    """Show one kind: rows, the form to change one, history, and the version that each device runs."""
    given = context.request.path_params or context.form
    site, name = given.get("site", ""), given.get("kind", "")
    try:
        kind = find_kind(name)
    except UnreadableInput as fault:
        return context.refuse("catalogue.unknown", 404, name=str(fault))
    with context.read_transaction() as transaction:
        if site not in fleet.load_sites(transaction):
            return context.refuse("catalogue.unknown", 404, name=site)
        history = context.resources.catalogue(site, transaction).history(name)
        devices = [one for one in fleet.load_devices(transaction, []) if one.site == site]
    latest = history[0] if history else None
    rows = {kind.known_by(one): one for one in latest.rows} if latest else {}
    chosen = parameters.text(context, "row") or ""
    return context.render(
        "catalogue_kind.html",
        409 if faults else 200,
        site=site,
        kind=kind,
        rows=rows,
        chosen=chosen,
        cells=dict(context.form) if faults else rows.get(chosen, {}),
        history=history,
        latest=latest,
        devices=[(one, {name: at for name, *at in one.versions}.get(kind.name)) for one in devices],
        faults=faults,
        address=f"/catalogue/{quote(site)}/{quote(name)}",
        signs=context.resources.signer is not None,
    )


def _save_row_change(context: RequestContext) -> Response:
    """Change, add or remove a row."""
    kind, key = context.form.get("kind", ""), context.form.get("key", "")
    base = parameters.integer(context.form.get("base", ""))

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        columns = find_kind(kind).columns
        cells = {name: context.form.get(f"cell_{name}", "").strip() for name in columns}
        return of.edit(kind, key, None if "remove" in context.form else cells, who, reason, base=base)

    return _save_version(context, make)


def _import_file(context: RequestContext) -> Response:
    """Make a version of an uploaded file's rows."""
    kind = context.form.get("kind", "")

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        content, suffix = context.files.get("file", b""), Path(context.form.get("name", "")).suffix.lower()
        # The name comes from the client: only its suffix goes into a path.
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{find_kind(kind).name}{suffix if suffix in _SUFFIXES else '.csv'}")
            path.write_bytes(content)
            return of.put(kind, read_kind(find_kind(kind), path), who, reason, path.name)

    return _save_version(context, make)


def _roll_back(context: RequestContext) -> Response:
    """Make a version with the rows of an older one."""
    version = parameters.integer(context.form.get("version", "")) or 0
    return _save_version(
        context, lambda of, who, reason: of.rollback(context.form.get("kind", ""), version, who, reason)
    )


def _enter_latest_in_outbox(context: RequestContext) -> Response:
    """Sign the latest version and enter it in the outbox."""
    site, kind = context.form.get("site", ""), context.form.get("kind", "")
    if context.resources.signer is None:
        return context.refuse("catalogue.no_key", 409)
    of = context.resources.catalogue(site)
    try:
        sent, _ = catalogue_publishing.enter_in_outbox(context.resources.settings, of, context.resources.signer, [kind])
    except RefusedByDevices as fault:
        return _kind_page(context, (str(fault),))
    except FaultyRows as fault:  # of a version older than the current forms
        return _kind_page(context, fault.faults)
    with context.transaction() as transaction:
        for one in sent:
            context.audit(transaction, "published", f"{site}/{one.kind}", version=one.version)
    return RedirectResponse(f"/catalogue/{quote(site)}/{quote(kind)}", 303)


def _save_version(context: RequestContext, make: Callable[[SiteCatalogue, str, str], Version]) -> Response:
    site, kind, reason = (context.form.get(name, "") for name in ("site", "kind", "reason"))
    who = context.user_name
    try:
        with context.transaction() as transaction:
            if site not in fleet.load_sites(transaction):
                return context.refuse("catalogue.unknown", 404, name=site)
            made = make(context.resources.catalogue(site, transaction), who, reason)
            context.audit(transaction, "catalogue_changed", f"{site}/{kind}", version=made.version, what=made.what)
    except (FaultyRows, FaultyFile) as fault:
        return _kind_page(context, fault.faults)
    except UnreadableInput as fault:
        return _kind_page(context, (str(fault),))
    return RedirectResponse(f"/catalogue/{quote(site)}/{quote(kind)}", 303)


def _redirect(context: RequestContext) -> Response:
    """Redirect from the form with a site and a kind to its page."""
    site, kind = parameters.text(context, "site") or "", parameters.text(context, "kind") or ""
    return RedirectResponse(f"/catalogue/{quote(site, safe='')}/{quote(kind, safe='')}", 303)


ROUTES = (
    Route("", _sites_page),
    Route("/go", _redirect),
    Route("/edit", _save_row_change, Role.ADMIN, changes=True),
    Route("/file", _import_file, Role.ADMIN, changes=True, largest=_LARGEST),
    Route("/back", _roll_back, Role.ADMIN, changes=True),
    Route("/publish", _enter_latest_in_outbox, Role.ADMIN, changes=True),
    Route("/{site}/{kind}", _kind_page),
)
