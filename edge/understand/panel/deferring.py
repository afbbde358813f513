"""When the next deferred utterance is read. Pure: time is handed in, in seconds of a monotonic clock.

A model that has just come back has operators to serve: the backlog goes at a bounded rate. While nothing answers, the
tries grow rare; but whenever a model answers somebody, the next try is due.
"""

from __future__ import annotations

MINUTE_S = 60.0

FIRST_WAIT_S = 2.0
"""Wait after the first failure; it doubles from one to the next."""

MOST_WAIT_S = 30.0
"""Longest wait: so late, at worst, is it noticed that the network is back while nobody speaks."""


class Pacing:
    """The rate at which a backlog is worked off."""

    def __init__(self, per_minute: int) -> None:
        self._every_s = MINUTE_S / per_minute
        self._not_before = 0.0
        self._failures = 0
        self._failed_until = 0.0

    def due_in(self, now: float) -> float:
        """How long to wait before the next try, seconds; 0: now."""
        return max(0.0, self._not_before - now, self._failed_until - now)

    def tried(self, now: float) -> None:
        """An utterance is being read: the next one may be when its share of a minute is over."""
        self._not_before = now + self._every_s

    def failed(self, now: float) -> None:
        """No model answered."""
        self._failed_until = now + min(MOST_WAIT_S, FIRST_WAIT_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)  # 2**16 is past every wait, and no float overflows in a year

    def answered(self) -> None:
        """A model answered somebody: there is hope for what was deferred."""
        self._failures, self._failed_until = 0, 0.0
