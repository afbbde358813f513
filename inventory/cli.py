"""`dockvoice inventory`: the receiving side's commands. To list them loads no database."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import Progress as Bar
from rich.table import Table

from edge.config import broker_address, load
from edge.console import SafeConsole, log_to, many, show
from edge.deliver.decision import ReviewDecision, signed
from edge.deliver.events import Topics, encode, timestamp
from edge.errors import UnreadableInput
from edge.hash_chain import Acknowledged, Acknowledgement, Broken, Wrong, acknowledgement_line
from edge.plain_text import in_lines
from inventory import audit
from inventory.keys import KeyDirectory, device_named
from inventory.settings import InventorySettings

if TYPE_CHECKING:
    from edge.hash_chain import PublicKey
    from inventory.records import Progress, Row
    from inventory.store import Store

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        readable=False,
        help="Settings file; every key is explained in config/inventory.toml.",
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="SQLAlchemy URL: sqlite:////path/inventory.db or postgresql+psycopg://user@host/name. "
        "A password in it can be seen by every user of the machine: better in DOCKVOICE_INVENTORY_DATABASE.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table for people.")]

commands = typer.Typer()
audits = typer.Typer(help="Show that what the devices wrote was not changed afterwards.", no_args_is_help=True)
commands.add_typer(audits, name="audit")
keys_commands = typer.Typer(help="Which devices may enter, and with which keys.", no_args_is_help=True)
commands.add_typer(keys_commands, name="keys")
review_commands = typer.Typer(help="What waits for a person on the devices.", no_args_is_help=True)
commands.add_typer(review_commands, name="review")

MOST = 9_999_999_999  # The highest number of an event: ten digits, as schemas/events has them.


@dataclass(frozen=True, slots=True)
class Given:
    """The options before the subcommand; those behind it win."""

    config: Path | None = None
    database: str | None = None


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
    context.obj = Given(config, database)
    if context.invoked_subcommand is None:
        log_to(sys.stderr, logging.INFO, "%(asctime)s %(levelname)s %(message)s")
        _consume(_settings(config, broker=broker, database=database))


@commands.command(short_help="Show the entries in the order in which they came.")
def rows(
    context: typer.Context,
    config: Config = None,
    database: Database = None,
    json_lines: Json = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, max=MOST, metavar="N", help="Only the latest N.")
    ] = None,
) -> None:
    """Show the entries in the order in which they came, amended and cancelled ones included.

    With --json one object a line: event_id, site, device, sequence, form, fields, operator, recorded_at, received_at,
    state (current, amended or cancelled) and replaces.
    """
    with _looking(context, config, database) as store:
        found = store.rows(limit)
    if json_lines:
        for row in found:
            _say(json.dumps(_plain(row), ensure_ascii=False))
    else:
        show(_table(found))


@review_commands.command("list", short_help="What waits for a person on the devices.")
def review_list(
    context: typer.Context,
    config: Config = None,
    database: Database = None,
    json_lines: Json = False,
    every: Annotated[bool, typer.Option("--all", help="Also what was decided, and how.")] = False,
) -> None:
    """Show what the devices have put aside for a person, with what is known of it, the oldest first.

    A device tells it again at each connection. `dockvoice queue accept` and `discard` on the device decide about it,
    also while its agent runs; so does its operator, who asks "what is open?". With --json one object a line.
    """
    from inventory.reviews import as_json  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy

    with _looking(context, config, database) as store:
        found = store.reviews(every=every)
    if json_lines:
        for one in found:
            _say(json.dumps(as_json(one), ensure_ascii=False))
        return
    table = _narrow(many(len(found), "review"))
    for heading in ("device", "told, UTC", "state", "known", "doubtful", "utterance"):
        table.add_column(heading)
    for one in found:
        table.add_row(
            f"{one.site}/{one.device}",
            f"{one.told_at:%Y-%m-%d %H:%M:%S}",
            one.state if one.decided_by is None else f"{one.state} by {one.decided_by}",
            f"{one.form} " + " ".join(f"{name}={value}" for name, value in one.fields.items()),
            " ".join(f"{name}:{why}" for name, why in one.doubtful.items()) or one.reason or "",
            one.utterance_id,
        )
    show(table)


Utterance = Annotated[str, typer.Argument(metavar="UTTERANCE", help="Its id, as `review list` shows it.")]
Sign = Annotated[Path, typer.Option("--sign", metavar="FILE", readable=False, help="Your private key: Ed25519, PEM.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with your name.")]
BrokerAt = Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="The MQTT broker.")]


@review_commands.command("accept", short_help="It is as it was understood.")
def review_accept(
    context: typer.Context,
    utterance: Utterance,
    sign: Sign,
    reason: Why,
    broker: BrokerAt = None,
    config: Config = None,
    database: Database = None,
) -> None:
    """Let the device record it as it was understood. The device must name the public key in deliver.decisions_key.

    The device takes a decision once, while it is still open there as it is shown here, and tells the operator; `review
    list --all` shows what became of it. `openssl genpkey -algorithm ed25519` makes a key.
    """
    _decide(context, "accept", utterance, (), sign, reason, broker, config, database)


@review_commands.command("correct", short_help="It is with these values.")
def review_correct(
    context: typer.Context,
    utterance: Utterance,
    field: Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="What was said; repeatable.")],
    sign: Sign,
    reason: Why,
    broker: BrokerAt = None,
    config: Config = None,
    database: Database = None,
) -> None:
    """Let the device record it with these values over what was understood; else as `accept`."""
    _decide(context, "correct", utterance, field, sign, reason, broker, config, database)


@review_commands.command("discard", short_help="It is given up.")
def review_discard(
    context: typer.Context,
    utterance: Utterance,
    sign: Sign,
    reason: Why,
    broker: BrokerAt = None,
    config: Config = None,
    database: Database = None,
) -> None:
    """Let the device give it up; else as `accept`."""
    _decide(context, "discard", utterance, (), sign, reason, broker, config, database)


def _decide(
    context: typer.Context,
    decision: str,
    utterance: str,
    fields: Sequence[str],
    sign: Path,
    reason: str,
    broker: str | None,
    config: Path | None,
    database: str | None,
) -> None:
    from inventory.reviews import send  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy

    signer = audit.Auditor(sign)
    values = dict(one.partition("=")[::2] for one in fields)
    if wrong := [one for one in fields if "=" not in one or not one.partition("=")[2]]:
        raise typer.BadParameter(f"found {wrong[0]!r}, allowed is NAME=VALUE", param_hint="--field")
    with _looking(context, config, database) as store:
        found = [one for one in store.reviews() if one.utterance_id == utterance]
    if not found:
        raise UnreadableInput(f"{utterance}: waits on no device; `dockvoice inventory review list` shows what does")
    (review,) = found
    given = context.find_object(Given) or Given()
    settings = _settings(config or given.config, broker=broker, database=database or given.database)
    who = os.environ.get("SUDO_USER") or getpass.getuser()
    topics = Topics(settings.prefix, review.site, review.device)
    told = ReviewDecision(topics.source, review.event_id, utterance, decision, values, who, reason)
    send(settings, topics.decisions, encode(signed(told, signer, datetime.now(UTC))))
    _say(f"{utterance}: sent to {review.site}/{review.device}; `review list --all` shows what became of it")


@commands.command()
def count(context: typer.Context, config: Config = None, database: Database = None, as_json: Json = False) -> None:
    """Count what is in the tables.

    rows: entries that stand. amended, cancelled: entries that no longer do. events: events applied. repeated: entries
    beyond the first of one utterance, which must be 0. refused: events that broke a rule when it was their turn.
    rejected: messages kept aside because they are not events, or used a number or an id that was had before.
    """
    with _looking(context, config, database) as store:
        counts = asdict(store.count())
    if as_json:
        _say(json.dumps(counts))
        return
    for name, number in counts.items():
        _say(f"{name:<10}{number:>8}")


Key = Annotated[
    list[Path] | None, typer.Option("--key", metavar="FILE", help="A device's public key; may be given repeatedly.")
]
Keys = Annotated[Path | None, typer.Option("--keys", metavar="DIR", help="All public keys, *.pem, in there.")]
UnsignedUntil = Annotated[
    int,
    typer.Option(
        "--unsigned-until", min=0, metavar="NUMBER", help="The last event from before events were signed; none else."
    ),
]


@audits.command("verify", short_help="Is what each device sent still as it was signed?")
def audit_verify(
    context: typer.Context,
    device: Annotated[
        str | None, typer.Option("--device", metavar="SITE/DEVICE", help="Only this one; without: all of them.")
    ] = None,
    key: Key = None,
    keys: Keys = None,
    unsigned_until: UnsignedUntil = 0,
    acknowledged: Annotated[
        Path | None, typer.Option("--acknowledged", metavar="FILE", help="What is known to be wrong.")
    ] = None,
    by: Annotated[
        list[Path] | None,
        typer.Option("--by", metavar="FILE", help="The public key of who may acknowledge; may be given repeatedly."),
    ] = None,
    config: Config = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Follow the events of each device as they came: links, signatures, gaps, and the entries made of them.

    Names the first event with which something is wrong. Exit code 1 for that, and for what nothing shows to be whole:
    an entry that the device withheld, an entry without an event, events out of turn, a device without events, a key
    that signed none. `dockvoice audit key` on a device prints its public key. Where keys are given, none but they may
    have signed, and every event must be; without any, signatures are not checked.
    """
    known = audit.read_keys(key or (), keys)
    words, trusted = audit.read_acknowledgements(acknowledged), audit.read_keys(by or (), None) or {}
    with _looking(context, config, database) as store:
        reports = [
            _audited(store, of, known, unsigned_until, Acknowledged(words, trusted, f"{of.site}/{of.device}"))
            for of in audit.devices(store, device)
        ]
    for report in reports:
        _say(json.dumps(report.as_json()) if as_json else "\n".join(report.lines()))
    signed = {span.keyid for report in reports for span in report.spans}
    idle = [] if device or known is None or any(report.broken for report in reports) else sorted({*known} - signed)
    for keyid in idle:
        nothing = {"whole": False, "keyid": keyid, "events": 0}
        _say(json.dumps(nothing) if as_json else f"{keyid}: NO EVENT is signed with this key")
    if not reports and not as_json:
        _say("NO EVENT of any device is here")
    if idle or not reports or not all(report.whole for report in reports):
        raise typer.Exit(1)


@audits.command("acknowledge", short_help="What is wrong there is known: go on behind it.")
def audit_acknowledge(
    context: typer.Context,
    sequence: Annotated[int, typer.Argument(metavar="NUMBER", help="Where `verify` finds something wrong.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is known to be wrong; a line is added to it.")],
    *,
    device: Annotated[str, typer.Option("--device", metavar="SITE/DEVICE", help="Of which device.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with your name.")],
    sign: Annotated[Path, typer.Option("--sign", metavar="FILE", help="Your private key: Ed25519, PEM.")],
    key: Key = None,
    keys: Keys = None,
    unsigned_until: UnsignedUntil = 0,
    config: Config = None,
    database: Database = None,
) -> None:
    """Say that what `verify` finds wrong at this event is known, and why: from then on it goes on behind it.

    Give the same keys as to `verify`. It excuses what is wrong there now, and nothing that is changed afterwards.
    `openssl genpkey -algorithm ed25519` makes a private key, and `openssl pkey -pubout` the public one of it, for
    `verify --acknowledged FILE --by PUBLIC.pem`.
    """
    signer = audit.Auditor(sign)
    words = audit.read_acknowledgements(file if file.exists() else None)
    known = Acknowledged(words, {signer.public.keyid: signer.public}, device)
    with _looking(context, config, database) as store:
        (of,) = audit.devices(store, device)
        report = _audited(store, of, audit.read_keys(key or (), keys), unsigned_until, known)
    wrong = report.broken or next((Broken(number, Wrong.WITHHELD) for number in report.withheld), None)
    if wrong is None or wrong.sequence != sequence or report.found is None:
        at = "nothing is wrong" if wrong is None else f"the first thing wrong is at {wrong.sequence}"
        raise UnreadableInput(f"{sequence}: {at}; `dockvoice inventory audit verify` tells what can be acknowledged")
    who, at = os.environ.get("SUDO_USER") or getpass.getuser(), timestamp(datetime.now(UTC))
    word = Acknowledgement(device, sequence, wrong.wrong, report.found, who, reason, at).signed(signer)
    try:
        with file.open("a", encoding="utf-8") as kept:
            kept.write(acknowledgement_line(word))
    except OSError as fault:
        raise UnreadableInput(f"{file}: {fault.strerror}; name a file that can be written") from None
    typer.echo(f"{device} {sequence}: acknowledged; {wrong.wrong.told}")


def _audited(
    store: Store, of: Progress, keys: Mapping[str, PublicKey] | None, unsigned_until: int, known: Acknowledged
) -> audit.Report:
    """The audit of one device, with a bar on a terminal."""
    console = SafeConsole(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{of.site}/{of.device}", total=of.handled)
        tell = lambda done: bar.update(task, completed=done)  # noqa: E731
        return audit.verify(store, of, keys, tell, unsigned_until=unsigned_until, known=known)


Directory = Annotated[
    Path | None,
    typer.Option("--directory", metavar="DIR", help="Where the keys are, over the settings."),
]
Which = Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="For example north/dock-3.")]
KeyFile = Annotated[
    Path, typer.Argument(metavar="FILE", readable=False, help="What `dockvoice audit key` printed on the device.")
]


@keys_commands.command("enrol", short_help="Let a device enter.")
def keys_enrol(
    context: typer.Context, device: Which, file: KeyFile, config: Config = None, directory: Directory = None
) -> None:
    """Take the events of a device that are signed with this key. Works beside a running inventory, at once.

    `dockvoice audit key` on the device prints its key and the key's id: compare the id with the one that is told here.
    """
    key = audit.read_key(file)
    enrolled = _keys(context, config, directory).enrol(*_device(device), key)
    _say(f"{enrolled.site}/{enrolled.device}: enters with key {enrolled.keyid}")


@keys_commands.command("rotate", short_help="Take a new key in the place of a device's others.")
def keys_rotate(
    context: typer.Context,
    device: Which,
    file: KeyFile,
    upto: Annotated[
        int | None,
        typer.Option(
            "--upto",
            metavar="N",
            min=0,
            max=MOST,
            help="The last number that the old key signed; unset: as handled here.",
        ),
    ] = None,
    config: Config = None,
    database: Database = None,
    directory: Directory = None,
) -> None:
    """Take a new key in the place of a device's others, which count for what they signed before and for nothing later.

    Let the device send what it owes first (`dockvoice queue unsettled`), then move its device.key away and start it.
    """
    key = audit.read_key(file)
    site, name = _device(device)
    if upto is None:
        with _looking(context, config, database) as store:
            found = [of.handled for of in store.progress() if (of.site, of.device) == (site, name)]
        upto = found[0] if found else 0
    keys = _keys(context, config, directory)
    enrolled = keys.rotate(site, name, key, upto)
    upto = max((one.last for one in keys.of(site, name).values() if one.last is not None), default=upto)
    _say(f"{device}: enters with key {enrolled.keyid}; its keys before count up to number {upto}")


@keys_commands.command("revoke", short_help="Let a device, or one of its keys, enter no more.")
def keys_revoke(
    context: typer.Context,
    device: Which,
    keyid: Annotated[str | None, typer.Option("--keyid", metavar="ID", help="This key; unset: all it has.")] = None,
    config: Config = None,
    directory: Directory = None,
) -> None:
    """Let nothing more enter that is signed with the key: it was stolen, or the device is gone. Takes effect at once.

    What was applied before stays, and its signatures can still be checked.
    """
    gone = _keys(context, config, directory).revoke(*_device(device), keyid)
    _say(f"{device}: revoked {', '.join(one.keyid for one in gone) or 'before; nothing to do'}")


@keys_commands.command("list", short_help="Which devices may enter, and with which keys.")
def keys_list(
    context: typer.Context, config: Config = None, directory: Directory = None, json_lines: Json = False
) -> None:
    """Show the keys that are enrolled. With --json one object a line: site, device, keyid, state and public_key."""
    found = _keys(context, config, directory).all()
    if json_lines:
        for one in found:
            told = {name: getattr(one, name) for name in ("site", "device", "keyid", "state")}
            _say(json.dumps({**told, "public_key": one.key.pem.decode("ascii")}))
        return
    table = _narrow(many(len(found), "key"))
    for heading in ("device", "key", "state"):
        table.add_column(heading)
    for one in found:
        table.add_row(f"{one.site}/{one.device}", one.keyid, one.state)
    show(table)


def _device(given: str) -> tuple[str, str]:
    try:
        return device_named(given)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="SITE/DEVICE") from None


def _keys(context: typer.Context, config: Path | None, directory: Path | None) -> KeyDirectory:
    given = context.find_object(Given) or Given()
    return KeyDirectory(directory or _settings(config or given.config).keys)


@commands.command(short_help="How far each device has come, and what is missing.")
def gaps(context: typer.Context, config: Config = None, database: Database = None, json_lines: Json = False) -> None:
    """Show how far the events of each device have come, and which are missing.

    A device sends again what is missing, by itself, as soon as it can reach the broker. With --json one object a line:
    site, device, handled (applied or refused, without a gap), highest (ever seen), missing ([from, to] or null) and
    heard_at.
    """
    with _looking(context, config, database) as store:
        found = store.progress()
    if json_lines:
        for progress in found:
            told = {**asdict(progress), "missing": progress.missing, "heard_at": timestamp(progress.heard_at)}
            _say(json.dumps(told))
    else:
        show(_gaps(found))


@contextmanager
def _looking(context: typer.Context, config: Path | None, database: str | None) -> Iterator[Store]:
    given = context.find_object(Given) or Given()
    settings = _settings(config or given.config, database=database or given.database)
    from inventory.store import Store  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy

    with closing(Store.open(settings.database_url, create=False)) as store:
        yield store


def _settings(config: Path | None, *, broker: str | None = None, database: str | None = None) -> InventorySettings:
    overrides: dict[str, Any] = {}
    if broker is not None:
        overrides["mqtt"] = broker_address(broker)
    if database is not None:
        overrides["database"] = database
    return load(InventorySettings, config, **overrides)


def _consume(settings: InventorySettings) -> None:
    from inventory.service import serve  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy

    serve(settings)


def _say(told: str) -> None:
    typer.echo(in_lines(told))


def _plain(row: Row) -> dict[str, object]:
    moments = {"recorded_at": timestamp(row.recorded_at), "received_at": timestamp(row.received_at)}
    return {**asdict(row), **moments}


def _table(found: list[Row]) -> Table:
    table = _narrow(many(len(found), "entry", "entries"))
    signed = any(row.operator for row in found)  # where nobody signs on, the room is the entries'
    for heading in ("device", "number", "recorded, UTC", "entry", *(["operator"] if signed else []), "state"):
        table.add_column(heading)
    for row in found:
        values = " ".join(f"{name}={value}" for name, value in row.fields.items())
        table.add_row(
            f"{row.site}/{row.device}",
            str(row.sequence),
            f"{row.recorded_at:%Y-%m-%d %H:%M:%S}",
            f"{row.form} {values}",
            *([row.operator or ""] if signed else []),
            row.state,
        )
    return table


def _narrow(title: str) -> Table:
    """A table without edges and with one blank between columns: 80 of them, or 60, are soon filled."""
    return Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )


def _gaps(found: list[Progress]) -> Table:
    lacking = sum(progress.missing is not None for progress in found)
    table = _narrow(f"{many(len(found), 'device')}, {lacking} with a gap")
    for heading in ("device", "handled up to", "missing", "last heard, UTC"):
        table.add_column(heading)
    for progress in found:
        missing = "" if progress.missing is None else "{} to {}".format(*progress.missing)
        table.add_row(
            f"{progress.site}/{progress.device}",
            str(progress.handled),
            missing,
            f"{progress.heard_at:%Y-%m-%d %H:%M:%S}",
        )
    return table
