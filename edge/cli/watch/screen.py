"""Viewer process: it reads the JSON lines of an agent and draws them on a terminal, as fast as that takes them.

A terminal that stands still, because its window or its network does, holds up this process alone; what it is to show
then is drawn when it takes something again.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Annotated

import typer
from rich.console import ConsoleDimensions, Group
from rich.live import Live

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.terminal import EXIT_CODES
from dockvoice_protocol.terminal.tables import EscapingConsole
from edge.cli.terminal import can_be_drawn_on
from edge.cli.watch.layout import Picture, draw
from edge.cli.watch.state import View

_DRAWN_EVERY_S = 0.1  # A bar that moves ten times a second is smooth, and costs next to nothing.
_PIECE = 65_536  # Bytes read at one time: all that a pipe holds.

_PASTE_BEGINS, _PASTE_ENDS = "\x1b[?2004h", "\x1b[?2004l"
"""xterm's private mode in which a pasted text comes in brackets."""

_STANDARD_INPUT = 0

commands = typer.Typer()


@commands.command(short_help="Show live what a running agent does.", epilog=EXIT_CODES)
def watch(
    attached: Annotated[
        bool, typer.Option("--attached", hidden=True, help="An agent started this, and goes on.")
    ] = False,
) -> None:
    """Show live what an agent does, from the lines that it prints: `dockvoice run --json | dockvoice watch`.

    They may come from another machine, or from a file: `ssh dock-b journalctl -fu dockvoice@b -o cat | dockvoice
    watch`. Lines that are no JSON are shown as the log. What was seen last stays when they end; where nothing can be
    drawn, as into a file, it is all that is printed.
    """
    if sys.stdin.isatty():
        raise UnreadableInput("standard input: found a terminal, expected the lines of `dockvoice run --json`")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, _ignore_first_interrupt)
    console, view = EscapingConsole(highlight=False), View()
    with _open_alternate_screen(console) if can_be_drawn_on(sys.stdout) else nullcontext(_draw_nothing) as show:
        for lines in read_lines(_STANDARD_INPUT):
            for line in lines:
                view.update(line)
            show(view.picture())
    if not attached:
        console.print(_picture_as_text(view.picture(), console))


def _ignore_first_interrupt(signal_number: int, _: FrameType | None) -> None:
    """At Ctrl-C, leave the end to the agent at the other end of the pipe; a second one ends this process."""
    signal.signal(signal_number, signal.default_int_handler)


def _draw_nothing(_: Picture) -> None:
    pass


def read_lines(descriptor: int) -> Iterator[list[str]]:
    """Yield the lines that arrived since the last time, every `_DRAWN_EVERY_S`, to the end of the input."""
    rest, ended = b"", False
    while not ended:
        due, pieces = time.monotonic() + _DRAWN_EVERY_S, [rest]
        while not ended and (left := due - time.monotonic()) > 0:
            if select.select([descriptor], [], [], left)[0]:
                pieces.append(os.read(descriptor, _PIECE))
                ended = not pieces[-1]
        *lines, rest = b"".join(pieces).split(b"\n")
        yield [line.decode(errors="replace") for line in (*lines, *([rest] if ended and rest else ()))]


@contextmanager
def _open_alternate_screen(console: EscapingConsole) -> Iterator[Callable[[Picture], None]]:
    """Yield a function that draws on the terminal's alternate screen; restore the main screen at the end."""
    shown: tuple[Picture, ConsoleDimensions] | None = None
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def draw_if_changed(picture: Picture) -> None:
            nonlocal shown
            if shown != (now := (picture, console.size)):
                shown = now
                live.update(_picture_as_text(picture, console), refresh=True)

        console.file.write(_PASTE_BEGINS)
        try:
            yield draw_if_changed
        finally:
            console.file.write(_PASTE_ENDS)


def _picture_as_text(picture: Picture, console: EscapingConsole) -> Group:
    size, is_utf = console.size, console.encoding.lower().startswith("utf")
    return Group(*draw(picture, size.width, size.height, ascii_only=not is_utf))
