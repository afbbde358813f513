"""The journal's thread: SQLite connections belong to the thread that made them, and one writer needs no locks."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from edge.config import Keep
from edge.keep import evidence
from edge.keep.evidence import Evidence
from edge.keep.journal import Journal
from edge.keep.retention import MB, Reserve
from edge.keep.storage import DiskFull, Locked, free_bytes
from edge.records import Utterance

_T = TypeVar("_T")

RETRY_S = 1.0  # Retry interval on a full disk: space is freed once in several seconds, and an operator notices no less.

_LOUD_S = 30.0  # Interval of the log message while another program holds the journal locked.

_LOOK_S = 0.1  # Poll interval while an utterance waits for its row: shorter than any utterance.

_log = logging.getLogger(__name__)


class JournalThread:
    """Runs work on the journal in order, one piece at a time.

    On a full disk the reserve is freed and the work repeated: it must be a transaction, or idempotent. Raises DiskFull
    where that does not help; `retry_while_disk_full` retries.

    While another program holds the journal locked, the work waits, and that is reported. Utterances are kept in memory
    meanwhile, and their recordings in `new`, where the next opening would find them, up to the size of the reserve.
    """

    def __init__(self, directory: Path, keep: Keep | None = None) -> None:
        """Open the journal in `directory`, with the reserve of `keep`; raises what Journal.open raises."""
        self.locked: str | None = None  # Why the work waits for another program; None while it does not.
        self._logged_at = -math.inf
        self._closing = False
        self._put_by = 0  # How many bytes of recordings wait for their rows.
        self._failed: BaseException | None = None
        self._directory = directory
        self._keep = keep or Keep(reserve_mb=0)
        self._stuck = False
        self._reserve = Reserve(directory, int(self._keep.reserve_mb * MB))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        try:
            self._journal = self._thread.submit(self._run_until_unlocked, lambda: Journal.open(directory)).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def __call__(self, work: Callable[[Journal], _T]) -> _T:
        """Run `work` from the event loop without blocking it."""
        return await asyncio.wrap_future(self._thread.submit(self._run_until_unlocked, lambda: work(self._journal)))

    def run(self, work: Callable[[Journal], _T]) -> _T:
        """Run `work` from another thread than the loop's, and wait for it."""
        return self._thread.submit(self._run_until_unlocked, lambda: work(self._journal)).result()

    def store_utterance(self, utterance: Utterance) -> Evidence:
        """Store an utterance, from another thread than the loop's; while the journal is locked, its row follows later.

        Raises DiskFull also where the recordings without a row reach the size of the reserve.
        """
        row = self._thread.submit(self._run_until_unlocked, lambda: self._journal.store_utterance(utterance))
        while not wait((row,), timeout=_LOOK_S).done:
            if self.locked is None:
                continue
            if row.cancel():
                return self._write_row_later(utterance, self.locked)
            if (recording := evidence.load_new(self._directory, utterance.utterance_id)) is not None:
                row.add_done_callback(self._note_row_result)
                return recording
        return row.result()

    def _write_row_later(self, utterance: Utterance, locked: str) -> Evidence:
        recording = evidence.write(self._directory, utterance)
        size = recording.path.stat().st_size
        if self._put_by + size > self._keep.reserve_mb * MB:
            recording.path.unlink()
            raise DiskFull(f"{locked}; what was said since is as much as keep.reserve_mb, and no more is recorded")
        self._put_by += size
        row = self._thread.submit(
            self._run_until_unlocked, lambda: self._journal.store_utterance(utterance, waited_for=False)
        )
        row.add_done_callback(self._note_row_result)
        return recording

    def _note_row_result(self, row: Future[Evidence]) -> None:
        """Store the error of a row that was not waited for, so that the next work fails with it."""
        self._failed = self._failed or row.exception()
        self._put_by = 0 if self.locked is None else self._put_by

    async def retry_while_disk_full(
        self,
        work: Callable[[], Awaitable[_T]],
        waits: str | None = None,
        refused: Callable[[DiskFull], object] = lambda _: None,
    ) -> _T:
        """Run `work`, which uses the journal; retry while the disk is full.

        `waits`, if given, is logged once. `refused` is called for each DiskFull before the pause; it may raise to stop.
        """
        while True:
            try:
                return await work()
            except DiskFull as fault:
                refused(fault)
                if waits is not None:
                    _log.warning("%s: %s", waits, fault)
                waits = None
            await asyncio.sleep(RETRY_S)

    async def free_disk_space(self, *, believed: bool) -> int:
        """Make room on the disk where needed; the free bytes afterwards.

        `believed`: whether the wall clock is synchronised. On a disk so full that no removal can be recorded, nothing
        is removed, and that is logged once.
        """
        try:
            free = await self(
                lambda journal: journal.retention.free_disk_space(
                    self._keep, self._reserve, datetime.now(UTC), believed=believed
                )
            )
        except DiskFull as fault:
            if not self._stuck:
                _log.warning("no recording can be removed to make room: %s", fault)
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
        """Finish the queued work, then close the journal; a locked journal is waited for no longer."""
        self._closing = True
        self._thread.submit(self._journal.close).result()
        self._thread.shutdown()

    def _run_until_unlocked(self, work: Callable[[], _T]) -> _T:
        if self._failed is not None:
            raise self._failed
        while True:
            try:
                done = self._run_with_reserve(work)
            except Locked as fault:
                if self._closing:
                    raise
                self._log_locked(fault)
                continue
            if self.locked is not None:
                _log.warning("%s: is free again, and goes on", self._directory)
                self.locked = None
            return done

    def _log_locked(self, fault: Locked) -> None:
        self.locked = str(fault)
        if time.monotonic() - self._logged_at >= _LOUD_S:
            self._logged_at = time.monotonic()
            _log.error("%s: until then nothing is recorded or delivered; what is said is kept aside", fault)

    def _run_with_reserve(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except DiskFull as fault:
            if not self._reserve.release():
                raise
            _log.warning("%s; the reserve is given back, for what was said last", fault)
            return work()
