"""Limits: how often somebody may ask. A bucket for each, which fills again by itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

MOST = 10_000  # Of those who ask that are remembered; the one heard of longest ago is forgotten, with a full bucket.


class Limits:
    """Of all who ask. Safe to use from several threads."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float]) -> None:
        """`burst` may be asked at once, and `per_minute` in the long run. `clock` gives seconds that never go back."""
        self._per_s = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, who: str) -> float:
        """In how many seconds he may ask: 0, and then it is counted."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(who, (float(self._burst), now))
            left = min(float(self._burst), left + (now - at) * self._per_s)
            may = left >= 1
            self._left[who] = (left - 1 if may else left, now)
            if len(self._left) > MOST:
                self._left.popitem(last=False)
            return 0 if may else (1 - left) / self._per_s
