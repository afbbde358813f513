"""What keeps an agent well for months: its watchdog, room on its disk, and a journal that is checked.

Nothing here hears or delivers. It looks, tells systemd, and stops recording before the disk is full.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from edge.config import Settings
from edge.dictation import Dictation
from edge.keep.desk import Desk
from edge.keep.journal import Journal
from edge.keep.room import MB
from edge.watch.clock import Clock
from edge.watch.disk import DiskWatch, Level
from edge.watch.health import Health
from edge.watch.notify import Notifier

logger = logging.getLogger(__name__)

WATCH_EVERY_S = 1.0
"""How often the agent looks at its own health: a small part of any watchdog's period."""

DISK_EVERY_S = 2.0
"""How often it looks at the disk: what fills one in less time is met by the reserve."""

LATE_S = 10.0
"""A loop, a database or a relay that has not answered for so long is stuck: each takes milliseconds when well."""


class Pulse:
    """Each part of an agent beats here while it is well. May be called from any thread."""

    def __init__(self, *, live: bool) -> None:
        """`live`: sound comes from a microphone, whose silence (no frames at all) is a fault."""
        parts = ("loop", "journal", "relay", *(["ear"] if live else []))
        self._health = Health(dict.fromkeys(parts, LATE_S))

    def beat(self, part: str) -> None:
        """The part is well."""
        self._health.beat(part, time.monotonic())

    def stalled(self) -> tuple[str, ...]:
        """The parts that have not beaten for too long, as `Health.stalled` tells them."""
        return self._health.stalled(time.monotonic())


class Upkeep:
    """The tasks beside dictation and delivery that look after both."""

    def __init__(
        self, settings: Settings, desk: Desk, pulse: Pulse, notifier: Notifier, clock: Clock, dictation: Dictation
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._pulse = pulse
        self._notifier = notifier
        self._clock = clock
        self._dictation = dictation
        keep = settings.keep
        self._disk = DiskWatch(alarm_free=keep.alarm_free_mb * MB, stop_free=keep.stop_free_mb * MB)

    async def watch(self, is_deaf_rightly: Callable[[], bool]) -> None:
        """Ping systemd's watchdog only while every part is well: never a service that is active and deaf.

        `is_deaf_rightly`: before the first frame the microphone itself watches; after the last nobody need.
        """
        due = 0.0
        while True:
            self._pulse.beat("loop")
            self._clock.believed()  # a step shows between two looks
            await self._desk(Journal.unsettled)
            self._pulse.beat("journal")
            if is_deaf_rightly():
                self._pulse.beat("ear")
            now = time.monotonic()
            if stalled := self._pulse.stalled():
                logger.error("stalled: %s; the watchdog is not told that all is well", ", ".join(stalled))
                self._notifier.status(f"stalled: {', '.join(stalled)}")
            elif now >= due:
                self._notifier.alive()
                due = now + (self._notifier.period_s or 0.0)
            await asyncio.sleep(WATCH_EVERY_S)

    async def make_room(self) -> None:
        """Make room in time, and stop recording before the disk is full; go on by itself when there is room."""
        while True:
            free = await self._desk.tidy()
            if self._disk.look(free):
                self._tell_of_room(free)
            if self._disk.level is not Level.OUT:
                self._dictation.resume_capture()
            await asyncio.sleep(DISK_EVERY_S)

    def _tell_of_room(self, free: int) -> None:
        keep = self._settings.keep
        left = f"{self._settings.state}: {free / MB:,.1f} MB left"
        match self._disk.level:
            case Level.OUT:
                lacking = f"{left}, less than the {keep.stop_free_mb:g} of keep.stop_free_mb; free space on its disk"
                logger.error("nothing is recorded any more: %s", lacking)
                self._notifier.status("not recording: the disk is full")
                self._dictation.stop_capture(lacking)
            case Level.LOW:
                logger.warning(
                    "%s, less than keep.alarm_free_mb = %g; free space on its disk", left, keep.alarm_free_mb
                )
            case Level.AMPLE:
                logger.warning("%s: enough again", left)

    async def check(self) -> None:
        """Check a journal so large that it would have held up the start."""
        if not await self._desk(lambda journal: journal.is_checked):
            await asyncio.to_thread(Journal.check, self._settings.state)
