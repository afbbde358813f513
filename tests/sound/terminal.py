"""A person at a terminal: a program runs in a pseudo-terminal, its screen is looked at and its keys are pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

import pyte

from tests.processes.starting import Started, can_be_forked
from tests.waiting import until

PIECE = 65_536
ENDED_IN_S = 60
LOOK_S = 0.05

FAINT, BRIGHT_BLACK = 2, 90
"""Of ECMA-48's renditions, one that pyte does not know, and the colour that stands in for it."""


class Screen(pyte.Screen):
    """What a terminal shows of what is written on it."""

    def select_graphic_rendition(self, *renditions: int, **_: bool) -> None:
        super().select_graphic_rendition(*(BRIGHT_BLACK if one == FAINT else one for one in renditions))


class Terminal:
    """A terminal of so many columns and lines, in which one program runs while the block lasts."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], columns: int = 80, lines: int = 24
    ) -> None:
        self.pieces: list[tuple[float, bytes]] = []  # What the program wrote, and when, by the monotonic clock.
        self._seen: tuple[int, list[str]] = (-1, [])
        self._screen = Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._looking = Lock()
        self._hung_up = Event()
        self._person, self._program = pty.openpty()
        self._set_size(columns, lines)
        self.before = termios.tcgetattr(self._program)  # How the terminal was set before the program began.
        kept = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        inside = {**kept, "TERM": "xterm-256color"}
        # The leader of a session whose terminal this is, so that Ctrl-C is a signal.
        leads = can_be_forked(command, inside)
        self.process = Started(
            [*([] if leads else ["setsid", "--ctty"]), *command],
            env=inside,
            stdin=self._program,
            stdout=self._program,
            stderr=self._program,
            start_new_session=leads,
        )
        self._pool = ThreadPoolExecutor(1)
        self._reading = self._pool.submit(self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._program)
        self.hang_up()
        self._pool.shutdown()

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        with self._looking:
            if self._seen[0] != len(self.pieces):
                self._seen = len(self.pieces), [line.rstrip() for line in self._screen.display]
            return self._seen[1]

    @property
    def written(self) -> bytes:
        """All that the program wrote."""
        return b"".join(piece for _, piece in self.pieces)

    @property
    def settings(self) -> list[Any]:
        """How the terminal is set now."""
        return termios.tcgetattr(self._program)

    def shows(self, text: str) -> bool:
        """Whether it is on the screen."""
        return any(text in line for line in self.lines)

    def wait_for(self, text: str) -> str:
        """Return the line with this text as soon as there is one."""
        until(lambda: self.shows(text), lambda: f"{text!r} never showed on:\n" + "\n".join(self.lines))
        return next((line for line in self.lines if text in line), "")

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._person, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """The window gets another size."""
        with self._looking:
            self._screen.resize(lines, columns)
            self._screen.erase_in_display(2)
        self._set_size(columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def hang_up(self) -> None:
        """The window is closed, or the line to it breaks: the kernel tells the program with SIGHUP."""
        if self._hung_up.is_set():
            return
        self._hung_up.set()
        self._reading.result()
        os.close(self._person)

    def ended(self) -> int:
        """Its exit code, once it has ended and all it wrote was read."""
        code = self.process.wait(ENDED_IN_S)
        size = -1
        while size != len(self.written):
            size = len(self.written)
            time.sleep(0.1)
        return code

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._program, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        while True:
            there, _, _ = select.select([self._person], [], [], LOOK_S)
            if not there:
                if self._hung_up.is_set():
                    return
                continue
            try:
                written = os.read(self._person, PIECE)
            except OSError:  # nobody has the other end open any more
                return
            with self._looking:
                self.pieces.append((time.monotonic(), written))
                self._stream.feed(written)
