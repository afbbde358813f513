"""Waiting for what must come: by condition or by notice, with an end, never by sleeping for luck."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

PATIENCE_S = 60.0
"""Everything waited for comes within a second or two; this is for a machine that is busy with something else."""


def until(condition: Callable[[], bool], complaint: str, seconds: float = PATIENCE_S) -> None:
    """Return when the condition holds; fail with the complaint if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)


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

    def wait_until_ready(self, complaint: Callable[[], str]) -> None:
        """Return when READY=1 came."""
        deadline = time.monotonic() + PATIENCE_S
        self._socket.settimeout(PATIENCE_S)
        try:
            while b"READY=1" not in self._socket.recv(4096):
                assert time.monotonic() < deadline, complaint()
        except TimeoutError:
            raise AssertionError(complaint()) from None
