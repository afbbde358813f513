"""In-flight publications: what was handed to the network and has no PUBACK yet."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

PATIENCE_S = 1.0
"""How long a PUBACK waits for the publishing thread to note what it was for: that takes microseconds."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A publication without its PUBACK."""

    tag: str
    size: int  # Of the payload, bytes.
    at: float  # When it was handed over, on the monotonic clock.


class OnTheWay:
    """The publications of one connection by packet identifier: noted on any thread, taken off on paho's."""

    def __init__(self) -> None:
        self._noted = threading.Condition()
        self._sent: dict[int, _Sent] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sent)

    def note(self, packet: int, tag: str, size: int) -> None:
        """A publication of `size` bytes was handed over just now."""
        with self._noted:
            self._sent[packet] = _Sent(tag, size, time.monotonic())
            self._noted.notify_all()

    def take(self, packet: int) -> str | None:
        """The tag of what a PUBACK came for; None for what is not of this connection."""
        # The PUBACK can be here before the publishing thread has noted which packet carries its tag.
        with self._noted:
            self._noted.wait_for(lambda: packet in self._sent, timeout=PATIENCE_S)
            sent = self._sent.pop(packet, None)
        return None if sent is None else sent.tag

    def clear(self) -> None:
        """A connection begins: what the one before it still waited for is none of its own."""
        with self._noted:
            self._sent.clear()

    def since(self, now: float) -> float:
        """Since when a publication waits for its PUBACK, on the monotonic clock; `now` if none does."""
        with self._noted:
            return next((sent.at for sent in self._sent.values()), now)

    def largest(self) -> str | None:
        """The tag of the largest publication; None where there is none."""
        with self._noted:
            untaken = list(self._sent.values())
        return max(untaken, key=lambda sent: sent.size).tag if untaken else None
