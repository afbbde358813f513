"""The journal's one thread: SQLite connections belong to the thread that made them, and one writer needs no locks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from edge.keep.journal import Journal

T = TypeVar("T")


class Desk:
    """Runs work on the journal, one piece at a time, in the order in which it was given."""

    def __init__(self, directory: Path) -> None:
        """Open the journal in `directory`; raises what Journal.open raises."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        try:
            self._journal = self._thread.submit(Journal.open, directory).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def __call__(self, work: Callable[[Journal], T]) -> T:
        """Do `work` from the loop, without holding it up."""
        return await asyncio.wrap_future(self._thread.submit(work, self._journal))

    def now(self, work: Callable[[Journal], T]) -> T:
        """Do `work` from another thread than the loop's, and wait for it."""
        return self._thread.submit(work, self._journal).result()

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
