"""Notifications to systemd (sd_notify): ready, watchdog, status, stopping.

The protocol is one datagram of `KEY=value` lines to the socket named in $NOTIFY_SOCKET. Without systemd there is no
such socket, and nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Self

_logger = logging.getLogger(__name__)


class Notifier:
    """The connection to the service manager. A failed notification is logged and never stops the service."""

    def __init__(self, address: str | None, period_s: float | None = None) -> None:
        """Send to the socket `address` (None: nowhere), a path, or `@name` in the abstract namespace."""
        self.period_s = period_s
        """Interval of `alive`, seconds: half the watchdog's timeout. None: no watchdog."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._unheard = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID (sd_watchdog_enabled(3))."""
        return cls(environment.get("NOTIFY_SOCKET") or None, _watchdog_period_s(environment))

    def ready(self, status: str) -> None:
        """Tell systemd that startup is complete, with a status line."""
        self._send(f"READY=1\n{_status_line(status)}")

    def alive(self) -> None:
        """Watchdog ping. Without one for twice `period_s`, systemd restarts the service."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Tell systemd that shutdown has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows. Every user can read it: no secret, no operator's speech."""
        self._send(_status_line(text))

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
                # A manager that does not read must not block the loop; the next ping repeats the message.
                way.setblocking(False)
                way.sendto(message.encode(), self._address)
        except OSError as fault:
            self._log_once(fault)
        else:
            self._unheard = False

    def _log_once(self, fault: OSError) -> None:
        """Log the first of several failures in a row."""
        if not self._unheard:
            _logger.warning(
                "systemd cannot be reached at $NOTIFY_SOCKET (%s) and may restart this service", fault.strerror or fault
            )
        self._unheard = True


def _status_line(text: str) -> str:
    # A line break would begin another key.
    return f"STATUS={' '.join(text.split())}"


def _watchdog_period_s(environment: Mapping[str, str]) -> float | None:
    if environment.get("WATCHDOG_PID") not in {None, "", str(os.getpid())}:
        return None  # The watchdog is for another process.
    limit_us = environment.get("WATCHDOG_USEC", "")
    return int(limit_us) / 2 / 1_000_000 if limit_us.isdecimal() and int(limit_us) > 0 else None
