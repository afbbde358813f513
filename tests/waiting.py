"""Waiting for what must come: by condition or by notice, with an end, never by sleeping for luck."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 60.0
"""Everything waited for comes within a second or two; this is for a machine that is busy with something else."""

LOOK_S = 0.5  # How often one who waits for a word looks whether anybody is left to say it.

Complaint = str | Callable[[], str]  # What a test fails with: a callable where it can only be told then, as from a log.


def until(condition: Callable[[], bool], complaint: Complaint, seconds: float = PATIENCE_S) -> None:
    """Return when the condition holds; fail with the complaint if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, _told(complaint)
        time.sleep(0.02)


def while_running(running: Coroutine[Any, Any, object], work: Callable[[], object]) -> None:
    """Work in a thread while this runs in a loop, and then end it."""

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(running)
            await asyncio.to_thread(work)
            task.cancel()

    asyncio.run(both())


class Notices:
    """The service manager's end of sd_notify: `address` is what a program is given as $NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.address = f"{self._directory.name}/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()
        self._directory.cleanup()

    def hear(
        self, word: str, complaint: Complaint, ended: Callable[[], bool] = lambda: False, seconds: float = PATIENCE_S
    ) -> bool:
        """Return when the program said `word`, for example READY=1; what it said before that is gone.

        False where it never will, since it has `ended`.
        """
        deadline = time.monotonic() + seconds
        self._socket.settimeout(LOOK_S)
        while time.monotonic() < deadline:
            try:
                if word in self._socket.recv(4096).decode().split("\n"):
                    return True
            except TimeoutError:
                if ended():
                    return False
        raise AssertionError(_told(complaint))


def _told(complaint: Complaint) -> str:
    return complaint if isinstance(complaint, str) else complaint()
