"""Master data: a site's catalogue by kind, and its roster, with their history and the version that each device runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.languages import LANGUAGES
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route, parse_integer
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, Version
from inventory.site.master_kinds import find_kind, read_kind
from inventory.site.roster import COLUMNS, ROSTER, ROSTER_LAYOUT, SEPARATOR, roster_to_rows
from inventory.site.table_file import FaultyFile, Row, read_rows

_FORM = "form:"  # Prefix of the checkboxes that allow an operator a form.

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


def _redirect_to_kind(context: RequestContext) -> Response:
    """Redirect from the form with a site and a kind to its page."""
    site, kind = context.text_parameter("site") or "", context.text_parameter("kind") or ""
    return RedirectResponse(f"/catalogue/{quote(site, safe='')}/{quote(kind, safe='')}", 303)


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


def _typed_operator(context: RequestContext) -> dict[str, str]:
    """The typed operator as a row of a file."""
    cells = {name: context.form.get(f"cell_{name}", "").strip() for name in COLUMNS}
    boxes = [name.removeprefix(_FORM) for name in context.form if name.startswith(_FORM)]
    return cells | {"forms": SEPARATOR.join(boxes)}


class _KindEditor:
    """What the forms of a kind's page do; `name` is that of its addresses and texts."""

    name = "catalogue"

    def routes(self, largest: int) -> tuple[Route, ...]:
        """Their routes; a file has `largest` bytes at most."""
        return (
            Route("/edit", self._change_row, Role.ADMIN, changes=True),
            Route("/file", self._import_file, Role.ADMIN, changes=True, largest=largest),
            Route("/back", self._roll_back, Role.ADMIN, changes=True),
            Route("/publish", self._enter_in_outbox, Role.ADMIN, changes=True),
        )

    def kind(self, context: RequestContext) -> str:
        """The kind that is changed. Raises UnreadableInput for an unknown one."""
        return find_kind(context.form.get("kind", "")).name

    def address(self, context: RequestContext) -> str:
        return f"{context.form.get('site', '')}/{self.kind(context)}"

    def versions(self, context: RequestContext, transaction: Connection | None = None) -> SiteCatalogue:
        return context.resources.catalogue(context.form.get("site", ""), transaction)

    def typed_row(self, context: RequestContext) -> dict[str, str]:
        columns = find_kind(self.kind(context)).columns
        return {name: context.form.get(f"cell_{name}", "").strip() for name in columns}

    def read_file(self, kind: str, path: Path) -> list[Row]:
        return read_kind(find_kind(kind), path)

    def page(self, context: RequestContext, faults: tuple[str, ...]) -> Response:
        return _kind_page(context, faults)

    def save(self, context: RequestContext, make: Callable[[SiteCatalogue, str, str, str], Version]) -> Response:
        """Make a version, by the kind, the author and the reason, and audit it."""
        site, reason = context.form.get("site", ""), context.form.get("reason", "")
        try:
            with context.transaction() as transaction:
                if site not in fleet.load_sites(transaction):
                    return context.refuse(f"{self.name}.unknown", 404, name=site)
                made = make(self.versions(context, transaction), self.kind(context), context.user_name, reason)
                about = self.address(context)
                context.audit(transaction, f"{self.name}_changed", about, version=made.version, what=made.what)
            return RedirectResponse(f"/{self.name}/{quote(self.address(context))}", 303)
        except UnreadableInput as fault:
            return self._show_faults(context, fault)

    def _change_row(self, context: RequestContext) -> Response:
        """Change, add or remove a row."""
        key, base = context.form.get("key", ""), parse_integer(context.form.get("base", ""))

        def make(of: SiteCatalogue, kind: str, who: str, reason: str) -> Version:
            cells = None if "remove" in context.form else self.typed_row(context)
            return of.edit(kind, key, cells, who, reason, base=base)

        return self.save(context, make)

    def _import_file(self, context: RequestContext) -> Response:
        """Make a version of an uploaded file's rows."""

        def make(of: SiteCatalogue, kind: str, who: str, reason: str) -> Version:
            suffix = Path(context.form.get("name", "")).suffix.lower()
            # The name comes from the client: only its suffix goes into a path.
            with TemporaryDirectory() as folder:
                path = Path(folder, f"{kind}{suffix if suffix in _SUFFIXES else '.csv'}")
                path.write_bytes(context.files.get("file", b""))
                try:
                    rows = self.read_file(kind, path)
                except UnreadableInput as fault:
                    messages = fault.faults if isinstance(fault, FaultyFile) else (str(fault),)
                    raise FaultyRows(kind, [one.removeprefix(f"{folder}/") for one in messages]) from fault
                return of.put(kind, rows, who, reason, path.name)

        return self.save(context, make)

    def _roll_back(self, context: RequestContext) -> Response:
        """Make a version with the rows of an older one."""
        version = parse_integer(context.form.get("version", "")) or 0
        return self.save(context, lambda of, kind, who, reason: of.rollback(kind, version, who, reason))

    def _enter_in_outbox(self, context: RequestContext) -> Response:
        """Sign the latest version and enter it in the outbox."""
        if (signer := context.resources.signer) is None:
            return context.refuse("catalogue.no_key", 409)
        versions, settings = self.versions(context), context.resources.settings
        try:
            sent, _ = catalogue_publishing.enter_in_outbox(settings, versions, signer, [self.kind(context)])
        except UnreadableInput as fault:
            return self._show_faults(context, fault)
        with context.transaction() as transaction:
            for one in sent:
                context.audit(transaction, "published", f"{one.site}/{one.kind}", version=one.version)
        return RedirectResponse(f"/{self.name}/{quote(self.address(context))}", 303)

    def _show_faults(self, context: RequestContext, fault: UnreadableInput) -> Response:
        faults = fault.faults if isinstance(fault, FaultyRows | FaultyFile) else (str(fault),)
        return self.page(context, faults)


class _RosterEditor(_KindEditor):
    """What the forms of a site's roster do."""

    name = ROSTER

    def routes(self, largest: int) -> tuple[Route, ...]:
        return (
            *super().routes(largest),
            Route("/take", self._import_from_broker, Role.ADMIN, changes=True),
            Route("/withdraw", self._withdraw, Role.ADMIN, changes=True),
        )

    def kind(self, context: RequestContext) -> str:
        return ROSTER

    def address(self, context: RequestContext) -> str:
        return context.form.get("site", "")

    def versions(self, context: RequestContext, transaction: Connection | None = None) -> SiteCatalogue:
        return context.resources.roster(context.form.get("site", ""), transaction)

    def typed_row(self, context: RequestContext) -> dict[str, str]:
        return _typed_operator(context)

    def read_file(self, kind: str, path: Path) -> list[Row]:
        return read_rows(path, ROSTER_LAYOUT)

    def page(self, context: RequestContext, faults: tuple[str, ...]) -> Response:
        return _roster_site_page(context, faults)

    def _import_from_broker(self, context: RequestContext) -> Response:
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
        rows, source = roster_to_rows(there), f"what the broker had, version {there.version}"
        return self.save(
            context, lambda of, kind, who, reason: of.put(kind, rows, who, reason, source, above=there.version)
        )

    def _withdraw(self, context: RequestContext) -> Response:
        """Make a version with which devices use their own settings again."""
        return self.save(context, lambda of, kind, who, reason: of.withdraw(kind, who, reason))


_LARGEST_ROSTER = 500_000  # Bytes of a file: several times those of 500 operators with every spoken name.

CATALOGUE_ROUTES = (
    Route("", _catalogue_page),
    Route("/go", _redirect_to_kind),
    *_KindEditor().routes(_LARGEST_KIND),
    Route("/{site}/{kind}", _kind_page),
)
ROSTER_ROUTES = (
    Route("", _roster_sites_page),
    *_RosterEditor().routes(_LARGEST_ROSTER),
    Route("/{site}", _roster_site_page),
)
