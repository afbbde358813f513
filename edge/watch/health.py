"""Whether everything that must advance does: the parts' pulse, and which of them has stopped.

A service that is active and deaf is worse than one that is down. So each part beats when it really got on (the ear for
a frame, the journal for an answer), and the watchdog is fed only while no part has stalled. Time is handed in, in
seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping


class Health:
    """The pulse of the parts. All are taken to be well when it is first told or asked anything."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        """`limits`: for each part the longest time between two beats, in seconds."""
        self._limits = dict(limits)
        self._beaten: dict[str, float] = {}

    def beat(self, part: str, now: float) -> None:
        """`part` got on. Raises KeyError for a part that has no limit: nobody would notice when it stops."""
        if part not in self._limits:
            raise KeyError(f"{part}: no such part; there are {', '.join(self._limits)}")
        self._begin(now)
        self._beaten[part] = now

    def stalled(self, now: float) -> tuple[str, ...]:
        """The parts that went longer than their limit without a beat, each as `ear for 7.2 s`; empty: all is well."""
        self._begin(now)
        since = {part: now - beaten for part, beaten in self._beaten.items()}
        return tuple(f"{part} for {since[part]:.1f} s" for part, limit in self._limits.items() if since[part] > limit)

    def _begin(self, now: float) -> None:
        self._beaten = self._beaten or dict.fromkeys(self._limits, now)
