"""The watchdog: heartbeats of the parts, room on the disk, and a journal that is checked.

Nothing here hears or delivers. It looks, tells systemd, and stops recording before the disk is full.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import IntEnum

from dockvoice_protocol.systemd_notify import Notifier
from edge.agent.clock import Clock
from edge.agent.dictation import Dictation
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.retention import MB


class Heartbeats:
    """Each part of an agent beats here while it is well. May be called from any thread.

    All are taken to be well when it is first told or asked anything.
    """

    def __init__(self, limits: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        """`limits`: for each part the longest time between two beats, in seconds."""
        self._limits = dict(limits)
        self._now = now
        self._beaten: dict[str, float] = {}

    def beat(self, part: str) -> None:
        """`part` got on. Raises KeyError for a part that has no limit: nobody would notice when it stops."""
        if part not in self._limits:
            raise KeyError(f"{part}: no such part; there are {', '.join(self._limits)}")
        now = self._now()
        self._begin(now)
        self._beaten[part] = now

    def stalled(self) -> tuple[str, ...]:
        """The parts that went longer than their limit without a beat, each as `ear for 7.2 s`; empty: all is well."""
        now = self._now()
        self._begin(now)
        since = {part: now - beaten for part, beaten in self._beaten.items()}
        return tuple(f"{part} for {since[part]:.1f} s" for part, limit in self._limits.items() if since[part] > limit)

    def _begin(self, now: float) -> None:
        self._beaten = self._beaten or dict.fromkeys(self._limits, now)


RETURN = 1.25  # How much more than its threshold must be free before a level is left for a better one.


class DiskLevel(IntEnum):
    """How much room there is; the higher, the worse."""

    AMPLE = 0
    LOW = 1  # Time to make room.
    OUT = 2  # Nothing more may be recorded: what is left is for bringing to an end what was said.


class DiskWatch:
    """Follows the free space of one disk."""

    def __init__(self, *, alarm_free: float, stop_free: float) -> None:
        """Both in bytes; `alarm_free` is the larger one."""
        self._thresholds = {DiskLevel.OUT: stop_free, DiskLevel.LOW: alarm_free}
        self.level = DiskLevel.AMPLE

    def update(self, free: int) -> bool:
        """Set the level from the free bytes, with hysteresis; return whether it changed."""
        before = self.level
        worse, better = self._level(free, 1), self._level(free, RETURN)
        self.level = max(worse, min(before, better))
        return self.level is not before

    def _level(self, free: int, margin: float) -> DiskLevel:
        return max(
            (level for level, least in self._thresholds.items() if free < least * margin), default=DiskLevel.AMPLE
        )


logger = logging.getLogger(__name__)

IN_PLACE_EVERY_S = 0.5
"""How often it is looked whether the journal is still where it was: a second is how long nobody may speak in vain."""

WATCH_EVERY_S = 1.0  # How often the agent looks at its own health: a small part of any watchdog's period.
DISK_EVERY_S = 2.0  # How often it looks at the disk: what fills one in less time is met by the reserve.

LATE_S = 10.0
"""A loop, a database or a relay that has not answered for so long is stuck: each takes milliseconds when well."""


SYNCHRONISED_S = 600.0
"""A time server answers within minutes of a start; who has none by then is told that age does not count."""


class Supervisor:
    """The tasks beside dictation and delivery that look after both."""

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
        """`has_free` hears how many bytes the journal's disk has left, each time that it is looked at."""
        self._settings = settings
        self._executor = executor
        self._heartbeats = heartbeats
        self._notifier = notifier
        self._clock = clock
        self._dictation = dictation
        self._has_free = has_free
        self._doubted_since: float | None = None  # From when on nobody has vouched for the clock.
        self._age_waits = False  # Whether it was said that nothing is removed for its age.
        keep = settings.keep
        self._disk = DiskWatch(alarm_free=keep.alarm_free_mb * MB, stop_free=keep.stop_free_mb * MB)

    async def watch(self, is_deaf_rightly: Callable[[], bool], tell_locked: Callable[[bool], None]) -> None:
        """Ping systemd's watchdog only while every part is well: never a service that is active and deaf.

        `is_deaf_rightly`: before the first frame the microphone itself watches; after the last nobody need.
        `tell_locked` hears that another program holds the journal locked, and that it does so no more.
        """
        due = 0.0
        while True:
            self._heartbeats.beat("loop")
            self._clock.believed()  # a step shows between two looks
            await self._journal_answers(tell_locked)
            self._heartbeats.beat("journal")
            if is_deaf_rightly():
                self._heartbeats.beat("ear")
            now = time.monotonic()
            if stalled := self._heartbeats.stalled():
                logger.error("stalled: %s; the watchdog is not told that all is well", ", ".join(stalled))
                self._notifier.status(f"stalled: {', '.join(stalled)}")
            elif now >= due:
                self._notifier.alive()
                due = now + (self._notifier.period_s or 0.0)
            await asyncio.sleep(WATCH_EVERY_S)

    async def _journal_answers(self, tell_locked: Callable[[bool], None]) -> None:
        """Wait for the journal. That another program holds it locked is no fault that a restart would mend."""
        is_told = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_EVERY_S):
                    await self._executor(lambda journal: journal.outbox.count_unsettled())
                    break
            if self._executor.locked is not None:
                if not is_told:
                    is_told = True
                    tell_locked(True)
                for part in ("loop", "journal", "relay"):
                    self._heartbeats.beat(part)
                self._notifier.status(f"waiting: {self._executor.locked}")
                self._notifier.alive()
        if is_told:
            tell_locked(False)

    async def see_that_it_is_there(self) -> None:
        """End with StorageFailed where the state directory is removed, or replaced, under a running agent."""
        while True:
            await self._executor(lambda journal: journal.demand_in_place())
            await asyncio.sleep(IN_PLACE_EVERY_S)

    async def make_room(self) -> None:
        """Make room in time, and stop recording before the disk is full; go on by itself when there is room."""
        while True:
            believed = self._clock.believed()
            self._tell_of_clock(believed=believed)
            free = await self._executor.tidy(believed=believed)
            self._has_free(free)
            if self._disk.update(free):
                self._tell_of_room(free)
            if self._disk.level is not DiskLevel.OUT:
                self._dictation.resume_capture()
            await asyncio.sleep(DISK_EVERY_S)

    def _tell_of_clock(self, *, believed: bool) -> None:
        if believed:
            self._doubted_since, self._age_waits = None, False
            return
        now = time.monotonic()
        self._doubted_since = now if self._doubted_since is None else self._doubted_since
        if not self._age_waits and now - self._doubted_since >= SYNCHRONISED_S:
            logger.warning("no recording is removed for its age while nobody vouches for the clock of this device")
            self._age_waits = True

    def _tell_of_room(self, free: int) -> None:
        keep = self._settings.keep
        left = f"{self._settings.state}: {free / MB:,.1f} MB left"
        match self._disk.level:
            case DiskLevel.OUT:
                lacking = f"{left}, less than the {keep.stop_free_mb:g} of keep.stop_free_mb; free space on its disk"
                logger.error("nothing is recorded any more: %s", lacking)
                self._notifier.status("not recording: the disk is full")
                self._dictation.stop_capture(lacking)
            case DiskLevel.LOW:
                logger.warning(
                    "%s, less than keep.alarm_free_mb = %g; free space on its disk", left, keep.alarm_free_mb
                )
            case DiskLevel.AMPLE:
                logger.warning("%s: enough again", left)

    async def check(self) -> None:
        """Check a journal so large that it would have held up the start."""
        if not await self._executor(lambda journal: journal.is_checked):
            await asyncio.to_thread(Journal.check, self._settings.state)
