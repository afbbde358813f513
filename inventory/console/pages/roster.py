"""The pages of the roster: who may sign on at a site, its history, and which version devices run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.languages import LANGUAGES
from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import fleet
from inventory.site import catalogue_publishing
from inventory.site.catalogue import FaultyRows, SiteCatalogue, Version
from inventory.site.roster import BETWEEN, COLUMNS, LAYOUT, ROSTER, kind_of, rows_of
from inventory.site.table_file import read_rows

LARGEST = 500_000  # Bytes of a file: several times what 500 operators take, with all the names that each may have.

FORM = "form:"  # Before the name of a form, in the name of the box that allows it.


def show(call: Call) -> Response:
    """Every site: how many may sign on, who changed it last, and how many devices run what was published."""
    with call.open() as transaction:
        devices = fleet.known(transaction, [])
        sites = [(site, _of(call, site, transaction).history(ROSTER)) for site in fleet.sites(transaction)]
    lines = [(site, history[0] if history else None, *_running(site, devices)) for site, history in sites]
    return call.page("roster.html", lines=lines)


def _running(site: str, devices: list[fleet.Device]) -> tuple[int, int]:
    of = [one.roster for one in devices if one.site == site]
    return sum(runs is not None and runs == wanted for runs, wanted, _ in of), len(of)


def show_site(call: Call, faults: tuple[str, ...] = ()) -> Response:
    """Who may sign on there, one of them to be changed, its history, and which version each device runs."""
    site = (call.request.path_params or call.given).get("site", "")
    with call.open() as transaction:
        if site not in fleet.sites(transaction):
            return call.refused("roster.unknown", 404, told=site)
        history = _of(call, site, transaction).history(ROSTER)
        devices = [one for one in fleet.known(transaction, []) if one.site == site]
    latest = history[0] if history else None
    rows = {one["name"]: one for one in latest.rows} if latest else {}
    chosen = call.given.get("key", "") if faults else asked.text(call, "row") or ""
    published = next((one.version for one in history if one.published_at), 0)
    return call.page(
        "roster_site.html",
        409 if faults else 200,
        site=site,
        rows=rows,
        chosen=chosen,
        cells=_typed(call) if faults else rows.get(chosen, {}),
        forms=sorted(call.place.forms),
        spoken=LANGUAGES,
        between=BETWEEN,
        history=history,
        latest=latest,
        devices=devices,
        elsewhere=any((one.roster[0] or 0) > published for one in devices),
        faults=faults,
        signs=call.place.signer is not None,
    )


def edit(call: Call) -> Response:
    """Change an operator, add one, or take one out."""
    key, base = call.given.get("key", ""), asked.whole(call.given.get("base", ""))
    cells = None if "remove" in call.given else _typed(call)
    return _changed(call, lambda of, who, reason: of.edit(ROSTER, key, cells, who, reason, base=base))


def _typed(call: Call) -> dict[str, str]:
    """What was typed of an operator, as a file has it."""
    cells = {name: call.given.get(f"cell_{name}", "").strip() for name in COLUMNS}
    boxes = [name.removeprefix(FORM) for name in call.given if name.startswith(FORM)]
    return cells | {"forms": BETWEEN.join(boxes)}


def take_file(call: Call) -> Response:
    """Let those of a file sign on, and nobody else."""

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        name = "roster.json" if call.given.get("name") == "x.json" else "roster.csv"
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(call.files.get("file", b""))
            return of.put(ROSTER, read_rows(path, LAYOUT), who, reason, name)

    return _changed(call, make)


def take_over(call: Call) -> Response:
    """Make a version of what the broker has: somebody published it by the command, or it was lost here."""
    if call.place.signer is None:
        return call.refused("catalogue.no_key", 409)
    key, site = call.place.signer.public, call.given.get("site", "")
    with call.look() as transaction:
        if site not in fleet.sites(transaction):
            return call.refused("roster.unknown", 404, told=site)
    try:
        there = catalogue_publishing.roster_at_broker(call.place.settings, site, key)
    except UnreadableInput as fault:
        return show_site(call, (str(fault),))
    source = f"what the broker had, version {there.version}"

    def make(of: SiteCatalogue, who: str, reason: str) -> Version:
        return of.put(ROSTER, rows_of(there), who, reason, source, above=there.version)

    return _changed(call, make)


def go_back(call: Call) -> Response:
    """Make a version that says what an older one said."""
    version = asked.whole(call.given.get("version", "")) or 0
    return _changed(call, lambda of, who, reason: of.rollback(ROSTER, version, who, reason))


def withdraw(call: Call) -> Response:
    """Make a version with which devices go by their own settings again."""
    return _changed(call, lambda of, who, reason: of.withdraw(ROSTER, who, reason))


def publish(call: Call) -> Response:
    """Let the service send what is current to the devices, signed. Where the broker is away, it can be tried again."""
    site = call.given.get("site", "")
    if call.place.signer is None:
        return call.refused("catalogue.no_key", 409)
    of = SiteCatalogue(site, call.place.open, call.place.now, of=lambda _: kind_of(call.place.forms))
    try:
        sent, _ = catalogue_publishing.enter_roster(call.place.settings, of, call.place.signer)
    except UnreadableInput as fault:
        return show_site(call, (str(fault),))
    with call.open() as transaction:
        for one in sent:
            call.note(transaction, "published", f"{site}/{ROSTER}", version=one.version)
    return RedirectResponse(f"/roster/{quote(site)}", 303)


def _changed(call: Call, make: Callable[[SiteCatalogue, str, str], Version]) -> Response:
    site, reason = call.given.get("site", ""), call.given.get("reason", "")
    who = "" if call.who is None else call.who.name
    try:
        with call.open() as transaction:
            if site not in fleet.sites(transaction):
                return call.refused("roster.unknown", 404, told=site)
            made = make(_of(call, site, transaction), who, reason)
            call.note(transaction, "roster_changed", site, version=made.version, what=made.what)
    except FaultyRows as fault:
        return show_site(call, fault.faults)
    except UnreadableInput as fault:
        return show_site(call, (str(fault),))
    return RedirectResponse(f"/roster/{quote(site)}", 303)


def _of(call: Call, site: str, transaction: Connection) -> SiteCatalogue:
    """The versions of a site's roster, all in one transaction."""
    return SiteCatalogue(site, lambda: nullcontext(transaction), call.place.now, of=lambda _: kind_of(call.place.forms))


TAB = Tab("/roster", "roster.title", Role.VIEWER)
WAYS: tuple[Any, ...] = (
    Way("/roster", show, Role.VIEWER),
    Way("/roster/edit", edit, Role.ADMIN, changes=True),
    Way("/roster/file", take_file, Role.ADMIN, changes=True, largest=LARGEST),
    Way("/roster/take", take_over, Role.ADMIN, changes=True),
    Way("/roster/back", go_back, Role.ADMIN, changes=True),
    Way("/roster/withdraw", withdraw, Role.ADMIN, changes=True),
    Way("/roster/publish", publish, Role.ADMIN, changes=True),
    Way("/roster/{site}", show_site, Role.VIEWER),
)
