"""The keyboard of the terminal that a command runs in, key by key."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_AT_ONCE = 64
"""Bytes taken at one time: more than anybody types between two turns of the loop."""


@contextmanager
def keys(descriptor: int, pressed: Callable[[str], None]) -> Iterator[None]:
    """Tell `pressed` of each key, on the running loop; does nothing where `descriptor` is no terminal.

    The terminal is put back as it was at the end. Ctrl-C stays what it is.
    """
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def read() -> None:
        for key in os.read(descriptor, MOST_AT_ONCE).decode(errors="replace"):
            pressed(key)

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
