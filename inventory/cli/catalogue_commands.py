"""`dockvoice inventory catalogue`, `words` and `roster`: a site's master data and its operators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import Roster
from dockvoice_protocol.signed import verify_roster
from dockvoice_protocol.terminal.tables import pluralize
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
    subcommand,
    user_name,
)
from inventory.forms import load_forms
from inventory.site.roster import ROSTER, parse_signed_roster, read_operators

if TYPE_CHECKING:
    from dockvoice_protocol.hash_chain import PublicKey
    from inventory.settings import InventorySettings
    from inventory.site.catalogue import SiteCatalogue, Version
    from inventory.site.catalogue_publishing import ReportedVersions

catalogue_commands = typer.Typer(help="A site's docks, items, rules and words, for its devices.", no_args_is_help=True)

_Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Whose they are.")]
_Kind = Annotated[str, typer.Argument(metavar="KIND", help="For example docks, items.units, rules or words.")]
_Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with your name.")]
_Number = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number, as `history` shows it.")]


def _publish_if_signed(given: Given, catalogue: SiteCatalogue, made: Version, sign: Path | None) -> None:
    """Publish the new version, if a key is given, and print the result."""
    echo(f"{made.site} {made.kind}: version {made.version}, {made.what}")
    if sign is None:
        then = f"dockvoice inventory catalogue publish {made.kind} --site {made.site} --sign FILE"
        echo(f"no device has it yet: {then}")
    else:
        _publish_pending(given, catalogue, [made.kind], sign)


def _publish_pending(given: Given, catalogue: SiteCatalogue, kinds: list[str], sign: Path | None) -> None:
    """Publish the current versions of these kinds that are not published, of all kinds if empty, and print them."""
    from inventory.site.catalogue_publishing import publish  # noqa: PLC0415 - `--help` must not import MQTT

    sent = publish(given.settings, catalogue, require_signer(sign), kinds)
    for one in sent:
        echo(f"{one.site} {one.kind}: version {one.version} published, {_row_count(one)}")
    if sent:
        return
    for kind in (waiting := _pending_kinds(catalogue, catalogue.current_versions())):
        echo(f"{kind}: signed, and the broker has not taken it yet; `dockvoice inventory` goes on trying while it runs")
    if not waiting:
        echo("nothing is to be published: the broker has taken every current version")


@contextmanager
def _open_catalogue(given: Given, site: str | None, sign: Path | None = None) -> Iterator[SiteCatalogue]:
    if sign is not None:
        require_signer(sign)  # an invalid key is reported before anything is changed
    with given.open_store() as store:
        yield store.catalogue(check_site(site), given.settings.forms)


@subcommand(catalogue_commands, "import", short_help="Take a file in the place of what there was.", broker=True)
def _catalogue_import(
    given: Given,
    kind: _Kind,
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="Its rows, CSV or JSON.")],
    reason: _Why,
    site: _Site = None,
    sign: Sign = None,
) -> None:
    """Make a version of what FILE says, in the place of what there was of this kind; with --sign, publish it.

    A list has a line for each value: value, spoken (other ways to say it, parted by |), check (the word or the digits
    on its sign); units have value, unit, factor and base; rules have rule, on, hours and forms; words have form, field,
    as (label or unit), means (of a unit, its code), word and language. The file is checked as a whole: where anything
    is wrong each fault is printed, and nothing is changed.
    """
    from inventory.site.catalogue import FaultyRows  # noqa: PLC0415 - `--help` must not import SQLAlchemy
    from inventory.site.master_kinds import find_kind, read_kind  # noqa: PLC0415 - as above
    from inventory.site.table_file import FaultyFile  # noqa: PLC0415 - as above

    try:
        rows = read_kind(find_kind(kind), file)
        with _open_catalogue(given, site, sign) as catalogue:
            made = catalogue.put(kind, rows, user_name(), reason, file.name)
            _publish_if_signed(given, catalogue, made, sign)
    except (FaultyRows, FaultyFile) as found:
        for fault in found.faults:
            echo(fault if isinstance(found, FaultyFile) else f"{file}: {fault}")
        raise UnreadableInput(f"{file}: {pluralize(len(found.faults), 'fault')}; nothing was changed") from None


@subcommand(catalogue_commands, "show", short_help="What there is, or the rows of one kind.")
def _catalogue_print_versions(
    given: Given,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="Its rows; unset: every kind, by version.")
    ] = None,
    site: _Site = None,
    json_lines: Json = False,
) -> None:
    """Show the current versions, or the rows of one.

    Sent is one once the broker has taken it. What is signed and not sent yet `dockvoice inventory pending` counts.
    """
    with _open_catalogue(given, site) as catalogue:
        found = catalogue.current_versions() if kind is None else [catalogue.current(kind)]
        pending = _pending_kinds(catalogue, found)
    if kind is None:
        _print_versions(found, pending, json_lines=json_lines)
    elif json_lines:
        print_json_lines([{**_to_json(found[0]), "rows": found[0].rows}])
    else:
        _print_rows(found[0])


@subcommand(catalogue_commands, "history", short_help="Every version of a kind: who, when, why, what.")
def _catalogue_history(given: Given, kind: _Kind, site: _Site = None, json_lines: Json = False) -> None:
    """Show every version of a kind, the newest first: who made it, when, why, and what was done."""
    with _open_catalogue(given, site) as catalogue:
        catalogue.current(kind)
        found = catalogue.history(kind)
        pending = _pending_kinds(catalogue, found)
    _print_versions(found, pending, json_lines=json_lines)


@subcommand(catalogue_commands, "diff", short_help="What one version says otherwise than another.")
def _catalogue_diff(
    given: Given,
    kind: _Kind,
    before: Annotated[int, typer.Argument(metavar="A", min=1, help="The one version.")],
    after: Annotated[int, typer.Argument(metavar="B", min=1, help="The other.")],
    site: _Site = None,
) -> None:
    """Show what version B says otherwise than version A: + for what is new in it, - for what is gone."""
    with _open_catalogue(given, site) as catalogue:
        found = catalogue.compare_versions(kind, before, after)
    lines = [("-", one) for one in found.removed.values()] + [("+", one) for one in found.added.values()]
    lines += [line for old, new in found.changed.values() for line in (("-", old), ("+", new))]
    for sign, cells in lines:
        echo(" ".join((sign, *(f"{column}={cell}" for column, cell in cells.items()))))
    echo(found.summary)


@subcommand(catalogue_commands, "publish", short_help="Send the devices what was changed.", broker=True)
def _catalogue_publish(
    given: Given,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="Only this one; unset: all that changed.")
    ] = None,
    site: _Site = None,
    sign: Sign = None,
) -> None:
    """Sign the current versions that no broker took yet, and hand them to it: devices take them as they come by."""
    with _open_catalogue(given, site, sign) as catalogue:
        if kind is not None:
            catalogue.current(kind)
        _publish_pending(given, catalogue, [] if kind is None else [kind], sign)


@subcommand(catalogue_commands, "rollback", short_help="Go back to what an older version said.", broker=True)
def _catalogue_rollback(
    given: Given, kind: _Kind, version: _Number, reason: _Why, site: _Site = None, sign: Sign = None
) -> None:
    """Make a version that says what an older one said; with --sign, publish it. Its number is the highest."""
    with _open_catalogue(given, site, sign) as catalogue:
        _publish_if_signed(given, catalogue, catalogue.rollback(kind, version, user_name(), reason), sign)


@subcommand(catalogue_commands, "withdraw", short_help="Let devices go by their own files again.", broker=True)
def _catalogue_withdraw(given: Given, kind: _Kind, reason: _Why, site: _Site = None, sign: Sign = None) -> None:
    """Make a version without rows; with --sign, publish it: devices go by their own files again."""
    with _open_catalogue(given, site, sign) as catalogue:
        _publish_if_signed(given, catalogue, catalogue.withdraw(kind, user_name(), reason), sign)


@subcommand(catalogue_commands, "devices", short_help="Which version each device runs, or why it refused.", broker=True)
def _catalogue_devices(given: Given, site: _Site = None, json_lines: Json = False) -> None:
    """Show which version of each kind every device of the site runs, as it has said last, and what it refused.

    Words that a device's recogniser does not know are understood there when typed, and not heard: publish beside them
    words that sound alike (`dockvoice forms respell`).
    """
    from inventory.site.catalogue_publishing import read_reported_versions  # noqa: PLC0415 - `--help` must not import MQTT

    with _open_catalogue(given, site) as catalogue:
        wanted = [one for of in catalogue.current_versions() if (one := catalogue.published(of.kind)) is not None]
        found = read_reported_versions(given.settings, catalogue.site)
    if json_lines:
        print_json_lines(_report_to_json(one, wanted) for one in found)
        return
    behind = [one for one in found if one.kinds_not_run(wanted)]
    headings = ("device", "state", "runs", "lacks", "refused", "cannot hear")
    rows = (_report_cells(one, wanted) for one in found)
    print_table(f"{pluralize(len(found), 'device')}, {len(behind)} behind", headings, rows)


def _report_to_json(one: ReportedVersions, wanted: Sequence[Version]) -> dict[str, Any]:
    declined = {
        kind: {"reason": of.reason, "version": of.version, "told": of.detail} for kind, of in one.declined.items()
    }
    report = {"device": one.device, "online": one.online, "versions": dict(one.versions), "refused": declined}
    return {**report, "lacks": one.kinds_not_run(wanted), "unheard": one.unknown_words}


def _report_cells(one: ReportedVersions, wanted: Sequence[Version]) -> Iterator[str]:
    yield one.device
    yield "online" if one.online else "offline"
    yield "\n".join(f"{kind} {version}" for kind, version in one.versions.items())
    yield "\n".join(one.kinds_not_run(wanted))
    yield "\n".join(
        f"{kind}: {of.reason}" + (f", {of.detail}" if of.detail else "") for kind, of in one.declined.items()
    )
    yield ", ".join(one.unknown_words)


def _pending_kinds(catalogue: SiteCatalogue, found: Sequence[Version]) -> list[str]:
    """The kinds of which the broker has not taken the latest published version."""
    return [kind for kind in dict.fromkeys(one.kind for one in found) if catalogue.is_pending(kind)]


def _print_versions(found: list[Version], pending: Sequence[str], *, json_lines: bool) -> None:
    if json_lines:
        print_json_lines(map(_to_json, found))
        return
    headings = ("kind", "version", "rows", "by", "made, UTC", "what", "why", "sent")
    print_table(pluralize(len(found), "version"), headings, _version_rows(found, pending))


def _version_rows(found: Sequence[Version], pending: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The cells of versions that come with the newest of each kind first."""
    replaced = set[str]()
    for one in found:
        sent = "no"
        if one.published_at is not None:
            sent = "replaced" if one.kind in replaced else "no" if one.kind in pending else "yes"
            replaced.add(one.kind)
        made = f"{one.made_at:%Y-%m-%d %H:%M}"
        yield one.kind, str(one.version), str(len(one.rows)), one.who, made, one.what, one.reason, sent


def _print_rows(one: Version) -> None:
    from inventory.site.master_kinds import find_kind  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    columns = find_kind(one.kind).columns
    rows = ([row.get(column, "") for column in columns] for row in one.rows)
    print_table(f"{one.kind}: version {one.version}, {_row_count(one)}", columns, rows)


def _row_count(one: Version) -> str:
    return pluralize(len(one.rows), "row") if one.rows else "withdrawn"


def _to_json(one: Version) -> dict[str, Any]:
    moments = {"made_at": rfc3339(one.made_at), "published_at": one.published_at and rfc3339(one.published_at)}
    return {name: getattr(one, name) for name in ("site", "kind", "version", "who", "reason", "what")} | moments


_File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", readable=False, show_default=False, help="Who may sign on, CSV or JSON."),
]
_RosterSite = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Where they may.")]
_Withdraw = Annotated[bool, typer.Option("--withdraw", help="Let devices go by their own settings again.")]


def roster(
    given: Given,
    file: _File = None,
    site: _RosterSite = None,
    sign: Sign = None,
    withdraw: _Withdraw = False,
    json_lines: Json = False,
) -> None:
    """Publish who may sign on at a site: devices take it at once, keep it, and let nobody else work.

    FILE has a line for each operator: name (on record), number (two to six digits), spoken (what he is called; several
    parted by ;), language, forms (which he may fill, parted by ;). Only the name, and a number or a spoken one, must be
    given. It is checked as a whole: where anything is wrong nothing is published. It takes the place of the one before.
    Devices take it where deliver.decisions_key names the public half of your key. Without FILE and --withdraw: what the
    broker has for that site. Keep the file: once the broker has the roster, the inventory's database has the version
    alone, and no name.
    """
    settings = given.settings
    where = check_site(site)
    if file is None and not withdraw:
        _print_roster(settings, where, None if sign is None else require_signer(sign).public, json_lines=json_lines)
        return
    if file is not None and withdraw:
        raise typer.BadParameter("give FILE or --withdraw, not both")
    operators = (
        () if file is None else read_or_print_faults(partial(read_operators, forms=load_forms(settings.forms)), file)
    )
    signer = require_signer(sign)
    from inventory.site import numbering  # noqa: PLC0415 - `--help` must not import SQLAlchemy
    from inventory.site.catalogue_publishing import roster_message  # noqa: PLC0415 - as above
    from inventory.site.sending import publish_rows, read_retained  # noqa: PLC0415 - nor MQTT
    from inventory.store import outbox  # noqa: PLC0415 - as above

    now, before = datetime.now(UTC), None
    with given.open_store() as store:
        before = parse_signed_roster(
            read_retained(settings, "roster", Topics.roster(settings.prefix, where)), where, signer.public
        )
        above = 0 if before is None else before.version
        with store.transaction() as transaction:
            version = numbering.record_sent_version(transaction, where, ROSTER, user_name(), above, now)
            message = roster_message(settings.prefix, Roster(where, version, operators), signer, now)
            entered = outbox.insert_messages(transaction, [message], now, held=outbox.HELD_BACK_FOR)
        publish_rows(settings, "roster", store.transaction, entered, retain=True)
    echo(f"{where}: version {version}, {pluralize(len(operators), 'operator') if operators else 'withdrawn'}")


def _print_roster(settings: InventorySettings, site: str, key: PublicKey | None, *, json_lines: bool) -> None:
    from inventory.site.sending import read_retained  # noqa: PLC0415 - see above

    payload = read_retained(settings, "roster", Topics.roster(settings.prefix, site))
    if not payload:
        echo(f"{site}: no roster is published")
        return
    if key is None:
        raise typer.BadParameter("must be given: without your key nobody knows whose roster it is", param_hint="--sign")
    try:
        found = verify_roster(payload, site, key)
    except MalformedMessage as fault:
        raise UnreadableInput(
            f"{Topics.roster(settings.prefix, site)}: devices do not take what is there: {fault}"
        ) from None
    if json_lines:
        print_json_lines([asdict(found)])
        return
    title = f"{site}: version {found.version}, {pluralize(len(found.operators), 'operator')}"
    rows = []
    for one in found.operators:
        forms = "all" if one.forms is None else ", ".join(one.forms)
        rows.append((one.name, one.number or "", ", ".join(one.spoken), one.language or "", forms))
    print_table(title, ("name", "number", "spoken", "language", "forms"), rows)
