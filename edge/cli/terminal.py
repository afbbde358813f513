"""The keyboard of the terminal that a command runs in, key by key."""

from __future__ import annotations

import asyncio
import codecs
import os
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_AT_ONCE = 64
"""Bytes taken at one time: more than anybody types between two turns of the loop."""


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
        for key in decoder.decode(os.read(descriptor, MOST_AT_ONCE)):
            pressed(key)

    tty.setcbreak(descriptor)
    _without_standstill(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _without_standstill(descriptor: int) -> None:
    changed = termios.tcgetattr(descriptor)
    changed[tty.IFLAG] &= ~termios.IXON
    changed[tty.CC][termios.VSUSP] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes()
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
