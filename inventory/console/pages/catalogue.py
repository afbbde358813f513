"""The pages of the catalogue: a site's lists, units, forms and rules, their history, and which version devices run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import UnreadableInput
from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, Version
from inventory.site.master_kinds import kind_named, read_kind
from inventory.site.numbering import RefusedByDevices
from inventory.site.table_file import FaultyFile

LARGEST = 2_000_000  # Bytes of a file: many times what brokers take of one kind.

SUFFIXES = (".csv", ".json")


def show(call: Call) -> Response:
    """Every kind of every site: its latest version, and how many devices run what was published."""
    with call.look() as transaction:
        devices = fleet.known(transaction, [])
        kinds = [kind for site in fleet.sites(transaction) for kind in call.place.catalogue(site, transaction).kinds()]
    lines = [(one, *_running(one, devices)) for one in kinds]
    return call.page("catalogue.html", lines=lines, sites=sorted({one.site for one in devices}))


def _running(one: Version, devices: list[fleet.Device]) -> tuple[int, int]:
    told = [{kind: runs for kind, runs, *_ in device.versions} for device in devices if device.site == one.site]
    return sum(runs.get(one.kind) == one.version for runs in told), len(told)


def show_kind(call: Call, faults: tuple[str, ...] = ()) -> Response:
    """Its rows, one to be changed, its history, and which version each device runs."""
    given = call.request.path_params or call.given
    site, name = given.get("site", ""), given.get("kind", "")
    try:
        kind = kind_named(name)
    except UnreadableInput as fault:
        return call.refused("catalogue.unknown", 404, told=str(fault))
    with call.look() as transaction:
        if site not in fleet.sites(transaction):
            return call.refused("catalogue.unknown", 404, told=site)
        history = call.place.catalogue(site, transaction).history(name)
        devices = [one for one in fleet.known(transaction, []) if one.site == site]
    latest = history[0] if history else None
    rows = {kind.known_by(one): one for one in latest.rows} if latest else {}
    chosen = asked.text(call, "row") or ""
    return call.page(
        "catalogue_kind.html",
        409 if faults else 200,
        site=site,
        kind=kind,
        rows=rows,
        chosen=chosen,
        cells=dict(call.given) if faults else rows.get(chosen, {}),
        history=history,
        latest=latest,
        devices=[(one, {name: at for name, *at in one.versions}.get(kind.name)) for one in devices],
        faults=faults,
        address=f"/catalogue/{quote(site)}/{quote(name)}",
        signs=call.place.signer is not None,
    )


def edit(call: Call) -> Response:
    """Change a row, add one, or take one out."""
    kind, key = call.given.get("kind", ""), call.given.get("key", "")
    base = asked.whole(call.given.get("base", ""))

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        columns = kind_named(kind).columns
        cells = {name: call.given.get(f"cell_{name}", "").strip() for name in columns}
        return of.edit(kind, key, None if "remove" in call.given else cells, who, reason, base=base)

    return _changed(call, make)


def take_file(call: Call) -> Response:
    """Make a version of a file's rows."""
    kind = call.given.get("kind", "")

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        content, suffix = call.files.get("file", b""), Path(call.given.get("name", "")).suffix.lower()
        # Its name is the sender's: of it only what kind of file it is goes into a path.
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{kind_named(kind).name}{suffix if suffix in SUFFIXES else '.csv'}")
            path.write_bytes(content)
            return of.put(kind, read_kind(kind_named(kind), path), who, reason, path.name)

    return _changed(call, make)


def go_back(call: Call) -> Response:
    """Make a version that says what an older one said."""
    version = asked.whole(call.given.get("version", "")) or 0
    return _changed(call, lambda of, who, reason: of.rollback(call.given.get("kind", ""), version, who, reason))


def publish(call: Call) -> Response:
    """Let the service send what is current to the devices, signed."""
    site, kind = call.given.get("site", ""), call.given.get("kind", "")
    if call.place.signer is None:
        return call.refused("catalogue.no_key", 409)
    of = call.place.catalogue(site)
    try:
        sent, _ = catalogue_publishing.enter(call.place.settings, of, call.place.signer, [kind])
    except RefusedByDevices as fault:
        return show_kind(call, (str(fault),))
    except FaultyRows as fault:  # made before the forms were changed
        return show_kind(call, fault.faults)
    with call.open() as transaction:
        for one in sent:
            call.note(transaction, "published", f"{site}/{one.kind}", version=one.version)
    return RedirectResponse(f"/catalogue/{quote(site)}/{quote(kind)}", 303)


def _changed(call: Call, make: Callable[[SiteCatalogue, str, str], Version]) -> Response:
    site, kind, reason = (call.given.get(name, "") for name in ("site", "kind", "reason"))
    who = "" if call.who is None else call.who.name
    try:
        with call.open() as transaction:
            if site not in fleet.sites(transaction):
                return call.refused("catalogue.unknown", 404, told=site)
            made = make(call.place.catalogue(site, transaction), who, reason)
            call.note(transaction, "catalogue_changed", f"{site}/{kind}", version=made.version, what=made.what)
    except (FaultyRows, FaultyFile) as fault:
        return show_kind(call, fault.faults)
    except UnreadableInput as fault:
        return show_kind(call, (str(fault),))
    return RedirectResponse(f"/catalogue/{quote(site)}/{quote(kind)}", 303)


def _go(call: Call) -> Response:
    """From the form that names a site and a kind to its page."""
    site, kind = asked.text(call, "site") or "", asked.text(call, "kind") or ""
    return RedirectResponse(f"/catalogue/{quote(site, safe='')}/{quote(kind, safe='')}", 303)


TAB = Tab("/catalogue", "catalogue.title", Role.VIEWER)
WAYS: tuple[Any, ...] = (
    Way("/catalogue", show, Role.VIEWER),
    Way("/catalogue/go", _go, Role.VIEWER),
    Way("/catalogue/edit", edit, Role.ADMIN, changes=True),
    Way("/catalogue/file", take_file, Role.ADMIN, changes=True, largest=LARGEST),
    Way("/catalogue/back", go_back, Role.ADMIN, changes=True),
    Way("/catalogue/publish", publish, Role.ADMIN, changes=True),
    Way("/catalogue/{site}/{kind}", show_kind, Role.VIEWER),
)
