"""`dockvoice api`: serve the API, and manage its tokens."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.terminal.tables import configure_logging, pluralize
from inventory.cli.options import (
    BrokerAt,
    Config,
    Database,
    Given,
    GroupOptions,
    echo,
    print_table,
    settings_of,
    subcommand,
    user_name,
)
from inventory.web.terminal import audited, demand_extra, open_transaction

if TYPE_CHECKING:
    from inventory.settings import InventorySettings
    from inventory.store.request_database import RequestDatabase

commands = typer.Typer()
tokens = typer.Typer(help="Which programs may ask, and at which sites.", no_args_is_help=True)
commands.add_typer(tokens, name="token")


@commands.callback(invoke_without_command=True, short_help="A REST API of what was recorded, for other systems.")
def api(
    context: typer.Context,
    config: Config = None,
    broker: BrokerAt = None,
    database: Database = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Over api.port.")] = None,
) -> None:
    """Answer other systems' programs: entries, events, trailers, devices, what waits; and take what is expected.

    It stands beside `dockvoice inventory`, on the same settings file and the same database. First let a program in:

        dockvoice api token add powerbi --read north --config FILE

    which shows a token, once. Then start it. What it answers is described in OpenAPI 3.1: /v1/openapi.json, or
    `dockvoice api describe`. What programs write goes to the devices signed with console.key, and is in the console's
    audit.

    It listens on this machine alone. For other machines put a proxy in front that speaks https, and set api.address.
    """
    demand_extra()
    context.obj = GroupOptions(config, database)
    if context.invoked_subcommand is None:
        from inventory.api.app import serve  # noqa: PLC0415 - `--help` must not import the web server

        configure_logging(sys.stderr, logging.INFO, "%(asctime)s %(levelname)s %(message)s")
        serve(settings_of(config, broker=broker, database=database), port)


@subcommand(commands, short_help="The description of the API, OpenAPI 3.1.")
def describe(given: Given) -> None:
    """Print what the API answers, as OpenAPI 3.1: the same as /v1/openapi.json."""
    from inventory.api.app import ENDPOINTS  # noqa: PLC0415 - as above
    from inventory.api.document import build_document  # noqa: PLC0415

    echo(json.dumps(build_document(ENDPOINTS, given.settings.api.address), indent=2))


_Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the program, as it goes on record with what it does.")]
_Read = Annotated[
    list[str] | None, typer.Option("--read", metavar="SITE", help="It may read there; may be given repeatedly.")
]
_Write = Annotated[
    list[str] | None, typer.Option("--write", metavar="SITE", help="It may read and write there; likewise.")
]
_Days = Annotated[
    int | None, typer.Option("--days", min=1, max=36_500, metavar="N", help="It ends after so many; unset: never.")
]


@subcommand(tokens, "add", short_help="Let a program ask: shows its token, once.")
def _token_add(given: Given, name: _Name, read: _Read = None, write: _Write = None, days: _Days = None) -> None:
    """Make a token and show it. It is kept nowhere: where it is lost, revoke it and make another one.

    '*' is every site. Reading shows what operators said, under their names: give programs no more sites than they need.
    """
    from inventory.api.tokens import Scope, add_token  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    grants = dict.fromkeys(read or (), Scope.READ) | dict.fromkeys(write or (), Scope.WRITE)
    now = datetime.now(UTC)
    named = {site: str(scope) for site, scope in grants.items()}
    with audited(given, _database, "token_made", name, grants=named, days=days) as transaction:
        ends_at = None if days is None else now + timedelta(days=days)
        secret = add_token(transaction, name, grants, user_name(), now, ends_at)
    typer.echo(f"{name}: this is its token; it is shown this once", err=True)
    echo(secret)


@subcommand(tokens, "list", short_help="Which programs may ask.")
def _token_list(given: Given) -> None:
    """Show the tokens: never what they are, of which only a hash is kept."""
    from inventory.api.tokens import load_tokens  # noqa: PLC0415 - as above

    with open_transaction(given, _database, reads=True) as transaction:
        found = load_tokens(transaction)
    rows = []
    for one in found:
        grants = ", ".join(f"{scope} {site}" for site, scope in sorted(one.grants.items()))
        moments = [f"{at:%Y-%m-%d %H:%M}" if at else "never" for at in (one.made_at, one.ends_at, one.used_at)]
        rows.append((one.name, grants, one.made_by, *moments))
    headings = ("name", "may", "made by", "made, UTC", "ends, UTC", "last used, UTC")
    print_table(pluralize(len(found), "token"), headings, rows)


@subcommand(tokens, "revoke", short_help="Let a program ask no more.")
def _token_revoke(given: Given, name: _Name) -> None:
    """Revoke a token, from the next request on."""
    from inventory.api.tokens import revoke_token  # noqa: PLC0415 - as above

    with audited(given, _database, "token_revoked", name) as transaction:
        revoke_token(transaction, name)
    echo(f"{name}: may ask no more")


def _database(settings: InventorySettings) -> AbstractContextManager[RequestDatabase]:
    from inventory.api.app import open_api_database  # noqa: PLC0415 - as above

    return open_api_database(settings)
