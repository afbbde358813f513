"""The `dockvoice` command; the only place that exits.

Exit codes: 0 done; 2 wrong usage; and from sysexits.h, as `edge.errors` types them: 66 a file given is unreadable,
69 something outside is not there now, 74 the disk refused, 75 not finished or already
running (try again), 78 a setting, form or catalogue must be corrected; 130 interrupted from the keyboard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points, version
from typing import Annotated, NoReturn, cast

import typer
from rich.console import Console

from edge.cli.options import EXIT_CODES
from edge.cli.output import line
from edge.errors import DockvoiceError, closed_to_us

_TOP = ("run", "talk", "doctor", "reread", "speak")
"""Modules whose commands stand at the top."""

_GROUPS = ("queue", "audio", "audit", "forms", "models")
"""Modules whose commands stand below their name."""

INTERRUPTED = 130
"""What shells report of a program that Ctrl-C ended: 128 + SIGINT."""


def _tell_version(asked: bool) -> None:
    if asked:
        line(f"dockvoice {version('dockvoice')}")
        raise typer.Exit


def main() -> None:
    """Run the command line; every error of ours becomes one line on stderr and an exit code."""
    try:
        _commands(sys.argv[1] if len(sys.argv) > 1 else "")()
    except DockvoiceError as fault:
        _end(fault)
    except BaseExceptionGroup as group:
        ours, others = group.split(DockvoiceError)
        if ours is None or others is not None:
            raise
        _end(_first(ours))
    except PermissionError as fault:
        _end(closed_to_us(fault))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _commands(asked: str) -> typer.Typer:
    """All commands, or only the group `asked` if it is one: so the inventory loads no recogniser, and starts sooner."""
    app = typer.Typer(
        name="dockvoice",
        help="Voice dictation on the dock that becomes validated inventory rows: nothing lost, nothing invented.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    app.callback()(_version)
    groups: dict[str, Callable[[], typer.Typer]] = {name: partial(_commands_in, name) for name in _GROUPS}
    groups |= {command.name: command.load for command in entry_points(group="dockvoice.commands")}
    if asked in groups:
        groups = {asked: groups[asked]}
    else:
        for name in _TOP:
            app.add_typer(_commands_in(name))
    for name, load in groups.items():
        joined = load()
        app.add_typer(joined, name=None if _is_one_command(joined) else name)
    return app


def _is_one_command(joined: typer.Typer) -> bool:
    return len(joined.registered_commands) == 1 and not joined.registered_groups and joined.registered_callback is None


def _version(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before any command."""


def _commands_in(module: str) -> typer.Typer:
    return cast(typer.Typer, import_module(f"edge.cli.{module}").commands)


def _end(fault: DockvoiceError) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"dockvoice: {fault}", style="red", markup=False)
    raise SystemExit(fault.exit_code) from None


def _first(group: BaseExceptionGroup[DockvoiceError]) -> DockvoiceError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
