"""Kills what it is told, again and again, while a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Killing:
    """Calls `kill` again and again in a thread of its own, `most` times at most, until the block ends.

    `kill` ends one process, starts it again as systemd does, and returns when it is back: in how many seconds the next
    kill is due. The first is due after `first_s`, counted from the begin of the block, or from `begin` if it `waits`.
    """

    def __init__(
        self, kill: Callable[[], float], first_s: float, most: int | None = None, *, waits: bool = False
    ) -> None:
        self.kills = 0
        self._kill = kill
        self._first_s = first_s
        self._most = most
        self._begun, self._over = threading.Event(), threading.Event()
        self._work = ThreadPoolExecutor(1)
        if not waits:
            self._begun.set()

    def __enter__(self) -> Self:
        self._killed = self._work.submit(self._kill_again_and_again)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._begun.set()
        self._work.shutdown()
        if fault is None:
            self._killed.result()

    def begin(self) -> None:
        """Begin, where it waits for that."""
        self._begun.set()

    def end(self) -> None:
        """Kill no more, if it has begun."""
        if self._begun.is_set():
            self._over.set()

    def check(self) -> None:
        """Raise what has ended the killing: one of them may be dead for good."""
        if self._killed.done():
            self._killed.result()

    def _kill_again_and_again(self) -> None:
        self._begun.wait()
        wait_s = self._first_s
        while self.kills != self._most and not self._over.wait(wait_s):
            self.kills += 1
            wait_s = self._kill()
