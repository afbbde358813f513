"""`dockvoice inventory expect` and `dossier`: what trailers and doors are to bring, and what a trailer brought."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.records import ExpectedLine, ExpectedList, ReceivingPlace
from dockvoice_protocol.terminal.tables import pluralize
from inventory.audit import audit
from inventory.cli.options import (
    Given,
    Json,
    Sign,
    check_site,
    echo,
    print_json_lines,
    print_table,
    read_or_print_faults,
    require_signer,
)
from inventory.forms import compared_pallet_fields, load_forms
from inventory.site.expected_file import read_expected
from inventory.store.keys import KeyDirectory

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dockvoice_protocol.hash_chain import Signer
    from inventory.dossier.visits import TrailerRows, Visit
    from inventory.forms import Roles
    from inventory.repository import Store
    from inventory.settings import InventorySettings
    from inventory.site.expected import StoredList

    _Change = Callable[[Connection, datetime], list[ExpectedList]]
    """Changes the stored lists of expected receipts in a transaction, and returns the changed ones."""

_File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", readable=False, show_default=False, help="What is expected, CSV or JSON."),
]
_Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Where it is expected.")]
_Withdraw = Annotated[
    str | None, typer.Option("--withdraw", metavar="PLACE", help="Nothing is expected there any more: trailer/5501.")
]
_Received = Annotated[bool, typer.Option("--received", help="Publish what was received meanwhile, by any device.")]


def expect(
    given: Given,
    file: _File = None,
    site: _Site = None,
    sign: Sign = None,
    withdraw: _Withdraw = None,
    received: _Received = False,
    json_lines: Json = False,
) -> None:
    """Publish what a notice or an order announces, for each trailer or door, so that devices know it without a network.

    FILE has a line for each item on each pallet: notice, trailer or door, pallet, item, quantity, uom, lot_needed (yes
    or no). It is checked as a whole: where anything is wrong nothing is published. A file takes the place of what was
    published for its trailers and doors, and of no others. Devices take it where deliver.decisions_key names the public
    half of your key. Without FILE and options: what is published.
    """
    settings = given.settings
    if [file is not None, withdraw is not None, received].count(True) > 1:
        raise typer.BadParameter("give FILE, --withdraw or --received, one of them")
    with given.open_store() as store:
        if file is not None:
            announced = read_or_print_faults(read_expected, file)
            where, signer = check_site(site), require_signer(sign)
            _publish_lists(settings, store, signer, _replace_lists(where, announced))
        elif withdraw is not None:
            where, signer = check_site(site), require_signer(sign)
            withdrawn = _find_published_place(store, where, withdraw)
            _publish_lists(settings, store, signer, _replace_lists(where, {withdrawn: ()}))
        elif received:
            _publish_lists(settings, store, require_signer(sign), _mark_received(settings))
        else:
            _print_lists(store.expected_lists(), json_lines=json_lines)


def _replace_lists(site: str, announced: Mapping[ReceivingPlace, Sequence[ExpectedLine]]) -> _Change:
    from inventory.site.expected import replace_list  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    return lambda transaction, now: [
        replace_list(transaction, site, place, lines, now, "expect") for place, lines in announced.items()
    ]


def _mark_received(settings: InventorySettings) -> _Change:
    from inventory.site.expected import mark_received_lines  # noqa: PLC0415 - as above

    return lambda transaction, now: mark_received_lines(transaction, compared_pallet_fields(settings.forms), now)


def _publish_lists(settings: InventorySettings, store: Store, signer: Signer, change: _Change) -> None:
    """Change the stored lists, insert the messages about these changes, then publish them."""
    from inventory.site.expected import enter_in_outbox  # noqa: PLC0415 - as above
    from inventory.site.sending import publish_rows  # noqa: PLC0415 - nor MQTT

    now = datetime.now(UTC)
    with store.transaction() as transaction:
        lists = change(transaction, now)
        entered = enter_in_outbox(transaction, settings.prefix, lists, signer, now)
    publish_rows(settings, "expect", store.transaction, entered, retain=True)
    for one in lists:
        echo(f"{one.site} {one.place}: version {one.version}, {_summary(one)}")
    if not lists:
        echo("nothing has changed")


def _summary(one: ExpectedList) -> str:
    there = sum(line.received for line in one.lines)
    return f"{pluralize(len(one.lines), 'line')}, {there} received" if one.lines else "withdrawn"


def _find_published_place(store: Store, site: str, named: str) -> ReceivingPlace:
    """Find the named place among the site's published lists. Raises UnreadableInput if it has none."""
    known = [one.expected.place for one in store.expected_lists() if one.expected.site == site and one.expected.lines]
    found = [place for place in known if str(place) == named]
    if not found:
        there = ", ".join(map(str, known)) or "none"
        raise UnreadableInput(f"--withdraw {named}: nothing is published for it at {site}; published are {there}")
    return found[0]


def _print_lists(found: list[StoredList], *, json_lines: bool) -> None:
    if json_lines:
        for one in found:
            changed = {"place": str(one.expected.place), "sent": one.sent, "by": dict(one.sources)}
            print_json_lines([{**asdict(one.expected), **changed}])
        return
    headings = ("site", "place", "version", "lines", "sent", "by")
    print_table(pluralize(len(found), "place"), headings, map(_list_cells, found))


def _list_cells(one: StoredList) -> tuple[str, ...]:
    of, sources = one.expected, ", ".join(sorted({*one.sources.values()}))
    return of.site, str(of.place), str(of.version), _summary(of), "yes" if one.sent else "no", sources


_Trailer = Annotated[str, typer.Argument(metavar="TRAILER", help="Its number, as it was said: 5501.")]
_Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The file to make; none may be there yet.")]
_Bundles = Annotated[
    list[Path] | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        readable=False,
        help="A bundle of a device: its recordings go into the dossier. May be given repeatedly.",
    ),
]
_Visit = Annotated[str | None, typer.Option("--visit", metavar="N|DATE", help="Which visit; the latest, if not given.")]
_VisitSite = Annotated[
    str | None, typer.Option("--site", metavar="SITE", help="Where, if the trailer is known at several.")
]
_DossierKey = Annotated[
    Path | None,
    typer.Option("--sign", metavar="FILE", readable=False, help="The inventory's private key; over dossier.key."),
]
_Language = Annotated[str | None, typer.Option("--language", metavar="CODE", help="What the page is in: en, de, fr ….")]


def dossier(
    given: Given,
    trailer: _Trailer,
    out: _Out = None,
    bundle: _Bundles = None,
    visit: _Visit = None,
    site: _VisitSite = None,
    sign: _DossierKey = None,
    language: _Language = None,
    as_json: Json = False,
) -> None:
    """Tell what a trailer was to bring and what it brought; with --out, write all of it into one signed file.

    A visit lasts from its first notice, or its first entry behind the closing before, to the entry that closes the
    trailer; until then it is still open. Recordings are people's voices: they go in only from the bundles that you name
    (`dockvoice audit export --trailer` on a device). The recipient checks it with verify_dossier.pyz.
    """
    from inventory.dossier import dossier as dossiers  # noqa: PLC0415 - `--help` must not import SQLAlchemy
    from inventory.dossier.dossier import read_clips  # noqa: PLC0415
    from inventory.dossier.dossier_page import LANGUAGES  # noqa: PLC0415
    from inventory.forms import load_roles  # noqa: PLC0415
    from inventory.verify_dossier import summary_lines  # noqa: PLC0415

    settings = given.settings
    wording = language or settings.dossier.language
    if wording not in LANGUAGES:
        raise typer.BadParameter(f"found {wording!r}, allowed are {', '.join(LANGUAGES)}", param_hint="--language")
    key = sign or settings.dossier.key
    if out is not None and key is None:
        raise typer.BadParameter("must be given, or dossier.key be set: nothing goes out unsigned", param_hint="--sign")
    of = load_roles(load_forms(settings.forms), settings.dossier.receipts, settings.dossier.damages)
    with given.open_store() as store:
        gathered = store.issues.gather(_find_site(store, trailer, of, site), trailer, of)
    chosen = _find_visit(gathered, visit)
    enrolled = KeyDirectory(settings.keys).all()
    needed = {clip for one in chosen.said for clip in one.recordings} | {one.audio_sha256 for one in chosen.reviews}
    clips = read_clips(bundle or (), needed)
    content, files = dossiers.collect_content(chosen, gathered, enrolled, wording, clips)
    made: dict[str, str] = {}
    if out is not None and key is not None:
        signer = audit.load_signer(key)
        with given.open_store() as store:
            content["issue"] = store.issues.store(gathered.site, trailer, chosen, content, files)
        file = dossiers.build(chosen, gathered, enrolled, signer, wording, clips, lambda *_: content["issue"]).file
        _write_private(out, file)
        made = {"file": str(out), "sha256": hashlib.sha256(file).hexdigest(), "keyid": signer.public.keyid}
    if as_json:
        print_json_lines([{**content, **made}])
        return
    for line in summary_lines(content):
        echo(line)
    if out is not None:
        states = [*content["clips"].values()]
        echo(f"signed with the key {made['keyid']}: tell this id to whoever is to check it")
        echo(f"{out}: written, as of {content['as_of']}, with {states.count('given')} of {len(states)} recordings")


def _find_site(store: Store, trailer: str, of: Roles, given: str | None) -> str:
    known = store.issues.sites(trailer, of)
    if given is not None and given in known:
        return given
    if len(known) == 1 and given is None:
        return known[0]
    if not known:
        raise UnreadableInput(
            f"{trailer}: no list and no entry names this trailer; `inventory rows` shows what there is"
        )
    raise UnreadableInput(f"{trailer}: it is known at {', '.join(known)}; say which with --site")


def _find_visit(of: TrailerRows, named: str | None) -> Visit:
    """The visit of this number or date; by default the latest with a current entry, else the latest."""
    from inventory.dossier.dossier_page import local_day  # noqa: PLC0415
    from inventory.dossier.visits import find_visit_or_default  # noqa: PLC0415

    visits = of.visits()
    latest = find_visit_or_default(visits, of)
    if latest is None:
        raise UnreadableInput(f"{of.trailer}: nothing of this trailer is known at {of.site}")
    if named is None:
        return latest

    def first_and_last_day(one: Visit) -> tuple[str, str]:
        times = [one.began.isoformat(), *(of.story.root(said).moment.isoformat() for said in one.said)]
        zone = next((said.data["workday"]["zone"] for said in one.said if "workday" in said.data), None)
        found = [local_day(time, zone) for time in times]
        return min(found), max(found)

    found = [
        one
        for one in visits
        if named == str(one.number) or first_and_last_day(one)[0] <= named <= first_and_last_day(one)[1]
    ]
    if len(found) != 1:
        there = "; ".join(f"{one.number}: {' to '.join(dict.fromkeys(first_and_last_day(one)))}" for one in visits)
        raise UnreadableInput(f"--visit {named}: is {len(found)} of the visits of {of.trailer}, which are {there}")
    return found[0]


def _write_private(path: Path, file: bytes) -> None:
    """Create the file readable by its owner only: it has personal data."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
            made.write(file)
    except FileExistsError:
        raise UnreadableInput(f"{path}: exists already; name another file") from None
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise UnreadableInput(f"{path}: cannot be written ({describe_os_error(fault)}); name another file") from None
