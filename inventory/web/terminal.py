"""The terminal: what commands of `dockvoice console` and `dockvoice api` look up and change in the site's database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from inventory.options import Given, settings_of, whoever
from inventory.settings import InventorySettings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from inventory.console_tables import Books

Opens = Callable[[InventorySettings], "AbstractContextManager[Books]"]
"""Opens the database, with the tables that the command is about; they are made where there are none."""


@contextmanager
def opened(context: typer.Context, opens: Opens, *, reads: bool = False) -> Iterator[Connection]:
    """One transaction on the database that the settings name; with `reads`, only to look into."""
    given = context.find_object(Given) or Given()
    with (
        opens(settings_of(given.config, database=given.database)) as books,
        books.look() if reads else books.open() as transaction,
    ):
        yield transaction


@contextmanager
def changing(context: typer.Context, opens: Opens, deed: str, about: str, **details: object) -> Iterator[Connection]:
    """A change from this terminal, on record as every other."""
    from inventory import deeds  # noqa: PLC0415 - `--help` waits for no SQLAlchemy
    from inventory.console.server import signer_of  # noqa: PLC0415 - nor for a web server

    given = context.find_object(Given) or Given()
    signer = signer_of(settings_of(given.config, database=given.database))
    with opened(context, opens) as transaction:
        yield transaction
        done = deeds.NotedDeed(whoever(), "terminal", deed, about, details)
        deeds.note(transaction, done, datetime.now(UTC), signer)
