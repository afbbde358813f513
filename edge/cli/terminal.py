"""The terminal that a command runs in: its keyboard, key by key, and its hanging up, which ends nothing by itself.

A window is closed, an ssh connection breaks: from then on reading gives nothing and writing fails with EIO, while the
agent has still to keep and deliver what it heard.
"""

from __future__ import annotations

import asyncio
import codecs
import errno
import os
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

MOST_AT_ONCE = 64
"""Bytes taken at one time: more than anybody types between two turns of the loop."""

STANDARD = (0, 1, 2)
"""Input, output and error."""

T = TypeVar("T")


@contextmanager
def keys(descriptor: int, pressed: Callable[[str], None]) -> Iterator[None]:
    """Tell `pressed` of each character, on the running loop; does nothing where `descriptor` is no terminal.

    The terminal is put back as it was at the end. Ctrl-C stays what it is; Ctrl-S and Ctrl-Z do nothing: neither a
    terminal that takes no more nor a process that stands still can listen to anybody.
    """
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read() -> None:
        if has_hung_up(descriptor):
            loop.remove_reader(descriptor)
            let_go()
            return
        for key in decoder.decode(os.read(descriptor, MOST_AT_ONCE)):
            pressed(key)

    tty.setcbreak(descriptor)
    _without_standstill(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        if os.isatty(descriptor):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def outliving(tell: Callable[[T], None]) -> Callable[[T], None]:
    """The same as `tell`, which prints, until the terminal hangs up; from then on nothing is printed."""

    def told(what: T) -> None:
        try:
            tell(what)
        except OSError as fault:
            if fault.errno != errno.EIO:
                raise
            let_go()

    return told


def let_go() -> None:
    """Give up a terminal that hung up: what is still written to it goes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in filter(has_hung_up, STANDARD):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def has_hung_up(descriptor: int) -> bool:
    """Whether it was a terminal, and nobody is at its other end any more."""
    try:
        termios.tcgetattr(descriptor)
    except termios.error as fault:
        return bool(fault.args[0] == errno.EIO)
    return False


def _without_standstill(descriptor: int) -> None:
    changed = termios.tcgetattr(descriptor)
    changed[tty.IFLAG] &= ~termios.IXON
    changed[tty.CC][termios.VSUSP] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes()
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
