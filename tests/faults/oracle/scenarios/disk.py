"""The disk: full and free again, read-only, failing at the nth call, robbed of what was not synced."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.oracle.faults import SYNCS, failing, interleaved, small_disk
from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.powercut import Disk
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage
from tests.faults.oracle.syscalls import Call, noted, read, recorded
from tests.servers.small_disk import Ballast

MEGABYTES = 32
"""Of the small disk. SQLite's log takes four, the reserve one, and an entry seven kilobytes for good: there is room for
some thousand entries, so that it is somebody else who fills it."""

MOST_LEFT = 2_000_000
"""Bytes: somebody else takes all but at most so much, so that now and then the device takes the last itself."""

FULL_S = 3.0  # How long the disk stays full: longer than it takes until the agent looks.

PACE_S = 0.005  # Between two utterances.

CALLS = {"pwrite64": 200, "write": 10, "fsync": 30, "fdatasync": 40}
"""How many of each call a life of ten utterances makes, about, up to the 200th: one of them fails.

SQLite writes with the first and syncs with the last; recordings are written with the second, synced with the third."""

FEW = 10  # Utterances in a life whose disk fails.

ARRIVING = 0.5  # How often some of what was not synced arrives on the disk in spite of the power cut.

READ_ONLY_FROM = {"pwrite64": 150, "write": 5}
"""The call from which on the disk takes nothing: some utterances into a life."""


def full(run: Run) -> Tally:
    """Somebody fills the disk while the agent hears, and makes room again: it goes on by itself, in the same life."""
    with small_disk(run.directory / "disk", MEGABYTES) as disk, Stage(run.directory) as stage:
        device = stage.device(state=disk.path / "state")
        device.speak(pace_s=PACE_S)
        ballast = Ballast(disk.path)
        for _ in run.rounds():
            device.has_kept(20)
            ballast.take(leave=run.chance.randrange(MOST_LEFT))
            time.sleep(FULL_S)
            ballast.give()
        device.has_kept(20)
        return stage.conclude()


def read_only(run: Run) -> Tally:
    """The disk takes no more writes in the middle of a life, and is read-only when the next one begins."""
    with small_disk(run.directory / "disk", MEGABYTES) as disk, Stage(run.directory) as stage:
        device = stage.device(state=disk.path / "state")
        for number in run.rounds():
            call = list(READ_ONLY_FROM)[number % len(READ_ONLY_FROM)]
            device.speak(FEW, under=failing(call, READ_ONLY_FROM[call] + number, "EROFS", onwards=True))
            device.wait()
            disk.read_only()
            kept = device.noted.kept
            device.speak(FEW)
            device.wait()
            assert device.noted.kept == kept, "kept on a disk that takes nothing"
            disk.writable()
        return stage.conclude()


def failing_calls(run: Run) -> Tally:
    """One call of a life fails with EIO: the 1st, 2nd, 3rd … of each kind, a life each on one journal."""
    with Stage(run.directory) as stage:
        device = stage.device()
        for call, nth in run.sample(interleaved(CALLS)):
            device.speak(FEW, settle_s=1, under=failing(call, nth, "EIO"))
            device.wait()
        return stage.conclude()


def power_cut(run: Run) -> Tally:
    """A life without a broker, and the power cut just before one of its syncs: each time another disk is left."""
    log = run.directory / "calls"
    with Stage(run.directory / "recorded") as stage:
        device = stage.device(link=stage.link(up=False))
        device.speak(FEW, under=recorded(log))
        device.wait()
    calls = list(read(log))
    syncs = [position for position, call in enumerate(calls) if call.name in SYNCS and call.open]
    return sum(
        (_after_cut(run, device.state, calls[:position]) for position in run.sample([*syncs, len(calls)])), Tally()
    )


def _after_cut(run: Run, state: Path, calls: list[Call]) -> Tally:
    """What becomes of the disk that is left when the power is cut after these calls."""
    disk = Disk(state.parent)
    for call in calls:
        disk.take(call)
    directory = run.directory / f"cut-after-{len(calls)}"
    directory.mkdir()
    disk.leave(directory, run.chance if run.chance.random() < ARRIVING else None)
    with Stage(directory / "site") as stage:
        stage.device(state=directory / state.name).remember(b"".join(noted(calls)))
        return stage.conclude()
