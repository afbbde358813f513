"""The agent at the other end of a cable, told by lines on its standard input when to go on.

    python -m tests.faults.dictating SETTINGS FIRST… -- REST…

It hears the first recordings, writes `first`, waits for a line, hears the rest, writes `rest`, waits for a line, and
ends when nothing is deferred any more.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from edge.app import Agent, assemble
from edge.config import Settings, load
from edge.hear.recording import Recording
from edge.keep.desk import Desk
from edge.keep.journal import Journal
from tests.waiting import PATIENCE_S


def main(settings_file: str, *recordings: str) -> None:
    settings = load(Settings, Path(settings_file))
    middle = recordings.index("--")

    def sources() -> Iterator[Recording]:
        for name, part in (("first", recordings[:middle]), ("rest", recordings[middle + 1 :])):
            yield from (Recording(Path(path)) for path in part)
            print(name, flush=True)
            sys.stdin.readline()
        _wait_until_nothing_is_deferred(settings.state)

    with Desk(settings.state) as desk:
        agent = Agent(assemble(settings), desk, lambda _: None, live=False)
        asyncio.run(agent.run(sources(), settle_within_s=0))


def _wait_until_nothing_is_deferred(state: Path) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_S
    while time.monotonic() < deadline:
        with Journal.inspect(state) as journal:
            if not journal.deferred():
                return
        time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
