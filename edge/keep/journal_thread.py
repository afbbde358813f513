"""The journal's one thread: SQLite connections belong to the thread that made them, and one writer needs no locks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from edge.config import Keep
from edge.keep.journal import Journal
from edge.keep.retention import MB, Reserve
from edge.keep.storage import DiskFull, free_bytes

T = TypeVar("T")

RETRY_S = 1.0
"""How long a full disk is left alone before the next try: room is made once in several seconds, and an operator who
waits for an answer notices no less."""

log = logging.getLogger(__name__)


class JournalThread:
    """Runs work on the journal, one piece at a time, in the order in which it was given.

    On a full disk the reserve is given back and the work done again: it must be a transaction, or one that changes
    nothing when it is repeated. Raises DiskFull where even that does not help; `when_there_is_room` waits instead.
    """

    def __init__(self, directory: Path, keep: Keep | None = None) -> None:
        """Open the journal in `directory`, with the reserve that `keep` wants; raises what Journal.open raises."""
        self._directory = directory
        self._keep = keep or Keep(reserve_mb=0)
        self._stuck = False
        self._reserve = Reserve(directory, int(self._keep.reserve_mb * MB))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        try:
            self._journal = self._thread.submit(self._done, lambda: Journal.open(directory)).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def __call__(self, work: Callable[[Journal], T]) -> T:
        """Do `work` from the loop, without holding it up."""
        return await asyncio.wrap_future(self._thread.submit(self._done, lambda: work(self._journal)))

    def now(self, work: Callable[[Journal], T]) -> T:
        """Do `work` from another thread than the loop's, and wait for it."""
        return self._thread.submit(self._done, lambda: work(self._journal)).result()

    async def when_there_is_room(
        self,
        work: Callable[[], Awaitable[T]],
        waits: str | None = None,
        refused: Callable[[DiskFull], object] = lambda _: None,
    ) -> T:
        """Do `work`, which uses the journal; while the disk is full, again and again until it has room.

        What `waits`, if it is named, is logged once. `refused` hears of each refusal, before the pause that follows; it
        may raise to wait no longer.
        """
        while True:
            try:
                return await work()
            except DiskFull as fault:
                refused(fault)
                if waits is not None:
                    log.warning("%s: %s", waits, fault)
                waits = None
            await asyncio.sleep(RETRY_S)

    async def tidy(self, *, believed: bool) -> int:
        """Make room on the disk where it is wanting; returns the bytes that are free afterwards.

        `believed`: whether the wall clock can be. On a disk so full that it cannot even be said what is to be removed,
        nothing is, and it is told once.
        """
        try:
            free = await self(
                lambda journal: journal.retention.tidy(self._keep, self._reserve, datetime.now(UTC), believed=believed)
            )
        except DiskFull as fault:
            if not self._stuck:
                log.warning("no recording can be removed to make room: %s", fault)
            self._stuck = True
            return free_bytes(self._directory)
        self._stuck = False
        return free

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what was given, then close the journal."""
        self._thread.submit(self._journal.close).result()
        self._thread.shutdown()

    def _done(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except DiskFull as fault:
            if not self._reserve.give_back():
                raise
            log.warning("%s; the reserve is given back, for what was said last", fault)
            return work()
