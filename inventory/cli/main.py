"""`dockvoice inventory`: the receiving side's commands. Listing them imports no database module."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress as Bar

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import DockvoiceError, UnreadableInput
from dockvoice_protocol.hash_chain import (
    Acknowledgement,
    BadEvent,
    DefectKind,
    KnownFaults,
    format_fault_acknowledgement,
)
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.terminal.choices import choice_option
from dockvoice_protocol.terminal.tables import EscapingConsole, configure_logging, pluralize
from inventory.audit import audit
from inventory.cli.catalogue_commands import catalogue_commands, roster
from inventory.cli.clip_commands import clip_commands
from inventory.cli.device_commands import device_commands
from inventory.cli.options import (
    Config,
    Database,
    Given,
    GroupOptions,
    Json,
    echo,
    parse_device_argument,
    print_json_lines,
    print_table,
    settings_of,
    subcommand,
    user_name,
)
from inventory.cli.review_commands import flag_commands, review_commands
from inventory.cli.trailer_commands import dossier, expect
from inventory.store.keys import KeyDirectory

if TYPE_CHECKING:
    from inventory.records import DeviceBuffer, DeviceProgress, Row
    from inventory.repository import Store
    from inventory.store.outbox import PendingKind

commands = typer.Typer()
_audits = typer.Typer(help="Show that what the devices wrote was not changed afterwards.", no_args_is_help=True)
commands.add_typer(_audits, name="audit")
_keys_commands = typer.Typer(help="Which devices may enter, and with which keys.", no_args_is_help=True)
commands.add_typer(_keys_commands, name="keys")
commands.add_typer(device_commands, name="devices")
commands.add_typer(review_commands, name="review")
commands.add_typer(catalogue_commands, name="catalogue")
commands.add_typer(flag_commands, name="flags")
commands.add_typer(clip_commands, name="clips")
subcommand(commands, short_help="What is expected at trailers and doors, for the devices.", broker=True)(expect)
subcommand(commands, short_help="Who may sign on at a site, for its devices.", broker=True)(roster)
subcommand(commands, short_help="What a trailer was to bring and brought, in one signed file.")(dossier)


class _Work(StrEnum):
    """Kinds in the outbox that are no messages; `inventory.store.outbox` would import SQLAlchemy here."""

    ERP_POSTING = "erp_posting"
    DOSSIER = "dossier"


_MAX_EVENT_NUMBER = 9_999_999_999  # The highest number of an event: ten digits, as in schemas/events.


@commands.callback(invoke_without_command=True, short_help="Apply each entry once, and answer with a receipt.")
def inventory(
    context: typer.Context,
    config: Config = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="HOST:PORT", help="The MQTT broker, for example localhost:1883.")
    ] = None,
    database: Database = None,
) -> None:
    """Receive entries from the broker, apply each one once, and answer with a receipt.

    Without a subcommand it runs until it is told to stop (Ctrl-C, or SIGTERM), and can be stopped at any moment: what
    it had not committed comes again. With no --database the entries go to an SQLite file, inventory.db in the state
    directory. `rows`, `count` and `gaps` look into the tables, also while it runs.

    Options win over the environment (DOCKVOICE_INVENTORY_MQTT__HOST and so on), which wins over the file.
    """
    context.obj = GroupOptions(config, database)
    if context.invoked_subcommand is None:
        configure_logging(sys.stderr, logging.INFO, "%(asctime)s %(levelname)s %(message)s")
        from inventory.cli.service import serve  # noqa: PLC0415 - `--help` must not import SQLAlchemy

        serve(settings_of(config, broker=broker, database=database))


@subcommand(commands, short_help="Show the entries in the order in which they came.")
def rows(
    given: Given,
    json_lines: Json = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, max=_MAX_EVENT_NUMBER, metavar="N", help="Only the latest N.")
    ] = None,
) -> None:
    """Show the entries in the order in which they came, amended and cancelled ones included.

    With --json one object a line: event_id, site, device, sequence, form, fields, operator, recorded_at, received_at,
    state (current, amended or cancelled) and replaces.
    """
    with given.open_store() as store:
        found = store.rows(limit)
    if json_lines:
        print_json_lines(map(_to_json, found))
    else:
        _print_entries(found)


@subcommand(commands)
def count(given: Given, as_json: Json = False) -> None:
    """Count what is in the tables.

    rows: entries that stand. amended, cancelled: entries that no longer do. events: events applied. repeated: entries
    beyond the first of one utterance, which must be 0. refused: events that broke a rule when it was their turn.
    rejected: messages kept aside because they are not events, or used a number or an id that was had before. waiting:
    events that consumers who share the work hold until what comes before them is here, of how many devices, since when.
    """
    with given.open_store() as store:
        counts, waiting = asdict(store.count()), store.batches.count_waiting()
    if as_json:
        since = None if waiting.since is None else rfc3339(waiting.since)
        echo(json.dumps({**counts, "waiting": {**asdict(waiting), "since": since}}))
        return
    for name, number in counts.items():
        echo(f"{name:<10}{number:>8}")
    if waiting.since is not None:
        of_whom = f"of {pluralize(waiting.devices, 'device')}, since {waiting.since:%Y-%m-%d %H:%M:%S} UTC"
        echo(f"{'waiting':<10}{waiting.events:>8}  {of_whom}")


_Key = Annotated[
    list[Path] | None, typer.Option("--key", metavar="FILE", help="A device's public key; may be given repeatedly.")
]
_Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="DIR", help="All public keys, *.pem, in there; unset: those enrolled here."),
]


@subcommand(_audits, "verify", short_help="Is what each device sent still as it was signed?")
def _audit_verify(
    given: Given,
    device: Annotated[
        str | None, typer.Option("--device", metavar="SITE/DEVICE", help="Only this one; without: all of them.")
    ] = None,
    key: _Key = None,
    keys: _Keys = None,
    acknowledged: Annotated[
        Path | None, typer.Option("--acknowledged", metavar="FILE", help="What is known to be wrong.")
    ] = None,
    by: Annotated[
        list[Path] | None,
        typer.Option("--by", metavar="FILE", help="The public key of who may acknowledge; may be given repeatedly."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Follow the events of each device as they came: links, signatures, gaps, and the entries made of them.

    Names the first event with which something is wrong. Exit code 1 for that, and for what nothing shows to be whole:
    an entry that the device withheld, an entry without an event, events out of turn, a device without events, a key
    that signed none. None but the keys that are given may have signed, else those that are enrolled here, each for its
    own device, and every event must be signed. Where no key is there at all, nothing is checked but links, and that is
    1 too. `dockvoice audit key` on a device prints its public key.
    """
    known = audit.load_trusted_keys(key or (), keys, given.settings.keys)
    words, trusted = (
        audit.read_acknowledgements(acknowledged),
        {one.keyid: one for one in map(audit.read_public_key, by or ())},
    )
    with given.open_store() as store:
        reports = [
            _audit_with_progress(store, of, known, KnownFaults(words, trusted, f"{of.site}/{of.device}"))
            for of in audit.find_devices(store, device)
        ]
    for report in reports:
        echo(json.dumps(report.as_json()) if as_json else "\n".join(report.text_lines()))
    signed = {span.keyid for report in reports for span in report.spans}
    looked_at_all = not device and not any(report.broken for report in reports)
    idle = sorted(known.awaited - signed) if known is not None and looked_at_all else []
    for keyid in idle:
        nothing = {"whole": False, "keyid": keyid, "events": 0}
        echo(json.dumps(nothing) if as_json else f"{keyid}: NO EVENT is signed with this key")
    if not reports and not as_json:
        echo("NO EVENT of any device is here")
    if idle or not reports or not all(report.is_whole for report in reports):
        raise typer.Exit(1)


@subcommand(_audits, "acknowledge", short_help="What is wrong there is known: go on behind it.")
def audit_acknowledge(
    given: Given,
    sequence: Annotated[int, typer.Argument(metavar="NUMBER", help="Where `verify` finds something wrong.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is known to be wrong; a line is added to it.")],
    *,
    device: Annotated[str, typer.Option("--device", metavar="SITE/DEVICE", help="Of which device.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with your name.")],
    sign: Annotated[Path, typer.Option("--sign", metavar="FILE", help="Your private key: Ed25519, PEM.")],
    key: _Key = None,
    keys: _Keys = None,
) -> None:
    """Say that what `verify` finds wrong at this event is known, and why: from then on it goes on behind it.

    Give the same keys as to `verify`, or none as there. It excuses what is wrong there now, and nothing that is changed
    afterwards.
    `openssl genpkey -algorithm ed25519` makes a private key, and `openssl pkey -pubout` the public one of it, for
    `verify --acknowledged FILE --by PUBLIC.pem`.
    """
    signer = audit.load_signer(sign)
    words = audit.read_acknowledgements(file if file.exists() else None)
    known = KnownFaults(words, {signer.public.keyid: signer.public}, device)
    with given.open_store() as store:
        (of,) = audit.find_devices(store, device)
        report = _audit_with_progress(store, of, audit.load_trusted_keys(key or (), keys, given.settings.keys), known)
    wrong = report.broken or next((BadEvent(number, DefectKind.WITHHELD) for number in report.withheld), None)
    if wrong is None or wrong.sequence != sequence or report.found is None:
        at = "nothing is wrong" if wrong is None else f"the first thing wrong is at {wrong.sequence}"
        raise UnreadableInput(f"{sequence}: {at}; `dockvoice inventory audit verify` tells what can be acknowledged")
    who, at = user_name(), rfc3339(datetime.now(UTC))
    word = Acknowledgement(device, sequence, wrong.wrong, report.found, who, reason, at).signed(signer)
    try:
        with plain_file.open_owner_only(file, "a") as kept:
            kept.write(format_fault_acknowledgement(word).encode())
    except OSError as fault:
        raise UnreadableInput(f"{file}: {fault.strerror}; name a file that can be written") from None
    typer.echo(f"{device} {sequence}: acknowledged; {wrong.wrong.message}")


def _audit_with_progress(
    store: Store, of: DeviceProgress, believed: audit.TrustedKeys | None, known: KnownFaults
) -> audit.AuditReport:
    """Audit one device, with a progress bar on a terminal."""
    keys = None if believed is None else believed.keys_of(of.site, of.device)
    console = EscapingConsole(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{of.site}/{of.device}", total=of.handled)
        tell = lambda done: bar.update(task, completed=done)  # noqa: E731
        return audit.audit_device(store, of, keys, tell, known_faults=known)


_Directory = Annotated[
    Path | None, typer.Option("--directory", metavar="DIR", help="Where the keys are, over the settings.")
]
_Which = Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="For example north/dock-3.")]
_KeyFile = Annotated[
    Path, typer.Argument(metavar="FILE", readable=False, help="What `dockvoice audit key` printed on the device.")
]


@subcommand(_keys_commands, "enrol", short_help="Let a device enter.", database=False)
def _keys_enrol(given: Given, device: _Which, file: _KeyFile, directory: _Directory = None) -> None:
    """Take the events of a device that are signed with this key. Works beside a running inventory, at once.

    `dockvoice audit key` on the device prints its key and the key's id: compare the id with the one printed here.
    """
    key = audit.read_public_key(file)
    enrolled = _key_directory(given, directory).enrol(*parse_device_argument(device), key)
    echo(f"{enrolled.site}/{enrolled.device}: enters with key {enrolled.keyid}")
    if floors := _load_published_versions(given, enrolled.site):
        named = ", ".join(f"{json.dumps(name) if '/' in name else name} = {one}" for name, one in floors.items())
        echo(f"for [deliver] of its settings, so that it takes nothing older: floors = {{ {named} }}")


def _load_published_versions(given: Given, site: str) -> dict[str, int]:
    """The last published versions at a site, in the format of a device's settings; empty without a database."""
    try:
        with given.open_store() as store:
            from inventory.site.numbering import last_published_versions  # noqa: PLC0415 - `--help` must not import SQLAlchemy

            with store.transaction() as transaction:
                found = last_published_versions(transaction, site)
            lists = [
                one.expected.version
                for one in store.expected_lists()
                if one.expected.site == site and one.expected.lines
            ]
    except DockvoiceError:  # keys are files: enrolling works without a database
        return {}
    named = {name if name == "roster" else f"catalogue/{name}": one for name, one in sorted(found.items())}
    return named | ({"expected": min(lists)} if lists else {})


@subcommand(_keys_commands, "rotate", short_help="Take a new key in the place of a device's others.")
def _keys_rotate(
    given: Given,
    device: _Which,
    file: _KeyFile,
    upto: Annotated[
        int | None,
        typer.Option(
            "--upto",
            metavar="N",
            min=0,
            max=_MAX_EVENT_NUMBER,
            help="The last number that the old key signed; unset: as handled here.",
        ),
    ] = None,
    directory: _Directory = None,
) -> None:
    """Take a new key in the place of a device's others, which count for what they signed before and for nothing later.

    Let the device send what it owes first (`dockvoice queue unsettled`), then move its device.key away and start it.
    """
    key = audit.read_public_key(file)
    site, name = parse_device_argument(device)
    if upto is None:
        with given.open_store() as store:
            found = [of.handled for of in store.progress() if (of.site, of.device) == (site, name)]
        upto = found[0] if found else 0
    keys = _key_directory(given, directory)
    enrolled = keys.rotate(site, name, key, upto)
    upto = max((one.last for one in keys.keys_of(site, name).values() if one.last is not None), default=upto)
    echo(f"{device}: enters with key {enrolled.keyid}; its keys before count up to number {upto}")


@subcommand(_keys_commands, "revoke", short_help="Let a device, or one of its keys, enter no more.", database=False)
def _keys_revoke(
    given: Given,
    device: _Which,
    keyid: Annotated[str | None, typer.Option("--keyid", metavar="ID", help="This key; unset: all it has.")] = None,
    directory: _Directory = None,
) -> None:
    """Let nothing more enter that is signed with the key: it was stolen, or the device is gone. Takes effect at once.

    What was applied before stays, and its signatures can still be checked.
    """
    gone = _key_directory(given, directory).revoke(*parse_device_argument(device), keyid)
    echo(f"{device}: revoked {', '.join(one.keyid for one in gone) or 'before; nothing to do'}")


@subcommand(_keys_commands, "list", short_help="Which devices may enter, and with which keys.", database=False)
def _keys_list(given: Given, directory: _Directory = None, json_lines: Json = False) -> None:
    """Show the keys that are enrolled. With --json one object a line: site, device, keyid, state and public_key."""
    found = _key_directory(given, directory).all()
    if json_lines:
        for one in found:
            shown = {name: getattr(one, name) for name in ("site", "device", "keyid", "state")}
            print_json_lines([{**shown, "public_key": one.key.pem.decode("ascii")}])
        return
    rows = ((f"{one.site}/{one.device}", one.keyid, one.state) for one in found)
    print_table(pluralize(len(found), "key"), ("device", "key", "state"), rows)


def _key_directory(given: Given, directory: Path | None) -> KeyDirectory:
    return KeyDirectory(directory or given.settings.keys)


@subcommand(commands, short_help="How far each device has come, and what is missing.")
def gaps(given: Given, json_lines: Json = False) -> None:
    """Show how far the events of each device have come, and which are missing.

    A device sends again what is missing, by itself, as soon as it can reach the broker. With --json one object a line:
    site, device, handled (applied or refused, without a gap), highest (ever seen), missing ([from, to] or null),
    heard_at and held: how many events of those are here and wait for the ones before them, the number of the first, and
    since when; or null.
    """
    with given.open_store() as store:
        found, held = store.progress(), store.batches.count_waiting_by_device()
    if json_lines:
        for progress in found:
            waits = held.get((progress.site, progress.device))
            shown = {**asdict(progress), "missing": progress.missing, "heard_at": rfc3339(progress.heard_at)}
            print_json_lines([{**shown, "held": waits and {**asdict(waits), "since": rfc3339(waits.since)}}])
    else:
        _print_gaps(found, held)


@subcommand(commands, short_help="What is to be published or posted, and not confirmed.")
def pending(
    given: Given,
    json_lines: Json = False,
    drop: Annotated[
        _Work | None,
        choice_option(
            _Work, "--drop", help="Delete what is pending for a connector or a folder out of use; asks before."
        ),
    ] = None,
) -> None:
    """Show by kind what no broker has taken, a device lacks, another system has not got or no folder holds yet.

    decision, declined_posting, clip_request, expected_list, catalogue, roster go to devices; the service publishes
    them. erp_posting goes to another system; its connector posts it. dossier: a trailer whose file the service writes,
    or looks whether it is to be written anew. How many wait, since when, the most attempts of
    one, and the last error. Exit code 1 where one waits for more than ten minutes, of which the service and the console
    warn too. With --json one object a line.
    """
    with given.open_store() as store:
        found = store.outbox.count_pending_by_kind()
        if drop is not None:
            _confirm_and_drop_work(store, drop, found)
            return
    stuck = [one for one in found if one.is_stuck(datetime.now(UTC))]
    if json_lines:
        print_json_lines({**asdict(one), "oldest": rfc3339(one.oldest), "stuck": one in stuck} for one in found)
    else:
        rows = []
        for one in found:
            since = f"{one.oldest:%Y-%m-%d %H:%M:%S}{' STUCK' if one in stuck else ''}"
            rows.append((one.kind, str(one.number), since, str(one.attempts), one.error or ""))
        title = f"{sum(one.number for one in found):,} pending"
        print_table(title, ("kind", "number", "since, UTC", "attempts", "error"), rows)
    if stuck:
        raise typer.Exit(1)


def _confirm_and_drop_work(store: Store, kind: _Work, found: list[PendingKind]) -> None:
    for one in found:
        if one.kind == kind:
            echo(f"{kind}: {one.number:,}, the oldest since {rfc3339(one.oldest)}; {one.error or 'no error'}")
    typer.confirm("Delete these rows? What is still to be done is found again when its program next runs", abort=True)
    echo(f"dropped: {store.outbox.drop(kind):,}")


def _to_json(row: Row) -> dict[str, object]:
    moments = {"recorded_at": rfc3339(row.recorded_at), "received_at": rfc3339(row.received_at)}
    return {**asdict(row), **moments}


def _print_entries(found: list[Row]) -> None:
    signed = any(row.operator for row in found)  # without signed-on operators the column is left out
    headings = ("device", "number", "recorded, UTC", "entry", *(["operator"] if signed else []), "state")
    rows = (
        (
            f"{row.site}/{row.device}",
            str(row.sequence),
            f"{row.recorded_at:%Y-%m-%d %H:%M:%S}",
            f"{row.form} {' '.join(f'{name}={value}' for name, value in row.fields.items())}",
            *([row.operator or ""] if signed else []),
            row.state,
        )
        for row in found
    )
    print_table(pluralize(len(found), "entry", "entries"), headings, rows)


def _print_gaps(found: list[DeviceProgress], held: Mapping[tuple[str, str], DeviceBuffer]) -> None:
    lacking = sum(progress.missing is not None for progress in found)
    headings = ("device", "handled up to", "missing", *(["held of these, UTC"] if held else []), "last heard, UTC")
    rows = []
    for progress in found:
        missing = "" if progress.missing is None else "{} to {}".format(*progress.missing)
        waits = held.get((progress.site, progress.device))
        shown = "" if waits is None else f"{waits.events}, from {waits.first} on, since {waits.since:%Y-%m-%d %H:%M:%S}"
        name, heard = f"{progress.site}/{progress.device}", f"{progress.heard_at:%Y-%m-%d %H:%M:%S}"
        rows.append((name, str(progress.handled), missing, *([shown] if held else []), heard))
    print_table(f"{pluralize(len(found), 'device')}, {lacking} with a gap", headings, rows)
