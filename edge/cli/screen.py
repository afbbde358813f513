"""A terminal that is drawn on, and given back as it was: also by a crash, and by a kill that lets nobody clean up.

It is written to without waiting. One that stands still, because its window or its network does, must not hold up an
agent that listens: what it is to show then is drawn when it takes something again.
"""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, TextIO

from rich.console import Console, ConsoleDimensions, Group
from rich.text import Text

from edge.cli.terminal import has_hung_up

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?2004h", "\x1b[?2004l\x1b[?25h\x1b[?1049l"
"""xterm's private modes: the other screen, whether there is a cursor, whether a pasted text comes in brackets."""

GUARD = r"""trap '' HUP INT QUIT TERM; read -r told || printf '\033[?2004l\033[?25h\033[?1049l' > "$0" 2>&-"""
"""Waits for a word that all is well. Where the pipe closes without it, the agent died: it leaves the other screen."""

USUAL_SIZE = os.terminal_size((80, 24))

WAITED_S = 1.0
"""How long a terminal that stands still is waited for at the end."""

ASCII = str.maketrans("█─·●○✓✗▲“”…", '#-.*o+x!""~')
"""What stands in where the terminal's encoding has no such characters."""


def can_be_drawn_on(out: TextIO) -> bool:
    """Whether it is a terminal that knows how to move its cursor."""
    return out.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


class Patient(io.StringIO):
    """Text on its way to a terminal; `flush` writes as much of it as the terminal takes now."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._encoding = encoding
        self._waiting = b""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO has none
        """The terminal's."""
        return self._encoding

    @property
    def is_idle(self) -> bool:
        """Whether the terminal has taken all."""
        return not self._waiting

    def write(self, text: str) -> int:
        """Put it in the queue."""
        if not self._encoding.lower().startswith("utf"):
            text = text.translate(ASCII)
        self._waiting += text.encode(self._encoding, "replace")
        return len(text)

    def flush(self) -> None:
        """Write what the terminal takes."""
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._descriptor, self._waiting) :]
        except BlockingIOError:
            return  # the rest when it takes something again
        except OSError:
            self._waiting = b""  # nobody looks any more: the terminal is gone

    def finish(self) -> None:
        """Write all of it, or give it up after a while."""
        deadline = time.monotonic() + WAITED_S
        while not self.is_idle and time.monotonic() < deadline:
            select.select([], [self._descriptor], [], WAITED_S)
            self.flush()


class Screen:
    """The other screen of a terminal. Only lines that changed are drawn, so that a slow link shows it too."""

    def __init__(self, descriptor: int, out: Patient) -> None:
        self._descriptor = descriptor
        self._out = out
        self._console = Console(file=out, force_terminal=True, highlight=False, legacy_windows=False)
        self._size = self.size
        self._drawn: Sequence[Text] = ()

    @property
    def size(self) -> os.terminal_size:
        """Columns and lines, as they are now; a serial console does not tell, nor one that hung up."""
        try:
            told = os.get_terminal_size(self._descriptor)
        except OSError:
            return USUAL_SIZE
        return told if told.columns and told.lines else USUAL_SIZE

    def show(self, lines: Sequence[Text]) -> bool:
        """Draw these; not while the terminal has not taken what was drawn before: then False."""
        self._out.flush()
        if not self._out.is_idle:
            return False
        if self._size != self.size:
            self._size, self._drawn = self.size, ()
            self._out.write("\x1b[2J")
        before = (*self._drawn, *[None] * len(lines))
        changed = {row: line for row, line in enumerate(lines) if line != before[row]}
        for row, text in zip(changed, self._rendered(changed.values()), strict=False):
            self._out.write(f"\x1b[{row + 1};1H\x1b[2K{text}")
        self._drawn = lines
        self._out.flush()
        return True

    def _rendered(self, lines: Iterable[Text]) -> list[str]:
        self._console.size = ConsoleDimensions(*self._size)
        with self._console.capture() as taken:
            self._console.print(Group(*lines))
        return taken.get().split("\n")


@contextmanager
def screen(descriptor: int, encoding: str) -> Iterator[Screen]:
    """The terminal at `descriptor` until the end; what else this process writes on it would be drawn over."""
    with ExitStack() as opened:
        opened.enter_context(_guarded(os.ttyname(descriptor)))
        own = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        opened.callback(os.close, own)
        out = Patient(own, encoding)
        opened.callback(out.finish)
        opened.callback(out.write, LEAVE)
        out.write(ENTER)
        yield Screen(descriptor, out)


@contextmanager
def _guarded(terminal: str) -> Iterator[None]:
    command = ["/bin/sh", "-c", GUARD, terminal]
    with subprocess.Popen(  # noqa: S603 - a text of our own, and the name of our own terminal
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as guard:
        try:
            yield
        finally:
            guard.communicate(b"well\n")


class Aside:
    """What the process writes on its standard error meanwhile, native libraries included: warnings are never hidden.

    Where standard error is the terminal, it is printed there at the end; else it goes where it was to go, at once.
    """

    def __init__(self, kept: BinaryIO, error: int) -> None:
        self._kept = kept
        self._error = error
        self._at_once = not os.isatty(error)
        self._read = 0
        self._rest = b""

    def fresh(self) -> list[str]:
        """The lines written since the last time."""
        new = self._new()
        if self._at_once:
            _write(self._error, new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def finish(self) -> None:
        """Print what was not printed yet."""
        _write(self._error, self._new() if self._at_once else os.pread(self._kept.fileno(), self._size, 0))

    @property
    def _size(self) -> int:
        return os.fstat(self._kept.fileno()).st_size

    def _new(self) -> bytes:
        new = os.pread(self._kept.fileno(), self._size - self._read, self._read)
        self._read += len(new)
        return new


@contextmanager
def aside(error: int) -> Iterator[Aside]:
    """Take what is written on standard error, descriptor `error`, until the end."""
    with ExitStack() as opened:
        kept = opened.enter_context(os.fdopen(os.memfd_create("standard error"), "wb"))
        before = os.dup(error)
        opened.callback(os.close, before)
        taken = Aside(kept, before)
        opened.callback(taken.finish)
        sys.stderr.flush()
        os.dup2(kept.fileno(), error)
        opened.callback(os.dup2, before, error)
        opened.callback(sys.stderr.flush)
        yield taken


def _write(descriptor: int, what: bytes) -> None:
    while what and not has_hung_up(descriptor):
        what = what[os.write(descriptor, what) :]
