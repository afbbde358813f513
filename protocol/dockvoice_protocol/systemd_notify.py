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

logger = logging.getLogger(__name__)


class Notifier:
    """The way to the service manager. It is told as one speaks to a supervisor: a lost word never ends the work."""

    def __init__(self, address: str | None, period_s: float | None = None) -> None:
        """Send to the socket `address` (None: nowhere), a path, or `@name` in the abstract namespace."""
        self.period_s = period_s
        """How often `alive` is due, seconds: half the time after which the watchdog strikes. None: nobody waits."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._unheard = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """As systemd asked for it: $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID (sd_watchdog_enabled(3))."""
        return cls(environment.get("NOTIFY_SOCKET") or None, _period_s(environment))

    def ready(self, status: str) -> None:
        """All parts run: from now on the unit is active."""
        self._send(f"READY=1\n{_status(status)}")

    def alive(self) -> None:
        """Everything that must advance advances. Left unsaid for twice `period_s`, systemd restarts the agent."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Asked to end: what is begun is being finished."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`. It is public on the machine: no secret, and nothing an operator said."""
        self._send(_status(text))

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
                # A manager that does not read must not hold up the loop: the next ping says the same again.
                way.setblocking(False)
                way.sendto(message.encode(), self._address)
        except OSError as fault:
            self._tell_once(fault)
        else:
            self._unheard = False

    def _tell_once(self, fault: OSError) -> None:
        """Log the first of a row of failures: the pings go on, and each would say the same."""
        if not self._unheard:
            logger.warning(
                "systemd cannot be reached at $NOTIFY_SOCKET (%s) and may restart this service", fault.strerror or fault
            )
        self._unheard = True


def _status(text: str) -> str:
    # A line break would end the value and begin another key.
    return f"STATUS={' '.join(text.split())}"


def _period_s(environment: Mapping[str, str]) -> float | None:
    if environment.get("WATCHDOG_PID") not in {None, "", str(os.getpid())}:
        return None  # It is another process that systemd waits for.
    limit_us = environment.get("WATCHDOG_USEC", "")
    return int(limit_us) / 2 / 1_000_000 if limit_us.isdecimal() and int(limit_us) > 0 else None
