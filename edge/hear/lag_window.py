"""The smallest lag of the sample count behind the clock, window by window. Pure."""

from __future__ import annotations


class LagWindow:
    """Measures how the smallest lag changes; one late piece is followed by a burst, so only the smallest lag counts."""

    def __init__(self, rate: int, window_s: float) -> None:
        """`rate`: samples per second of the sample count; `window_s`: the length of a window in seconds."""
        self._rate = rate
        self._window_s = window_s
        self._window_end: float | None = None
        self._smallest = float("inf")
        self._before: float | None = None

    def update(self, end: int, arrived: float) -> float | None:
        """Add the sample count after a piece and its arrival time in seconds.

        Where a window ends, return by how many seconds its smallest lag exceeds that of the window before; else None.
        """
        lag = arrived - end / self._rate
        if self._window_end is None:
            self._window_end = arrived + self._window_s
        if arrived < self._window_end:
            self._smallest = min(self._smallest, lag)
            return None
        growth = None if self._before is None else self._smallest - self._before
        self._before, self._smallest, self._window_end = self._smallest, lag, arrived + self._window_s
        return growth
