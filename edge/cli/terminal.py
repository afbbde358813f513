"""A command's terminal: its keyboard, its standard error, and its hang-up, which does not end the command.

After a closed window or a broken ssh connection, reading gives nothing and writing fails with EIO, while the agent must
still store and deliver what it heard.
"""

from __future__ import annotations

import asyncio
import codecs
import errno
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, TypeVar

_MOST_AT_ONCE = 64  # Bytes taken at one time: more than anybody types between two turns of the loop.
STANDARD = (0, 1, 2)  # Input, output and error.

LEAVE = "\x1b[?2004l\x1b[?25h\x1b[?1049l"  # xterm's private modes: bracketed paste off, cursor on, main screen.

_T = TypeVar("_T")


def can_be_drawn_on(out: TextIO) -> bool:
    """Whether it is a terminal with cursor movement."""
    return out.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


@contextmanager
def read_keys(descriptor: int, pressed: Callable[[str], None]) -> Iterator[None]:
    """Call `pressed` with each character, on the running loop; without a terminal nothing happens.

    The terminal is restored at the end. Ctrl-C stays what it is; Ctrl-S and Ctrl-Z are disabled: neither a stopped
    terminal nor a stopped process can listen.
    """
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read_available_keys() -> None:
        if has_hung_up(descriptor):
            loop.remove_reader(descriptor)
            redirect_hung_up_streams()
            return
        for key in decoder.decode(os.read(descriptor, _MOST_AT_ONCE)):
            pressed(key)

    tty.setcbreak(descriptor)
    _disable_stop_keys(descriptor)
    loop.add_reader(descriptor, read_available_keys)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        if os.isatty(descriptor):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)  # draining waits for one that stands still


def silence_after_hang_up(printer: Callable[[_T], None]) -> Callable[[_T], None]:
    """Wrap the printing function `printer`: it prints nothing after the terminal hung up or the pipe closed."""

    def tell_until_hang_up(what: _T) -> None:
        try:
            printer(what)
        except OSError as fault:
            if fault.errno not in {errno.EIO, errno.EPIPE}:
                raise
            redirect_hung_up_streams()

    return tell_until_hang_up


def redirect_hung_up_streams() -> None:
    """Redirect standard descriptors whose terminal hung up, or whose pipe is closed, to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in filter(has_hung_up, STANDARD):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def has_hung_up(descriptor: int) -> bool:
    """Whether the descriptor was a terminal or a pipe to write to, and its other end is closed."""
    try:
        termios.tcgetattr(descriptor)
    except termios.error as fault:
        if fault.args[0] == errno.EIO:
            return True
    watched = select.poll()
    watched.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in watched.poll(0))


def leave_screen(descriptor: int) -> None:
    """Switch a terminal back to its main screen, after a view that ended without doing so. Never blocks."""
    try:
        own = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return  # the terminal is gone
    with suppress(OSError):
        os.write(own, LEAVE.encode())
    os.close(own)


def _disable_stop_keys(descriptor: int) -> None:
    changed = termios.tcgetattr(descriptor)
    changed[tty.IFLAG] &= ~termios.IXON
    changed[tty.CC][termios.VSUSP] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes()
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)


@contextmanager
def capture_stderr(error: int) -> Iterator[Callable[[], list[str]]]:
    """Capture what this process, with native libraries, writes on standard error, descriptor `error`.

    Yields a function that returns the new lines: warnings are never hidden. If standard error is the terminal, all are
    printed there at the end; else they are passed on when they are read.
    """
    kept, before = os.memfd_create("standard error"), os.dup(error)  # a full pipe would block the writer
    at_once, printed, rest = not os.isatty(before), 0, b""

    def unread() -> bytes:
        return os.pread(kept, os.fstat(kept).st_size - printed, printed)

    def take_new_lines() -> list[str]:
        nonlocal printed, rest
        new = unread()
        printed += len(new)
        if at_once:
            _write_all(before, new)
        *lines, rest = (rest + new).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    sys.stderr.flush()
    os.dup2(kept, error)
    try:
        yield take_new_lines
    finally:
        sys.stderr.flush()
        os.dup2(before, error)
        printed = printed if at_once else 0
        _write_all(before, unread())
        os.close(before)
        os.close(kept)


def _write_all(descriptor: int, what: bytes) -> None:
    while what and not has_hung_up(descriptor):
        what = what[os.write(descriptor, what) :]
