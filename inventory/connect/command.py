"""`dockvoice connect`: posts entries into another system. Listing the commands imports no database module."""

from __future__ import annotations

import logging
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from typer.core import TyperGroup

from dockvoice_protocol import plain_file
from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured, Unfinished, UnreadableInput
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.terminal.tables import configure_logging, pluralize
from inventory.cli.options import Given, Json, echo, print_json_lines, print_table, subcommand
from inventory.connect.ports import (
    TEST_REFERENCE_PREFIX,
    Away,
    Declined,
    DeclineReason,
    Document,
    DocumentState,
    Posting,
    PulledData,
    PulledItem,
    ReversalReason,
    describe_omitted,
)

if TYPE_CHECKING:
    from inventory.connect.ledger import Ledger
    from inventory.connect.service import ConnectorService
    from inventory.connect.settings import ConnectionSettings

_DIRECTORY = Path("/etc/dockvoice/connect")
_UNIT = "EA"  # Unit of a test item if the other system reports no items.
_SHOWN = 20  # Most postings that `status` lists, and lines of a list or items elsewhere.

_ASKED_FOR = {DeclineReason.LOT_MISSING: "--lot", DeclineReason.PLACE_UNKNOWN: "--place"}
"""The option that supplies what a test receipt was declined for, by the reason."""


class _Named(TyperGroup):
    """`dockvoice connect NAME` is `dockvoice connect run NAME`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of that name; any other word is a connector's name, and becomes the argument of `run`."""
        is_name = bool(args) and args[0] not in self.commands and not args[0].startswith("-")
        return super().resolve_command(ctx, ["run", *args] if is_name else args)


commands = typer.Typer(cls=_Named, no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The connector: its file is NAME.toml.")]
_File = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        readable=False,
        help=f"The connector's settings; else NAME.toml in connect beside the inventory's, or in {_DIRECTORY}.",
    ),
]


@commands.callback(short_help="Post what was recorded into another system, once.")
def connect() -> None:
    """Post what devices record into another system: receipts, corrections, cancellations. Each once, whatever fails.

    In an afternoon: copy config/connect/tryton.toml to /etc/dockvoice/connect/tryton.toml and fill it in, then, each
    with --config /etc/dockvoice/inventory.toml, for it reads the inventory's own tables:

    \b
      dockvoice connect try tryton   # who answers, open orders; a test receipt
      dockvoice connect run tryton   # posts, until it is stopped
      dockvoice connect status       # posted, waiting, refused and why

    `dockvoice connect tryton` is `run tryton`. Secrets belong into a systemd credential or the environment:
    DOCKVOICE_CONNECT_TRYTON__PASSWORD.
    """  # noqa: D301 - "\\b" tells click to leave the lines below it as they are


@subcommand(commands, "run", short_help="Post, until it is stopped.")
def _run(given: Given, name: _Name, file: _File = None) -> None:
    """Post what is owed, and what comes, until it is told to stop (Ctrl-C, or SIGTERM). It can be killed at any moment.

    Before anything is posted it is looked whether it is there already, under the id of its event; afterwards whether it
    is there now. What the other system does not take is flagged (`dockvoice inventory flags`), and the operator who
    said it hears why. It is tried again when somebody says so: `dockvoice inventory flags keep EVENT --reason TEXT`.
    """
    settings, _ = _load_settings(name, file, given)
    configure_logging(sys.stderr, logging.INFO, "%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each request at INFO
    from inventory.connect.service import serve  # noqa: PLC0415 - `dockvoice --help` must not import SQLAlchemy

    serve(name, settings, given.settings)


@subcommand(commands, "try", short_help="Who answers there; one test receipt, taken back.")
def _try_out(
    given: Given,
    name: _Name,
    file: _File = None,
    item: Annotated[str | None, typer.Option("--item", metavar="CODE", help="Of what the test receipt is.")] = None,
    lot: Annotated[str | None, typer.Option("--lot", metavar="LOT", help="Its lot, where it needs one.")] = None,
    place: Annotated[str | None, typer.Option("--place", metavar="DOOR", help="Where it is received.")] = None,
    order: Annotated[
        str | None, typer.Option("--order", metavar="ORDER", help="For which order, as it is said.")
    ] = None,
    look_only: Annotated[bool, typer.Option("--look-only", help="Post nothing.")] = False,
) -> None:
    """Say who answers there and which orders are open, then post one test receipt of one unit and take it back.

    Both stay in the other system's books, as any receipt that was taken back does. Without --item it is the first item
    that needs no lot.
    """
    with _open_service(name, file, given) as service:
        connector = service.connector
        echo(connector.describe_system())
        pulled = connector.pull()
        _print_pulled(pulled)
        if look_only:
            return
        test = _test_posting(service.settings.site, _choose_item(pulled, item), lot, place, order)
        echo(f"test receipt: 1 {test.unit} of {test.item}, reference {test.reference}")
        why = ReversalReason(f"{test.reference}:test", False, None, test.recorded_at)
        try:
            made = connector.post(test, None)
        except Declined:
            for draft in connector.find(test) if connector.can_find else ():
                connector.reverse(test, draft, why)
            raise
        _require_state_and_print(
            connector.find(test) if connector.can_find else [made], DocumentState.DONE, f"{made.number} is posted"
        )
        back = connector.reverse(test, made, why)
        there = connector.find(test) if connector.can_find else [back]
        _require_state_and_print(there, DocumentState.REVERSED, f"{back.number} is taken back")


@subcommand(commands, "pull", short_help="What is there: open orders, items, operators.")
def _pull(
    given: Given,
    name: _Name,
    file: _File = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish to the devices what the settings name under pull.")
    ] = False,
) -> None:
    """Show what the other system knows: orders to be received by trailer, items with their units, operators.

    It says beforehand which lists would be published, which notices withdrawn, and what would change of items and
    operators: only such as this connector itself has published are taken out. With --publish the devices get it now,
    as they do every pull_minutes while the connector runs.
    """
    with _open_service(name, file, given) as service:
        if not publish:
            pulled = service.connector.pull()
            _print_pulled(pulled)
            _print_planned(service, pulled)
        elif not service.settings.pull:
            raise Misconfigured("pull names nothing; name there what is published: expected, items, operators")
        else:
            for message in service.pull_and_publish() or ["nothing has changed"]:
                echo(message)


@subcommand(commands, "status", short_help="What is posted, what waits, what was refused.")
def _status(
    given: Given,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this connector.")] = None,
    as_json: Json = False,
) -> None:
    """Count the postings of each connector, and show what waits or was refused, the oldest first.

    due: waits, or is tried again. posted. declined: a person must look. reversed: posted and taken back. void: nothing
    needed to be posted. With --json one object for each connector, with what is open under "open".
    """
    from inventory.connect.ledger import Ledger, load_connector_names  # noqa: PLC0415 - `dockvoice --help` must not import SQLAlchemy

    with given.open_store() as store:
        with store.transaction() as transaction:
            there = load_connector_names(transaction)
        if name is not None and name not in there:
            known = ", ".join(there) or "none"
            raise UnreadableInput(f"{name}: has posted nothing yet; connectors that have: {known}")
        for one in [name] if name is not None else there:
            _print_status(one, Ledger(one, "", (), store.transaction, lambda: datetime.now(UTC)), as_json=as_json)
        if not there and not as_json:
            echo("no connector has posted anything yet")


def _print_status(name: str, ledger: Ledger, *, as_json: bool) -> None:
    counts, found = ledger.count_by_state(), ledger.load_open(_SHOWN)
    if as_json:
        shown = ("event_id", "site", "device", "sequence", "pallet", "state", "attempts", "why", "said", "number")
        rows = [
            {**{key: getattr(row, key) for key in shown}, "next_at": row.due_at and row.due_at.isoformat()}
            for row in found
        ]
        print_json_lines([{"connector": name, **counts, "open": rows}])
        return
    echo(f"{name}: {', '.join(f'{number} {state}' for state, number in counts.items())}")
    if not found:
        return
    headings = ("device", "number", "pallet", "state", "tries", "what was said")
    cells = (
        (f"{row.site}/{row.device}", str(row.sequence), row.pallet or "", row.state, str(row.attempts), row.said or "")
        for row in found
    )
    print_table(pluralize(len(found), "posting") + " open", headings, cells)


def _print_pulled(pulled: PulledData) -> None:
    if pulled.expected is not None and not pulled.expected:
        echo("no open order: nothing is expected")
    for place, lines in (pulled.expected or {}).items():
        echo(f"{place}: {pluralize(len(lines), 'line')} expected")
        for line in lines[:_SHOWN]:
            lot = ", needs a lot" if line.lot_needed else ""
            echo(f"  pallet {line.pallet}: {line.quantity} {line.uom} of {line.item} ({line.notice}{lot})")
    if pulled.items is not None:
        echo(pluralize(len(pulled.items), "item"))
    if pulled.operators is not None:
        echo(pluralize(len(pulled.operators), "operator"))
    for message in describe_omitted(pulled.omitted):
        echo(message)


def _print_planned(service: ConnectorService, pulled: PulledData) -> None:
    for message in service.describe_master_changes(pulled):
        echo(f"with --publish: {message}")
    if "expected" not in service.settings.pull:
        return
    plan = service.plan_expected(pulled)
    for message in plan.summary_lines() or ["no list that is published would change"]:
        echo(f"with --publish: {message}" if plan.lists else message)
    for message in describe_omitted(plan.omitted):
        echo(message)


def _choose_item(pulled: PulledData, given: str | None) -> PulledItem:
    if pulled.items is None and given is not None:  # A connector that pulls no items may still know this one.
        return PulledItem(given, given, _UNIT, (), lot_needed=False)
    items = pulled.items or ()
    found = [one for one in items if (one.code == given if given is not None else not one.lot_needed)]
    if not found:
        what = f"--item {given}: there is no such item" if given else "no item can be tried without a lot"
        known = ", ".join(one.code for one in items[:_SHOWN]) or "none; what was left out, and why, stands above"
        raise UnreadableInput(f"{what}; name one with --item{'' if given else ' and --lot'}, there are: {known}")
    return found[0]


def _test_posting(site: str, item: PulledItem, lot: str | None, place: str | None, order: str | None) -> Posting:
    return Posting(
        reference=f"{TEST_REFERENCE_PREFIX}{uuid4()}",
        amends=None,
        site=site,
        device="test",
        sequence=1,
        operator=None,
        recorded_at=datetime.now(UTC),
        form="test",
        fields={},
        item=item.code,
        quantity=Decimal(1),
        unit=item.base,
        lot=lot,
        place=place,
        order=order,
    )


def _require_state_and_print(found: Any, state: DocumentState, message: str) -> None:
    documents: list[Document] = list(found)
    if [one.state for one in documents] != [state]:
        there = ", ".join(f"{one.number} {one.state}" for one in documents) or "nothing"
        raise Unfinished(
            f"it should say that {message}, and there is {there}; look there before anything else is posted"
        )
    echo(message)


def _load_settings(name: str, file: Path | None, given: Given) -> tuple[ConnectionSettings, Path]:
    """The connector's settings and their file, found beside the inventory's, which are read before."""
    from inventory.connect.settings import settings_class_of_kind  # noqa: PLC0415 - `--help` must not import the settings

    _ = given.settings  # a fault in the inventory's settings is told before one in the connector's
    path = file or _find_settings_file(name, given.config)
    return load_settings(settings_class_of_kind(_read_kind(path) or name, path), path), path


def _find_settings_file(name: str, config: Path | None) -> Path:
    places = [*([config.parent / "connect"] if config is not None else []), _DIRECTORY]
    for directory in places:
        if (path := directory / f"{name}.toml").exists():
            return path
    example = shipped_directory("config") / "connect"
    raise UnreadableInput(
        f"{places[0] / name}.toml: no such file; copy one of {example}, fill it in, or name it with --settings"
    )


def _read_kind(path: Path) -> str | None:
    """The `kind` of a settings file; None if unreadable, which `load_settings` reports."""
    try:
        found = tomllib.loads(plain_file.read_regular_file(path).decode("utf-8-sig")).get("kind")
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None


@contextmanager
def _open_service(name: str, file: Path | None, given: Given) -> Iterator[ConnectorService]:
    settings, path = _load_settings(name, file, given)
    from inventory.connect.service import open_service  # noqa: PLC0415 - `dockvoice --help` must not import SQLAlchemy

    with open_service(name, settings, given.settings) as service:
        try:
            yield service
        except Misconfigured as fault:
            raise Misconfigured(f"{name} ({path}): {fault}") from None
        except (Away, Declined) as fault:
            option = _ASKED_FOR.get(fault.why) if isinstance(fault, Declined) else None
            raise Unfinished(f"{name} ({path}): {fault}{f'; see {option}' if option else ''}") from None
