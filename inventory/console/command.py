"""`dockvoice console`: the pages for supervisors, served; and who may sign in there."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.errors import Misconfigured
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
)
from inventory.web.terminal import audited, demand_extra, open_transaction

if TYPE_CHECKING:
    from inventory.console.accounts import Role
    from inventory.settings import InventorySettings
    from inventory.store.request_database import RequestDatabase

commands = typer.Typer()
users = typer.Typer(help="Who may sign in, and what they may do.", no_args_is_help=True)
commands.add_typer(users, name="user")


@commands.callback(invoke_without_command=True, short_help="Web pages for supervisors: what waits, who decides.")
def console(
    context: typer.Context,
    config: Config = None,
    broker: BrokerAt = None,
    database: Database = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Over console.port.")] = None,
) -> None:
    """Serve the pages on which supervisors see what devices record, and decide about what waits for a person.

    It stands beside `dockvoice inventory`, on the same settings file and the same database. First add a user:

        dockvoice console user add ana --role admin --config FILE

    which asks for a password. Then start it, and open the address that it tells. A viewer looks; a reviewer decides
    too, and listens; an admin says who else may. What supervisors decide goes to the devices signed with console.key.

    It listens on this machine alone. For tablets put a proxy in front that speaks https, and set console.address.
    """
    demand_extra()
    context.obj = GroupOptions(config, database)
    if context.invoked_subcommand is None:
        from inventory.console.app import serve  # noqa: PLC0415 - `--help` waits for no web server

        configure_logging(sys.stderr, logging.INFO, "%(asctime)s %(levelname)s %(message)s")
        serve(settings_of(config, broker=broker, database=database), port)


_Who = Annotated[str, typer.Argument(metavar="NAME", help="As it goes on record with what is decided.")]
_RoleNamed = Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, reviewer or admin.")]


def _parse_role(name: str) -> Role:
    """The role of that name. Raises BadParameter: a role that there is not is wrong usage."""
    from inventory.console import accounts  # noqa: PLC0415 - `--help` waits for no SQLAlchemy

    try:
        return accounts.Role.named(name)
    except Misconfigured as fault:
        raise typer.BadParameter(str(fault)) from None


@subcommand(users, "add", short_help="Add a user.")
def _user_add(
    given: Given,
    name: _Who,
    role: _RoleNamed = "viewer",
    *,
    by_proxy: Annotated[
        bool, typer.Option("--by-proxy", help="No password: the proxy says who it is, in console.proxy_header.")
    ] = False,
) -> None:
    """Add a user. The password is prompted for, or is the first line of standard input.

    It has 12 characters at the least. It is never an argument: those are seen by every user of the machine.
    """
    from inventory.console import accounts  # noqa: PLC0415 - `--help` waits for no SQLAlchemy

    chosen = _parse_role(role)
    password = None if by_proxy else _prompt_password()
    with audited(given, _database, "added", name, role=str(chosen)) as transaction:
        accounts.add_user(transaction, name, chosen, password, datetime.now(UTC))
    echo(f"{name}: may sign in as {chosen}")


@subcommand(users, "list", short_help="Who may sign in.")
def _user_list(given: Given) -> None:
    """Show who may sign in, and what they may do."""
    from inventory.console import accounts  # noqa: PLC0415 - as above

    with open_transaction(given, _database) as transaction:
        found = accounts.load_users(transaction)
    rows = ((one.name, str(one.role), "with a password" if one.by_password else "by the proxy") for one in found)
    print_table(pluralize(len(found), "person", "people"), ("name", "role", "signs in"), rows)


@subcommand(users, "role", short_help="Change a user's role.")
def _user_role(given: Given, name: _Who, role: _RoleNamed) -> None:
    """Change a user's role, from the next request on."""
    from inventory.console import accounts  # noqa: PLC0415 - as above

    chosen = _parse_role(role)
    with audited(given, _database, "role_changed", name, role=str(chosen)) as transaction:
        accounts.change_role(transaction, name, chosen)
    echo(f"{name}: is {chosen}")


@subcommand(users, "password", short_help="Change a user's password.")
def _user_password(given: Given, name: _Who) -> None:
    """Change a user's password, read as by `add`; the user's sessions end."""
    from inventory.console import accounts  # noqa: PLC0415 - as above

    password = _prompt_password()
    with audited(given, _database, "password_changed", name) as transaction:
        accounts.change_password(transaction, name, password)
    echo(f"{name}: has another password")


@subcommand(users, "remove", short_help="Remove a user.")
def _user_remove(given: Given, name: _Who) -> None:
    """Remove a user and end all sessions. The audit log keeps what the user did."""
    from inventory.console import accounts  # noqa: PLC0415 - as above

    with audited(given, _database, "removed", name) as transaction:
        accounts.remove_user(transaction, name)
    echo(f"{name}: may sign in no more")


@subcommand(commands, "audit", short_help="Is what was done here as it was written?")
def _audit_deeds(
    given: Given,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The public half of console.key.", readable=False)
    ] = None,
) -> None:
    """Follow the record of what people did on the console, and name the database that it is in.

    Exit code 1 where a line was changed, removed or put in.
    """
    from inventory.audit import audit, audit_log  # noqa: PLC0415 - as above
    from inventory.store import database  # noqa: PLC0415 - as above

    public = None if key is None else audit.read_public_key(key)
    place = database.format_url(database.parse_url(given.settings.database_url))
    with open_transaction(given, _database, reads=True) as transaction:
        broken, latest = (
            audit_log.first_broken_action(transaction, public),
            audit_log.load_latest_actions(transaction, 1),
        )
    if broken is not None:
        echo(f"BROKEN at {broken}: it was changed, removed or put in past the console ({place})")
        raise typer.Exit(1)
    echo(f"whole: {latest[0].number if latest else 0} deeds hold ({place})")


def _database(settings: InventorySettings) -> AbstractContextManager[RequestDatabase]:
    from inventory.web.resources import open_database_creating_tables  # noqa: PLC0415 - as above

    return open_database_creating_tables(settings)


def _prompt_password() -> str:
    """Typed twice at a terminal, unseen; otherwise the first line that comes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
