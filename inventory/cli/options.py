"""Shared by the inventory's commands: options, settings, opening the tables, printing lines and tables."""

from __future__ import annotations

import getpass
import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dockvoice_protocol.config import LEVEL, load_settings, parse_broker_address
from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.terminal.plain_text import escape_lines
from dockvoice_protocol.terminal.tables import print_tables
from inventory.settings import InventorySettings
from inventory.site.table_file import FaultyFile
from inventory.store.keys import parse_device

if TYPE_CHECKING:
    from dockvoice_protocol.hash_chain import Signer
    from inventory.repository import Store

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
Sign = Annotated[
    Path | None, typer.Option("--sign", metavar="FILE", readable=False, help="Your private key: Ed25519, PEM.")
]
BrokerAt = Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="The MQTT broker.")]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """The options before the subcommand; those after it have precedence."""

    config: Path | None = None
    database: str | None = None


def given_settings(
    context: typer.Context, config: Path | None, *, broker: str | None = None, database: str | None = None
) -> InventorySettings:
    """The settings by the options before and after the subcommand."""
    given = context.find_object(GroupOptions) or GroupOptions()
    return settings_of(config or given.config, broker=broker, database=database or given.database)


@dataclass(frozen=True)
class Given:
    """What a subcommand was given by the options that all have."""

    context: typer.Context
    config: Path | None = None
    database: str | None = None
    broker: str | None = None

    @cached_property
    def settings(self) -> InventorySettings:
        """The settings by the options before and after the subcommand, read at first use."""
        return given_settings(self.context, self.config, broker=self.broker, database=self.database)

    @contextmanager
    def open_store(self) -> Iterator[Store]:
        """Open the tables named by the settings."""
        database = self.settings.database_url
        from inventory.repository import Store  # noqa: PLC0415 - `dockvoice --help` must not import SQLAlchemy

        with closing(Store.open(database, create=False)) as store:
            yield store


def subcommand(
    of: typer.Typer, name: str | None = None, *, database: bool = True, broker: bool = False, **texts: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make the decorated function a command with the options --config, and --database and --broker unless left out.

    Its first argument is `Given`, which has what these say. `texts` are those of `Typer.command`.
    """
    shared = {"context": typer.Context, "broker": BrokerAt, "config": Config, "database": Database}
    left_out = {"broker": not broker, "database": not database}
    added = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for option, kind in shared.items()
        if not left_out.get(option)
    ]

    def add(function: Callable[..., None]) -> Callable[..., None]:
        def run(**options: Any) -> None:
            given = Given(**{one.name: options.pop(one.name) for one in added})
            function(given, **options)

        # Typer reads the options from a signature: that of the function, with the shared ones in the place of `given`.
        _given, *own = inspect.signature(function, eval_str=True).parameters.values()
        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        return of.command(name, **texts)(run)

    return add


def settings_of(config: Path | None, *, broker: str | None = None, database: str | None = None) -> InventorySettings:
    """The settings, overridden by the command line."""
    overrides: dict[str, Any] = {}
    if broker is not None:
        overrides["mqtt"] = parse_broker_address(broker)
    if database is not None:
        overrides["database"] = database
    return load_settings(InventorySettings, config, **overrides)


def echo(text: str) -> None:
    """Print to stdout as `typer.echo` does, with control characters escaped."""
    typer.echo(escape_lines(text))


def print_json_lines(found: Iterable[Mapping[str, Any]]) -> None:
    """Print each as one line of JSON."""
    for one in found:
        echo(json.dumps(one, ensure_ascii=False))


def print_table(title: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a compact table, without edges and with one blank between columns, for terminals of 60 or 80 columns."""
    table = Table(*headings, title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for cells in rows:
        table.add_row(*cells)
    print_tables(table)


def user_name() -> str:
    """The user's name for the audit log."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def check_site(given: str | None) -> str:
    """Validate a site's name. Raises typer.BadParameter."""
    if given is None or not LEVEL.fullmatch(given):
        raise typer.BadParameter(f"found {given!r}, allowed is the name of the devices' site", param_hint="--site")
    return given


def parse_device_argument(given: str) -> tuple[str, str]:
    """Parse SITE/DEVICE. Raises typer.BadParameter."""
    try:
        return parse_device(given)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="SITE/DEVICE") from None


def require_signer(given: Path | None) -> Signer:
    """The signer of --sign. Raises typer.BadParameter, and what reading a key raises."""
    if given is None:
        raise typer.BadParameter("must be given: devices take it only with a signature", param_hint="--sign")
    from inventory.audit.audit import load_signer  # noqa: PLC0415 - `--help` must not import cryptography

    return load_signer(given)


def read_or_print_faults(read: Callable[[Path], _T], file: Path) -> _T:
    """The content of a file; of a FaultyFile with several faults print a line each, and raise UnreadableInput."""
    try:
        return read(file)
    except FaultyFile as found:
        if len(found.faults) == 1:
            raise
        for fault in found.faults:
            echo(fault)
        raise UnreadableInput(f"{file}: {len(found.faults)} faults; nothing was published") from None
