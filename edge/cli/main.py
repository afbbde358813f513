"""The `dockvoice` command; the only place that exits.

Exit codes: 0 done; 2 wrong usage; and from sysexits.h, as `edge.errors` types them: 66 a file given is unreadable,
69 something outside is not there now, 74 the disk refused, 75 not finished or already
running (try again), 78 a setting, form or catalogue must be corrected; 130 interrupted from the keyboard.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import NoReturn

import typer
from rich.console import Console

from edge.cli import audit, doctor, evaluating, forms, hearing, models, queue, reread
from edge.cli.options import EXIT_CODES
from edge.errors import DockvoiceError

INTERRUPTED = 130
"""What shells report of a program that Ctrl-C ended: 128 + SIGINT."""


def main() -> None:
    """Run the command line; every error of ours becomes one line on stderr and an exit code."""
    try:
        _commands()()
    except DockvoiceError as fault:
        _end(fault)
    except BaseExceptionGroup as group:
        ours, others = group.split(DockvoiceError)
        if ours is None or others is not None:
            raise
        _end(_first(ours))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _commands() -> typer.Typer:
    app = typer.Typer(
        name="dockvoice",
        help="Voice dictation on the dock that becomes validated inventory rows: nothing lost, nothing invented.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    app.add_typer(hearing.commands)  # without a name: its commands stand at the top
    app.add_typer(evaluating.commands)
    app.add_typer(doctor.commands)
    app.add_typer(reread.commands)
    app.add_typer(queue.commands, name="queue")
    app.add_typer(audit.commands, name="audit")
    app.add_typer(forms.commands, name="forms")
    app.add_typer(models.commands, name="models")
    for command in entry_points(group="dockvoice.commands"):
        app.add_typer(command.load(), name=command.name)
    return app


def _end(fault: DockvoiceError) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"dockvoice: {fault}", style="red", markup=False)
    raise SystemExit(fault.exit_code) from None


def _first(group: BaseExceptionGroup[DockvoiceError]) -> DockvoiceError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
