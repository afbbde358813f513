"""Master data: a site's catalogue by kind, and its roster, with their history and the version that each device runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.languages import LANGUAGES
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route, parse_integer
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, Version
from inventory.site.master_kinds import find_kind, read_kind
from inventory.site.numbering import RefusedByDevices
from inventory.site.roster import COLUMNS, ROSTER, ROSTER_LAYOUT, SEPARATOR, roster_to_rows
from inventory.site.table_file import FaultyFile, read_rows

_LARGEST_KIND = 2_000_000  # Bytes of a file: many times what brokers accept of one kind.

_SUFFIXES = (".csv", ".json")


def _catalogue_page(context: RequestContext) -> Response:
    """Show every kind of every site: its latest version, and how many devices run it."""
    with context.read_transaction() as transaction:
        devices = fleet.load_devices(transaction, [])
        kinds = [
            kind
            for site in fleet.load_sites(transaction)
            for kind in context.resources.catalogue(site, transaction).current_versions()
        ]
    lines = [(one, *_count_running_kind(one, devices)) for one in kinds]
    return context.render("catalogue.html", lines=lines, sites=sorted({one.site for one in devices}))


def _count_running_kind(one: Version, devices: list[fleet.Device]) -> tuple[int, int]:
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
    rows = {kind.key_text(one): one for one in latest.rows} if latest else {}
    chosen = context.text_parameter("row") or ""
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
    base = parse_integer(context.form.get("base", ""))

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        columns = find_kind(kind).columns
        cells = {name: context.form.get(f"cell_{name}", "").strip() for name in columns}
        return of.edit(kind, key, None if "remove" in context.form else cells, who, reason, base=base)

    return _save_kind(context, make)


def _import_kind_file(context: RequestContext) -> Response:
    """Make a version of an uploaded file's rows."""
    kind = context.form.get("kind", "")

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        content, suffix = context.files.get("file", b""), Path(context.form.get("name", "")).suffix.lower()
        # The name comes from the client: only its suffix goes into a path.
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{find_kind(kind).name}{suffix if suffix in _SUFFIXES else '.csv'}")
            path.write_bytes(content)
            return of.put(kind, read_kind(find_kind(kind), path), who, reason, path.name)

    return _save_kind(context, make)


def _roll_back_kind(context: RequestContext) -> Response:
    """Make a version with the rows of an older one."""
    version = parse_integer(context.form.get("version", "")) or 0
    return _save_kind(context, lambda of, who, reason: of.rollback(context.form.get("kind", ""), version, who, reason))


def _enter_kind_in_outbox(context: RequestContext) -> Response:
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


def _save_kind(context: RequestContext, make: Callable[[SiteCatalogue, str, str], Version]) -> Response:
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


def _redirect_to_kind(context: RequestContext) -> Response:
    """Redirect from the form with a site and a kind to its page."""
    site, kind = context.text_parameter("site") or "", context.text_parameter("kind") or ""
    return RedirectResponse(f"/catalogue/{quote(site, safe='')}/{quote(kind, safe='')}", 303)


CATALOGUE_ROUTES = (
    Route("", _catalogue_page),
    Route("/go", _redirect_to_kind),
    Route("/edit", _save_row_change, Role.ADMIN, changes=True),
    Route("/file", _import_kind_file, Role.ADMIN, changes=True, largest=_LARGEST_KIND),
    Route("/back", _roll_back_kind, Role.ADMIN, changes=True),
    Route("/publish", _enter_kind_in_outbox, Role.ADMIN, changes=True),
    Route("/{site}/{kind}", _kind_page),
)


_LARGEST_ROSTER = 500_000  # Bytes of a file: several times those of 500 operators with every spoken name.

_FORM = "form:"  # Prefix of the checkboxes that allow an operator a form.


def _roster_sites_page(context: RequestContext) -> Response:
    """Show every site: number of operators, last change, and how many devices run the published version."""
    with context.transaction() as transaction:
        devices = fleet.load_devices(transaction, [])
        sites = [
            (site, context.resources.roster(site, transaction).history(ROSTER))
            for site in fleet.load_sites(transaction)
        ]
    lines = [(site, history[0] if history else None, *_count_running_roster(site, devices)) for site, history in sites]
    return context.render("roster.html", lines=lines)


def _count_running_roster(site: str, devices: list[fleet.Device]) -> tuple[int, int]:
    rosters = [one.roster for one in devices if one.site == site]
    return sum(runs is not None and runs == wanted for runs, wanted, _ in rosters), len(rosters)


def _roster_site_page(context: RequestContext, faults: tuple[str, ...] = ()) -> Response:
    """Show a site's operators, the form to change one, history, and the version that each device runs."""
    site = (context.request.path_params or context.form).get("site", "")
    with context.transaction() as transaction:
        if site not in fleet.load_sites(transaction):
            return context.refuse("roster.unknown", 404, name=site)
        history = context.resources.roster(site, transaction).history(ROSTER)
        devices = [one for one in fleet.load_devices(transaction, []) if one.site == site]
    latest = history[0] if history else None
    rows = {one["name"]: one for one in latest.rows} if latest else {}
    chosen = context.form.get("key", "") if faults else context.text_parameter("row") or ""
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
        between=SEPARATOR,
        history=history,
        latest=latest,
        devices=devices,
        elsewhere=any((one.roster[0] or 0) > published for one in devices),
        faults=faults,
        signs=context.resources.signer is not None,
    )


def _save_operator_change(context: RequestContext) -> Response:
    """Change, add or remove an operator."""
    key, base = context.form.get("key", ""), parse_integer(context.form.get("base", ""))
    cells = None if "remove" in context.form else _typed_operator(context)
    return _save_roster(context, lambda of, who, reason: of.edit(ROSTER, key, cells, who, reason, base=base))


def _typed_operator(context: RequestContext) -> dict[str, str]:
    """The typed operator as a row of a file."""
    cells = {name: context.form.get(f"cell_{name}", "").strip() for name in COLUMNS}
    boxes = [name.removeprefix(_FORM) for name in context.form if name.startswith(_FORM)]
    return cells | {"forms": SEPARATOR.join(boxes)}


def _import_roster_file(context: RequestContext) -> Response:
    """Replace all operators by those of an uploaded file."""

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        name = "roster.json" if context.form.get("name") == "x.json" else "roster.csv"
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(context.files.get("file", b""))
            return of.put(ROSTER, read_rows(path, ROSTER_LAYOUT), who, reason, name)

    return _save_roster(context, make)


def _import_roster_from_broker(context: RequestContext) -> Response:
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
        return _roster_site_page(context, (str(fault),))
    source = f"what the broker had, version {there.version}"

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        return of.put(ROSTER, roster_to_rows(there), who, reason, source, above=there.version)

    return _save_roster(context, make)


def _roll_back_roster(context: RequestContext) -> Response:
    """Make a version with the rows of an older one."""
    version = parse_integer(context.form.get("version", "")) or 0
    return _save_roster(context, lambda of, who, reason: of.rollback(ROSTER, version, who, reason))


def _withdraw_roster(context: RequestContext) -> Response:
    """Make a version with which devices use their own settings again."""
    return _save_roster(context, lambda of, who, reason: of.withdraw(ROSTER, who, reason))


def _enter_roster_in_outbox(context: RequestContext) -> Response:
    """Sign the latest version and enter it in the outbox."""
    site = context.form.get("site", "")
    if context.resources.signer is None:
        return context.refuse("catalogue.no_key", 409)
    of = context.resources.roster(site)
    try:
        sent, _ = catalogue_publishing.enter_roster(context.resources.settings, of, context.resources.signer)
    except UnreadableInput as fault:
        return _roster_site_page(context, (str(fault),))
    with context.transaction() as transaction:
        for one in sent:
            context.audit(transaction, "published", f"{site}/{ROSTER}", version=one.version)
    return RedirectResponse(f"/roster/{quote(site)}", 303)


def _save_roster(context: RequestContext, make: Callable[[SiteCatalogue, str, str], Version]) -> Response:
    site, reason = context.form.get("site", ""), context.form.get("reason", "")
    who = context.user_name
    try:
        with context.transaction() as transaction:
            if site not in fleet.load_sites(transaction):
                return context.refuse("roster.unknown", 404, name=site)
            made = make(context.resources.roster(site, transaction), who, reason)
            context.audit(transaction, "roster_changed", site, version=made.version, what=made.what)
    except UnreadableInput as fault:
        return _roster_site_page(context, fault.faults if isinstance(fault, FaultyRows) else (str(fault),))
    return RedirectResponse(f"/roster/{quote(site)}", 303)


ROSTER_ROUTES = (
    Route("", _roster_sites_page),
    Route("/edit", _save_operator_change, Role.ADMIN, changes=True),
    Route("/file", _import_roster_file, Role.ADMIN, changes=True, largest=_LARGEST_ROSTER),
    Route("/take", _import_roster_from_broker, Role.ADMIN, changes=True),
    Route("/back", _roll_back_roster, Role.ADMIN, changes=True),
    Route("/withdraw", _withdraw_roster, Role.ADMIN, changes=True),
    Route("/publish", _enter_roster_in_outbox, Role.ADMIN, changes=True),
    Route("/{site}", _roster_site_page),
)
