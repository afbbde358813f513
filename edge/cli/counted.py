"""How far a long command is: a bar on a terminal, else a line on stderr for each tenth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

TENTHS = 10


@contextmanager
def counted(doing: str, total: int) -> Iterator[Callable[[], None]]:
    """Show that `total` things are being done, one after the other."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console, doing, total).advance
        return
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda: progress.advance(task)


class _Lines:
    def __init__(self, console: Console, doing: str, total: int) -> None:
        self._console = console
        self._doing = doing
        self._total = total
        self._done = 0

    def advance(self) -> None:
        before, self._done = self._done, self._done + 1
        if before * TENTHS // self._total != self._done * TENTHS // self._total:
            self._console.print(f"{self._doing}: {self._done} of {self._total}", highlight=False)
