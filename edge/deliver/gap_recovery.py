"""Gap recovery: what to do when the inventory lacks an earlier event than the one it got. Pure.

Mostly the event was lost on the way and is still owed: it goes again at once, with all that follow it. But an inventory
that was restored from a backup, or is new, lacks events that it once confirmed: those are owed again from there on.

Neither may become a storm or a loop, whatever the inventory says. At once is done only when the number it waits for
has grown; for everything else the growing waits are enough. And what is settled is opened again only when the
inventory says so twice, a whole receipt's timeout apart, since one answer may be old: kept by the broker, or from a
second consumer that lags; and that timeout doubles each time until an answer shows that opening again has helped.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto

from dockvoice_protocol.events import Early

_MOST_DOUBLINGS = 8
"""An inventory that forgets everything it confirms is sent it all again every 2**8 timeouts: with 20 s, 85 minutes."""


class RecoveryStep(Enum):
    """What to do next."""

    NOTHING = auto()  # What is owed goes again after its waits.
    SEND_AGAIN = auto()  # All that is owed from the expected number on, now.
    ASK = auto()  # Send the oldest again when the wait is over: what it says then counts.
    REOPEN = auto()  # Owe again all from the expected number on.


class CatchingUp:
    """Remembers what was done about the inventory's gaps. Times are monotonic seconds."""

    def __init__(self, receipt_timeout_s: float) -> None:
        self._timeout_s = receipt_timeout_s
        self._sent_again_from = 0
        self._doubted_at: float | None = None  # When it first said that it lacks what it had confirmed.
        self._reopenings = 0  # How often it was taken at its word without any use so far.
        self._useful_from = 0  # An answer to this number, or a later one, shows that it was of use.

    @property
    def wait_s(self) -> float:
        """How long it is doubted that the inventory has lost what it confirmed."""
        return self._timeout_s * 2.0 ** min(self._reopenings, _MOST_DOUBLINGS)

    def connected(self) -> None:
        """A connection begins, and with it the numbers that were sent on it."""
        self._sent_again_from = 0
        self._doubted_at = None

    def settled(self, sequence: int) -> None:
        """The inventory has handled this number: whatever was heard before is old."""
        self._doubted_at = None
        if sequence >= self._useful_from:
            self._reopenings = 0

    def early(self, answer: Early, owed: Collection[int], now: float) -> RecoveryStep:
        """What to do about `answer`, when these are the first numbers that are owed."""
        expected = answer.expected
        if not owed or expected > max(owed) or expected >= answer.sequence:
            return RecoveryStep.NOTHING
        if expected in owed:
            return self._lost_on_the_way(expected)
        return self._lost_by_the_inventory(expected, max(owed), now)

    def _lost_on_the_way(self, expected: int) -> RecoveryStep:
        if expected <= self._sent_again_from:
            return RecoveryStep.NOTHING
        self._sent_again_from = expected
        return RecoveryStep.SEND_AGAIN

    def _lost_by_the_inventory(self, expected: int, last: int, now: float) -> RecoveryStep:
        if self._doubted_at is None:
            self._doubted_at = now
            return RecoveryStep.ASK
        if now - self._doubted_at < self.wait_s:
            return RecoveryStep.NOTHING
        self._doubted_at = None
        self._sent_again_from = expected
        self._reopenings += 1
        self._useful_from = last
        return RecoveryStep.REOPEN
