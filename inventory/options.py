"""What the inventory's commands share: options, settings, a look into the tables, lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edge.config import broker_address, load
from edge.plain_text import in_lines
from inventory.settings import InventorySettings

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True)
class Given:
    """The options before the subcommand; those behind it win."""

    config: Path | None = None
    database: str | None = None


@contextmanager
def looking(context: typer.Context, config: Path | None, database: str | None) -> Iterator[Store]:
    """The tables that the settings name, to look into."""
    given = context.find_object(Given) or Given()
    settings = settings_of(config or given.config, database=database or given.database)
    from inventory.store import Store  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy

    with closing(Store.open(settings.database_url, create=False)) as store:
        yield store


def settings_of(config: Path | None, *, broker: str | None = None, database: str | None = None) -> InventorySettings:
    """The settings, with what the command line says over them."""
    overrides: dict[str, Any] = {}
    if broker is not None:
        overrides["mqtt"] = broker_address(broker)
    if database is not None:
        overrides["database"] = database
    return load(InventorySettings, config, **overrides)


def say(told: str) -> None:
    """Tell whoever called the command; what came from outside cannot steer a terminal."""
    typer.echo(in_lines(told))


def narrow(title: str) -> Table:
    """A table without edges and with one blank between columns: 80 of them, or 60, are soon filled."""
    return Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
