"""Clock trust: whether the wall clock is set by NTP, and the time since start that stands in for it.

Wall time is only data here, and timeouts use the monotonic clock, so a wrong clock loses nothing; but it dates an entry
wrongly, which the entry must then say. The clock is trusted while the kernel reports it as synchronised: every time
daemon (systemd-timesyncd, chrony, ntpd) sets that state, and setting the time by hand clears it. Besides, the wall
clock is compared with CLOCK_BOOTTIME: a step unknown to the kernel, as in a virtual machine, makes the clock doubtful
until a daemon has had time to check it again.
"""

from __future__ import annotations

import ctypes
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

RELEASED = 1_793_491_200.0  # 2026-11-01 in Unix time: this program is not older, so no correct clock is before it.

_STEP_S = 0.5
"""A larger difference between two readings is a step. Daemons that slew run the clock at most a twelfth faster or
slower (chrony, maxslewrate): 0.08 s per second."""

_VOUCHED_S = 2048.0
"""Within this time a daemon has polled its servers again: systemd-timesyncd's longest interval, and twice chrony's."""

_TIME_ERROR = 5  # adjtimex(2) returns this while the clock is not synchronised.

_TIMEX_BYTES = 256  # Buffer for struct timex, at most 208 bytes. Its first member, modes, stays 0: read only.

_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Created by systemd-timesyncd when it has set the clock; the fallback where adjtimex(2) is not allowed."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Wall and steady clock, read at one moment."""

    wall: float  # Unix time, seconds.
    steady: float  # CLOCK_BOOTTIME, seconds: never set, and counts during suspend.
    vouched: bool  # Whether the system reports its wall clock as synchronised.


class ClockWatch:
    """Detects steps of the wall clock from successive readings. Pure."""

    def __init__(self, first: ClockReading) -> None:
        self._last = first
        self._doubted_at: float | None = None
        """Steady time of the last detected step; None without one, and once a daemon has checked the clock again."""

    def detect_step_s(self, now: ClockReading) -> float:
        """Add a reading; return the seconds by which the wall clock stepped since the last one, or 0."""
        before, self._last = self._last, now
        step = (now.wall - before.wall) - (now.steady - before.steady)
        if abs(step) > _STEP_S:
            self._doubted_at = now.steady
            return step
        doubted_s = math.inf if self._doubted_at is None else now.steady - self._doubted_at
        if now.vouched and (not before.vouched or doubted_s >= _VOUCHED_S):  # a daemon has checked it again
            self._doubted_at = None
        return 0.0

    @property
    def is_believed(self) -> bool:
        """Whether the wall clock is synchronised, has not stepped, and is not before the release."""
        return self._last.vouched and self._doubted_at is None and self._last.wall >= RELEASED


def read_clocks() -> ClockReading:
    """Read this machine's clocks."""
    return ClockReading(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), _is_kernel_synchronised())


class Clock:
    """This machine's wall clock, checked for steps. Thread-safe."""

    def __init__(self, look: Callable[[], ClockReading] = read_clocks) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._watch = ClockWatch(look())

    def is_believed(self) -> bool:
        """Whether the wall clock is trusted now. Call it about every second: each call detects steps since the last."""
        with self._lock:
            step = self._watch.detect_step_s(self._look())
            believed = self._watch.is_believed
        if step:
            logger.warning(
                "the clock of this device was set %s by %.1f s; entries say that their time is doubtful until it is "
                "synchronised again",
                *("forward" if step > 0 else "back", abs(step)),
            )
        return believed


def _is_kernel_synchronised() -> bool:
    answer = int(_libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return _SYNCHRONISED.exists() if answer < 0 else answer != _TIME_ERROR


_libc = ctypes.CDLL(None)
