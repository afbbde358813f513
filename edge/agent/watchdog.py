"""The watchdog: monitors heartbeats, disk space, the clock and the journal.

It pings systemd, and stops recording before the disk is full.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import IntEnum

from dockvoice_protocol.systemd import Notifier
from edge.agent.clock import Clock
from edge.agent.dictation import Dictation
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.retention import MB


class Heartbeats:
    """Heartbeats of an agent's parts. Thread-safe.

    All timers start at the first call of `beat` or `stalled`.
    """

    def __init__(self, limits: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        """`limits`: each part's longest time between two beats, in seconds."""
        self._limits = dict(limits)
        self._now = now
        self._beaten: dict[str, float] = {}

    def beat(self, part: str) -> None:
        """Record a heartbeat. Raises KeyError for a part without a limit: its stall would go unnoticed."""
        if part not in self._limits:
            raise KeyError(f"{part}: no such part; there are {', '.join(self._limits)}")
        now = self._now()
        self._begin(now)
        self._beaten[part] = now

    def stalled_parts(self) -> tuple[str, ...]:
        """The parts whose last beat is older than their limit, each as `ear for 7.2 s`; empty: all is well."""
        now = self._now()
        self._begin(now)
        since = {part: now - beaten for part, beaten in self._beaten.items()}
        return tuple(f"{part} for {since[part]:.1f} s" for part, limit in self._limits.items() if since[part] > limit)

    def _begin(self, now: float) -> None:
        self._beaten = self._beaten or dict.fromkeys(self._limits, now)


_RETURN = 1.25  # Hysteresis: a level improves once this multiple of its threshold is free.


class DiskLevel(IntEnum):
    """The level of free space; the higher, the worse."""

    AMPLE = 0
    LOW = 1  # Recordings are removed.
    OUT = 2  # Recording stops: the rest is reserved for concluding recorded utterances.


class DiskWatch:
    """Tracks the level of one disk's free space."""

    def __init__(self, *, alarm_free: float, stop_free: float) -> None:
        """Both in bytes; `alarm_free` is the larger one."""
        self._thresholds = {DiskLevel.OUT: stop_free, DiskLevel.LOW: alarm_free}
        self.level = DiskLevel.AMPLE

    def update_level(self, free: int) -> bool:
        """Set the level from the free bytes, with hysteresis; return whether the level changed."""
        before = self.level
        worse, better = self._level(free, 1), self._level(free, _RETURN)
        self.level = max(worse, min(before, better))
        return self.level is not before

    def _level(self, free: int, margin: float) -> DiskLevel:
        return max(
            (level for level, least in self._thresholds.items() if free < least * margin), default=DiskLevel.AMPLE
        )


logger = logging.getLogger(__name__)

_IN_PLACE_EVERY_S = 0.5
"""Poll interval for the journal's path: speech is lost for less than a second when it is removed."""

_WATCH_EVERY_S = 1.0  # Interval of the health check: a small part of any watchdog's period.
DISK_EVERY_S = 2.0  # Poll interval of free space; the reserve covers a disk that fills faster.

LATE_S = 10.0  # Limit between heartbeats of loop, journal, relay and ear: each takes milliseconds when well.

SYNCHRONISED_S = 600.0
"""A time server answers within minutes of a start; after this time without one a warning says that age is ignored."""


class Supervisor:
    """Background tasks that watch heartbeats, the state directory, disk space, the clock and the journal."""

    def __init__(
        self,
        settings: Settings,
        executor: JournalThread,
        heartbeats: Heartbeats,
        notifier: Notifier,
        clock: Clock,
        dictation: Dictation,
        has_free: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`has_free` is called with the free bytes of the journal's disk at each poll."""
        self._settings = settings
        self._executor = executor
        self._heartbeats = heartbeats
        self._notifier = notifier
        self._clock = clock
        self._dictation = dictation
        self._has_free = has_free
        self._doubted_since: float | None = None  # Since when the clock is not trusted; None while it is.
        self._age_waits = False  # Whether the warning that age is ignored was logged.
        keep = settings.keep
        self._disk = DiskWatch(alarm_free=keep.alarm_free_mb * MB, stop_free=keep.stop_free_mb * MB)

    async def run_watchdog(self, is_deaf_rightly: Callable[[], bool], tell_locked: Callable[[bool], None]) -> None:
        """Ping systemd's watchdog only while every part beats, so that a deaf service is restarted.

        `is_deaf_rightly`: whether frames are not expected (before the first the microphone itself watches, after the
        last none come). `tell_locked` is called when another program locks the journal, and when it unlocks it.
        """
        due = 0.0
        while True:
            self._heartbeats.beat("loop")
            self._clock.is_believed()  # each call detects steps since the last
            await self._wait_for_journal(tell_locked)
            self._heartbeats.beat("journal")
            if is_deaf_rightly():
                self._heartbeats.beat("ear")
            now = time.monotonic()
            if stalled := self._heartbeats.stalled_parts():
                logger.error("stalled: %s; the watchdog is not told that all is well", ", ".join(stalled))
                self._notifier.set_status(f"stalled: {', '.join(stalled)}")
            elif now >= due:
                self._notifier.ping_watchdog()
                due = now + (self._notifier.period_s or 0.0)
            await asyncio.sleep(_WATCH_EVERY_S)

    async def _wait_for_journal(self, tell_locked: Callable[[bool], None]) -> None:
        """Wait for the journal; while another program has it locked, ping systemd: a restart would not help."""
        is_reported = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_EVERY_S):
                    await self._executor(lambda journal: journal.outbox.count_unsettled())
                    break
            if self._executor.locked is not None:
                if not is_reported:
                    is_reported = True
                    tell_locked(True)
                for part in ("loop", "journal", "relay"):
                    self._heartbeats.beat(part)
                self._notifier.set_status(f"waiting: {self._executor.locked}")
                self._notifier.ping_watchdog()
        if is_reported:
            tell_locked(False)

    async def watch_state_directory(self) -> None:
        """Raise StorageFailed once the state directory is removed or replaced."""
        while True:
            await self._executor(lambda journal: journal.demand_in_place())
            await asyncio.sleep(_IN_PLACE_EVERY_S)

    async def manage_disk_space(self) -> None:
        """Delete old data, stop recording before the disk is full, resume it once there is space; until cancelled."""
        while True:
            believed = self._clock.is_believed()
            self._warn_if_long_doubted(believed=believed)
            free = await self._executor.free_disk_space(believed=believed)
            self._has_free(free)
            if self._disk.update_level(free):
                self._report_level_and_stop_if_full(free)
            if self._disk.level is not DiskLevel.OUT:
                self._dictation.resume_capture()
            await asyncio.sleep(DISK_EVERY_S)

    def _warn_if_long_doubted(self, *, believed: bool) -> None:
        if believed:
            self._doubted_since, self._age_waits = None, False
            return
        now = time.monotonic()
        self._doubted_since = now if self._doubted_since is None else self._doubted_since
        if not self._age_waits and now - self._doubted_since >= SYNCHRONISED_S:
            logger.warning("no recording is removed for its age while nobody vouches for the clock of this device")
            self._age_waits = True

    def _report_level_and_stop_if_full(self, free: int) -> None:
        """Log a new level of free space; at level OUT, stop recording."""
        keep = self._settings.keep
        left = f"{self._settings.state}: {free / MB:,.1f} MB left"
        match self._disk.level:
            case DiskLevel.OUT:
                lacking = f"{left}, less than the {keep.stop_free_mb:g} of keep.stop_free_mb; free space on its disk"
                logger.error("nothing is recorded any more: %s", lacking)
                self._notifier.set_status("not recording: the disk is full")
                self._dictation.stop_capture(lacking)
            case DiskLevel.LOW:
                logger.warning(
                    "%s, less than keep.alarm_free_mb = %g; free space on its disk", left, keep.alarm_free_mb
                )
            case DiskLevel.AMPLE:
                logger.warning("%s: enough again", left)

    async def check_journal(self) -> None:
        """Check the journal's integrity, if it was too large to be checked at the start."""
        if not await self._executor(lambda journal: journal.is_checked):
            await asyncio.to_thread(Journal.check, self._settings.state)
