"""Words to systemd (sd_notify): ready, stopping, still alive. Silent where nobody asked to be told.

The protocol: datagrams of `NAME=value` to the UNIX socket that $NOTIFY_SOCKET names, see sd_notify(3).
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

PATIENCE_S = 0.1
"""How long to wait where the reader's queue is full: systemd that hangs must not make us hang."""


def tell(*words: str) -> None:
    """Send `words`, for example `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace, which the kernel writes with a leading NUL
        address = "\0" + address[1:]
    # Where systemd does not hear us its own timeouts act; that is no reason to stop applying events.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
        systemd.settimeout(PATIENCE_S)
        systemd.sendto("\n".join(" ".join(word.split()) for word in words).encode(), address)


def watchdog_s() -> float | None:
    """After how many seconds of silence systemd ends this process; None where it does not watch."""
    if os.environ.get("WATCHDOG_PID", "") not in {"", str(os.getpid())}:
        return None  # it is another process that is watched
    microseconds = os.environ.get("WATCHDOG_USEC")
    return int(microseconds) / 1_000_000 if microseconds else None
