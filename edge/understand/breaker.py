"""The circuit breaker: after repeated failures, no requests go to a service for a while. Pure.

Closed, all requests go through. Open, none does until the pause is over; then it is half open and admits one. If that
succeeds it closes, else the next pause is twice as long. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

_FAILURES = 3
"""Failures in a row that open it: one can be chance, two are a burst, three cost an operator three late answers."""

_PAUSE_S = 5.0
"""The first pause: about the time between two utterances, so that a short outage costs one or two of them."""

_LONGEST_PAUSE_S = 60.0  # The longest: a service that is back is used again within a minute.


class Breaker:
    """A circuit breaker, one for each client."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause_s = _PAUSE_S
        self._tries_at: float | None = None
        self._trying = False

    def wait_s(self, now: float) -> float:
        """Seconds until the next request is admitted; 0 while closed."""
        return max(0.0, (self._tries_at or now) - now)

    def try_acquire(self, now: float) -> bool:
        """Whether a request is admitted now; after True, call `record_success`, `record_failure` or `release`."""
        if self._tries_at is None:
            return True
        if now < self._tries_at:
            return False
        first, self._trying = not self._trying, True
        return first

    def record_success(self) -> None:
        """Record a successful request: close the breaker."""
        self._failures, self._pause_s, self._tries_at, self._trying = 0, _PAUSE_S, None, False

    def record_failure(self, now: float) -> None:
        """Record a failed request; open after three in a row, or after a failed trial request."""
        if self._tries_at is not None and not self._trying:
            return  # it went before the breaker opened, and adds nothing to what is known
        self._failures += 1
        if self._trying or self._failures >= _FAILURES:
            self._tries_at = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        self._trying = False

    def release(self) -> None:
        """Free the slot of a cancelled request, which counts neither as success nor as failure."""
        self._trying = False
