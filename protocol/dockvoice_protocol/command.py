"""The `dockvoice` command; the only place that exits.

Exit codes: 0 done; 1 what was looked at is not as it must be; 2 wrong usage; and from sysexits.h, as
`dockvoice_protocol.errors` types them: 66 unreadable input file, 69 external service unavailable, 74 disk error, 75
unfinished or already running (try again), 78 configuration fault; 130 interrupted from the keyboard.

Each distribution registers its commands as entry points of the group `dockvoice.commands`. A command's module is
imported when the command is called: listing the commands, or the queue, loads neither recogniser nor MQTT.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, EntryPoint, distribution, entry_points
from itertools import takewhile
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_name, get_group

from dockvoice_protocol.errors import DockvoiceError, Misconfigured, StorageFailed, describe_os_error, permission_error
from dockvoice_protocol.terminal import EXIT_CODES, print_lines
from dockvoice_protocol.terminal.plain_text import escape_line

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("Listen to the microphone until stopped.", "dockvoice"),
    "replay": ("Send recordings the whole way, as if they were spoken now.", "dockvoice"),
    "watch": ("Show live what a running agent does.", "dockvoice"),
    "doctor": ("What is wrong with this installation, and what to do.", "dockvoice"),
    "costs": ("What models took and cost, by day and model.", "dockvoice"),
    "speak": ("Say a text as the device would, or play its sounds.", "dockvoice"),
    "queue": ("What this device recorded, and how far it has come.", "dockvoice"),
    "morning": ("The entries of a day that are most likely wrong.", "dockvoice"),
    "shifts": ("Who worked when, and which breaks were taken.", "dockvoice"),
    "audio": ("The sound devices, their level, and a self test.", "dockvoice"),
    "audit": ("Show that nothing on record was changed afterwards.", "dockvoice"),
    "forms": ("The forms that can be dictated.", "dockvoice"),
    "models": ("The weights of the on-device recognisers.", "dockvoice"),
    "inventory": ("Apply each entry once, and answer with a receipt.", "dockvoice-inventory"),
    "console": ("Web pages for supervisors: what waits, who decides.", "dockvoice-inventory[console]"),
    "epcis": ("What was recorded as GS1 EPCIS 2.0 events, for partners.", "dockvoice-inventory"),
    "connect": ("Post what was recorded into another system, once.", "dockvoice-inventory"),
    "api": ("A REST API of what was recorded, for other systems.", "dockvoice-inventory[console]"),
    "demo": ("A trailer is received by voice, counted, and proved.", "dockvoice-lab[demo]"),
    "talk": ("The conversation with an operator, typed.", "dockvoice-lab"),
    "evaluate": ("Recognise recordings whose truth is known, and count the outcomes.", "dockvoice-lab"),
    "reread": ("Let another model read what is on record.", "dockvoice-lab"),
    "record-truth": ("Record a set of your own for `dockvoice evaluate`.", "dockvoice-lab"),
    "retune": ("Fit thresholds and confidence to a set of your own.", "dockvoice-lab"),
    "simulate": ("Thousands of devices at a broker, and what became of each entry.", "dockvoice-lab[simulate]"),
    "standin": ("Answer as the cloud models do: no key, no bill.", "dockvoice-lab[standin]"),
}
"""The commands in the order of the list: summary, and the distribution with its entry point."""

_UNPRINTED = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EPIPE})
"""Errors of a standard output that cannot be written: full disk, I/O error, closed descriptor, closed pipe."""

OWN = "dockvoice-protocol"  # The distribution of this module, whose version all others must have.

_INTERRUPTED = 130  # What shells report of a program that Ctrl-C ended: 128 + SIGINT.


class DeferredCommand(TyperCommand):
    """A command that is listed without importing its module."""

    def __init__(self, name: str, summary: str, load: Callable[[], typer.Typer]) -> None:
        """`load` imports the module, and returns its commands."""
        super().__init__(name, short_help=summary, rich_markup_mode=None)
        self._load = load

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Load the command, and return its own context."""
        return find_command(str(self.name), self._load()).make_context(*args, **kwargs)


def main() -> None:
    """Run the command line; a DockvoiceError becomes one line on stderr and an exit code."""
    try:
        try:
            build_command_group(sys.argv[1] if len(sys.argv) > 1 else "")()
        finally:
            _flush_stdout()
    except DockvoiceError as fault:
        _exit_with(fault)
    except BaseExceptionGroup as group:
        ours, others = group.split(DockvoiceError)
        if ours is None or others is not None:
            raise
        _exit_with(_first_error(ours))
    except PermissionError as fault:
        _exit_with(permission_error(fault))
    except OSError as fault:
        if fault.errno not in _UNPRINTED or fault.filename is not None:
            raise
        _exit_with(_stdout_error(fault))
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def _flush_stdout() -> None:
    """Flush standard output before exit, so that a full disk is reported."""
    if sys.stdout is None or sys.stdout.closed:  # it was started without a standard output
        return
    try:
        sys.stdout.flush()
    except OSError as fault:
        # Python would retry the write at exit, and print a traceback.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for as long as the process lives
        raise _stdout_error(fault) from None


def _stdout_error(fault: OSError) -> StorageFailed:
    return StorageFailed(
        f"standard output: cannot be written ({describe_os_error(fault)}); give it a place that takes it"
    )


def build_command_group(asked: str = "") -> TyperGroup:
    """Make the command line of all installed distributions' commands.

    Raises Misconfigured, naming what to install, where the distribution of the command `asked` is missing or has
    another version; where `asked` is no command of ours, any distribution of another version.
    """
    app = typer.Typer(
        name="dockvoice",
        help="Voice dictation on the dock that becomes validated inventory rows: nothing lost, nothing invented.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    app.callback()(_root_options)
    group = get_group(app)
    found = _with_distributions(entry_points(group="dockvoice.commands"))
    _require_same_version(found, _distribution_of(asked) if asked in COMMANDS else None)
    of = {(one.name, distribution): one.load for one, distribution, _ in found}
    for name, (summary, requirement) in COMMANDS.items():
        if load := of.get((name, _distribution_of(name))):
            group.add_command(DeferredCommand(name, summary, load))
        elif asked == name:
            raise Misconfigured(f"{name}: this command is not installed; pip install '{requirement}'")
    if asked in COMMANDS:
        return group
    for (name, _), load in of.items():
        if name not in COMMANDS:
            group.add_command(find_command(name, load()), name)
    return group


def _distribution_of(command: str) -> str:
    return COMMANDS[command][1].partition("[")[0]


def _with_distributions(found: Iterable[EntryPoint]) -> list[tuple[EntryPoint, str, str]]:
    """Each entry point with the name and version of its distribution."""
    entries = [(one, one.dist) for one in found if one.dist is not None]
    headers = {id(of): _name_and_version(of) for of in {id(of): of for _, of in entries}.values()}
    return [(one, *headers[id(of)]) for one, of in entries]


def _name_and_version(of: Distribution) -> tuple[str, str]:
    """From the header of its core metadata: parsed whole, with the description, they take a fifth of `--version`.

    Where that lacks one, as in what older tools installed, they are parsed after all.
    """
    header = takewhile(str.strip, (of.read_text("METADATA") or "").splitlines())
    values = {key: value for key, _, value in (line.partition(": ") for line in header)}
    return values.get("Name") or of.metadata["Name"], values.get("Version") or of.metadata["Version"]


def _own_version() -> str:
    return _name_and_version(distribution(OWN))[1]


def _require_same_version(found: Iterable[tuple[EntryPoint, str, str]], only: str | None) -> None:
    """Raise Misconfigured where a distribution has another version than this one: its imports may be missing here."""
    ours = {_distribution_of(name) for name in COMMANDS} if only is None else {only}
    for name, other in {(name, other) for _, name, other in found}:
        if name in ours and other != (own := _own_version()):
            raise Misconfigured(
                f"{name} is of version {other}, {OWN} of {own}; install all wheels of one version, in one command"
            )


def find_command(name: str, module: typer.Typer) -> Any:
    """The command `name` of a `module`; without such a command, the module's commands as a group of that name."""
    named = {one.name or get_command_name(getattr(one.callback, "__name__", "")) for one in module.registered_commands}
    stands_at_the_top = module.registered_callback is None and name in named
    parent = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    parent.add_typer(module, name=None if stands_at_the_top else name)
    return get_group(parent).commands[name]


def _print_version(asked: bool) -> None:
    if asked:
        print_lines(f"dockvoice {_own_version()}")
        raise typer.Exit


def _root_options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before any command."""


def _exit_with(fault: DockvoiceError) -> NoReturn:
    from dockvoice_protocol.terminal.tables import EscapingConsole

    line = escape_line(f"dockvoice: {fault}")
    EscapingConsole(stderr=True, highlight=False, soft_wrap=True).print(line, style="red", markup=False)
    raise SystemExit(fault.exit_code) from None


def _first_error(group: BaseExceptionGroup[DockvoiceError]) -> DockvoiceError:
    first = group.exceptions[0]
    return _first_error(first) if isinstance(first, BaseExceptionGroup) else first
