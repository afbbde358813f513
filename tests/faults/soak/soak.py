"""A long steady load with a fault now and then, watched from outside: does anything grow that should not?

One agent, one inventory and a broker, all real, and the oracle's ledger beside them. Somebody speaks all the time; in
turn the link is cut, the broker restarted, the inventory killed, the link silent for a moment. Meanwhile the two
processes are measured twice a second; how late things were is read in the journal afterwards, so that no reader keeps
its log (WAL) from being folded in.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median

import psutil

from tests.faults.oracle.device import Device
from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.stage import Stage
from tests.faults.soak.slopes import HOUR_S, Limit, Line, Point, Trend, trend
from tests.servers.tcp_proxy import TcpProxy

SAMPLE_S = 0.5

SILENCE_S = 2.0  # How long nothing passes: within the patience of the keepalive, so that the connection outlives it.

FAULTS_EACH = 6  # So many faults fall into the time, each followed by as long a rest: most of it is the steady load.

WARM_UP = 0.4  # This part of a life is not counted: caches, pools and the allocator take what they will keep.

WARM_UP_S = 120.0
"""But no more than this: 1,800 entries at the long form's pace. The inventory's memory stands still after 1,300, when
SQLite's page cache (2 MB) is full."""

FAULT_EVERY_S = 60.0  # In the long form; so the inventory, which every fourth one kills, lives four minutes each time.

LEAK = "tests.faults.soak.leaking"

MEMORY = Limit(
    *("RSS", "MB", 1.5, 1.0),
    "at once: what an allocator takes in one piece; hourly: 24 MB a day, at ten times a busy day's load",
)
FILES = Limit("open files", "", 1.0, 1.0, "at once: a connection in the making; hourly: 1024 are allowed, six weeks")
THREADS = Limit("threads", "", 1.0, 0.0, "a reading or a reconnection in the making; nothing may start for good")
WAL = Limit("WAL", "MB", 4.2, 0.0, "SQLite folds it in at 1000 pages of 4 KiB, and the file keeps its largest size")
_SWIFT = ("ms", 40.0, 0.0, "a tenth of the 400 ms in which an operator is to be answered, however long it runs")
LATENESS = (Limit("heard to entry", *_SWIFT), Limit("entry to receipt", *_SWIFT))

MB = 1_000_000


@dataclass(frozen=True)
class Figure:
    """What became of one figure of one process."""

    process: str
    limit: Limit
    trend: Trend

    @property
    def kept(self) -> bool:
        """Whether it stayed within its limit."""
        return self.limit.allows(self.trend)

    def __str__(self) -> str:
        limit, seen = self.limit, self.trend
        verdict = "ok" if self.kept else "GROWS"
        return (
            f"{self.process:10} {limit.name:16} {seen.first:9.2f} -> {seen.last:9.2f} {limit.unit:2} "
            f"{seen.slope * HOUR_S:+10.2f}/h, so {seen.growth:+7.2f} in {seen.seconds:5.0f} s  {verdict}"
        )


@dataclass(frozen=True)
class Soaked:
    """What a soak came to."""

    seconds: float
    faults: int
    figures: tuple[Figure, ...]
    tally: Tally

    @property
    def growing(self) -> list[tuple[str, Limit]]:
        """Which processes grew beyond which limits."""
        return [(figure.process, figure.limit) for figure in self.figures if not figure.kept]

    def __str__(self) -> str:
        limits = {figure.limit.name: figure.limit for figure in self.figures}.values()
        head = f"{self.seconds:.0f} s, {self.faults} faults, {self.tally}"
        return "\n".join([head, *map(str, self.figures), "allowed:", *map(str, limits)])


class Watched:
    """One process as it looks from outside, over all its lives."""

    def __init__(self, name: str, pid: Callable[[], int], wal: Path) -> None:
        self.name = name
        self._pid = pid
        self._wal = wal
        self._lives: dict[int, list[tuple[float, dict[Limit, float]]]] = {}

    def look(self, now: float) -> None:
        """Measure it."""
        process = psutil.Process(self._pid())
        with process.oneshot():
            measured = {
                MEMORY: process.memory_info().rss / MB,
                FILES: float(process.num_fds()),
                THREADS: float(process.num_threads()),
                WAL: self._wal.stat().st_size / MB,
            }
        self._lives.setdefault(process.pid, []).append((now, measured))

    def figures(self) -> Iterator[Figure]:
        """What its measurements come to."""
        for limit in (MEMORY, FILES, THREADS, WAL):
            lines = [_warm([Point(at, measured[limit]) for at, measured in life]) for life in self._lives.values()]
            yield Figure(self.name, limit, trend(lines))


def soak(
    directory: Path,
    seconds: float,
    *,
    pace_s: float,
    leaking: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Soaked:
    """Let it work for so long, `pace_s` between two utterances; `leaking` plants a leak in the agent."""
    with Stage(directory) as stage:
        link = stage.link()
        device = stage.device(link=link)
        if leaking:
            device.driver = LEAK
        device.speak(pace_s=pace_s)
        device.has_kept(1)
        watched = [
            Watched("agent", lambda: device.pid, device.state / "journal.db-wal"),
            Watched("inventory", lambda: stage.inventory.pid, directory / "inventory" / "inventory.db-wal"),
        ]
        faults = _work(stage, link, device, watched, seconds, tell)
        device.stop()
        late = tuple(_lateness(device.state))
        figures = (*(figure for process in watched for figure in process.figures()), *late)
        return Soaked(seconds, faults, figures, stage.conclude())


def _work(
    stage: Stage, link: TcpProxy, device: Device, watched: list[Watched], seconds: float, tell: Callable[[str], None]
) -> int:
    """Measure until the time is over, with faults in between; how many there were."""
    began = time.monotonic()
    period = min(seconds / FAULTS_EACH, FAULT_EVERY_S)
    staged: Iterator[Callable[[], None]] = cycle(
        (link.cut, lambda: _restart(stage), lambda: _kill(stage), lambda: _silence(link))
    )
    faults = 0
    while (passed := time.monotonic() - began) < seconds:
        assert not device.ended, f"the agent ended:\n{device.log}"
        if passed >= (faults + 1) * period - period / 2:
            next(staged)()
            faults += 1
        for process in watched:
            process.look(time.monotonic())
        tell(f"{passed:.0f}/{seconds:.0f} s, {faults} faults")
        time.sleep(SAMPLE_S)
    return faults


def _restart(stage: Stage) -> None:
    stage.broker.stop()
    stage.broker.start()


def _kill(stage: Stage) -> None:
    stage.inventory.kill()
    stage.inventory.start()


def _silence(link: TcpProxy) -> None:
    link.silence()
    time.sleep(SILENCE_S)
    link.speak()


_LATE = """
    SELECT julianday(heard_at) * 86400 AS heard, (julianday(recorded_at) - julianday(heard_at)) * 86400e3 AS entered,
        (julianday(settled_at) - julianday(recorded_at)) * 86400e3 AS settled
    FROM entries JOIN utterances USING (utterance_id) JOIN outbox USING (event_id, sequence)
    WHERE settled_at IS NOT NULL ORDER BY entries.sequence
"""


def _lateness(state: Path) -> Iterator[Figure]:
    with closing(sqlite3.connect(state / "journal.db")) as journal:
        rows = journal.execute(_LATE).fetchall()
    for column, limit in enumerate(LATENESS, 1):
        each_second: dict[int, list[float]] = {}
        for row in rows:
            each_second.setdefault(int(row[0]), []).append(row[column])
        yield Figure("agent", limit, trend([_warm([Point(at, median(late)) for at, late in each_second.items()])]))


def _warm(line: Line) -> Line:
    """A line without its warm-up."""
    if not line:
        return line
    warm = line[0].at + min(WARM_UP_S, WARM_UP * (line[-1].at - line[0].at))
    return [point for point in line if point.at >= warm]
