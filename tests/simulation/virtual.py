"""Time that passes only when nobody has anything left to do, and processes that end at any step they take."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

STEPS = 120  # A life that is to end by a crash takes at most so many steps first: some events are on their way by then.


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose clock jumps to whatever is due next. Work for threads is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._selector = self

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._seconds

    def select(self, timeout: float | None) -> list[Any]:
        """What asyncio waits in."""
        assert timeout is not None, "nothing will ever happen again"
        self._seconds += timeout
        return []

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override] # wider than asyncio's
        """Done when it returns."""
        done = self.create_future()
        done.set_result(func(*args))
        return done

    def _write_to_self(self) -> None:
        """There are no other threads to be woken from."""

    def _process_events(self, events: list[Any]) -> None:
        """There are no files to be ready."""


class Crash(BaseException):
    """The process is gone. Nobody may catch it, as nobody could."""


class Fuse:
    """Ends a process at a step chosen by chance. A step is whatever others could see: a commit, a message."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left = 0

    def set(self, likely: float) -> None:
        """A new life begins, which ends by a crash with this likelihood."""
        self._left = self._chance.randrange(1, STEPS) if self._chance.random() < likely else 0

    def end_after(self, steps: int) -> None:
        """The process ends at just this step from here."""
        self._left = steps

    def burn(self) -> None:
        """A step is taken, or was taken. Raises Crash."""
        if self._left:
            self._left -= 1
            if not self._left:
                raise Crash
