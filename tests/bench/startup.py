"""How soon commands answer, and an agent is ready for its first word: `python -m tests.bench.startup [--runs 20]`.

Each run is a process of its own, with modules compiled before, as an installation has them. The journal holds entries.
An agent is ready when it tells systemd so: sound has come, of silence here, in the place of a microphone's. At its
"first start" it finds nothing that an earlier one kept. Prints seconds from the start of the process, and the
processor's share of them, which other work on the machine hardly moves; a median's interval is the 95 % one that the
order of the runs gives. Without the recogniser's weights it is pocketsphinx that gets ready.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import comb
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, render, utterance

ENTRIES = 20
"""As many as `queue list` shows."""

PATIENCE_S = 60.0
"""Longer than any start takes; then something is wrong."""

SEVERAL = {"DOCKVOICE_FORMS__AT_HAND": '["pallet-move", "receive", "put-away", "load", "cycle-count"]'}
"""Forms at hand beside the one that is filled: the recognisers of the others are made behind that."""

AGENT = """
import asyncio
import sys
import time
from pathlib import Path
from edge.agent.app import Agent
from edge.agent.parts import assemble
from edge.cli import run
from dockvoice_protocol.config import load_settings
from edge.config import Settings
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import Frame


class Silence(Source):
    name, live = "microphone", True

    def frames(self):
        for number in range(1_000_000):
            yield Frame(number * 320, bytes(640))
            time.sleep(0.02)


parts = assemble(load_settings(Settings, None, state_directory=Path(sys.argv[1])), live=True)
with JournalThread(parts.settings.state, parts.settings.keep) as desk:
    asyncio.run(Agent(parts, desk, lambda told: None, live=True).run([Silence()], settle_within_s=0))
"""
"""What `dockvoice run` does, on silence."""


@dataclass(frozen=True, slots=True)
class Start:
    """How one start went, seconds."""

    wall_s: float
    processor_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="starts of each kind (default: 20)")
    runs = parser.parse_args().runs
    with TemporaryDirectory(prefix="dockvoice-bench-") as directory:
        scratch = Path(directory)
        state = scratch / "state"
        _fill(state)
        environment = _environment(scratch)
        kinds: dict[str, Callable[[], Start]] = {
            "dockvoice --help": lambda: answered(["--help"], environment),
            "dockvoice --version": lambda: answered(["--version"], environment),
            "dockvoice queue list": lambda: answered(["queue", "list", "--state", str(state)], environment),
            "dockvoice run --help": lambda: answered(["run", "--help"], environment),
            "agent ready, first start": lambda: ready(state, {**environment, "XDG_CACHE_HOME": _fresh(scratch)}),
            "agent ready": lambda: ready(state, environment),
            "agent ready, 5 forms": lambda: ready(state, {**environment, **SEVERAL}),
        }
        print(f"{'seconds':26} {'least':>6} {'median':>7} {'95 % interval':>14}   {'processor, median':>17}")
        for name, start in kinds.items():
            start()  # compiles modules, and fills the machine's own caches
            print(line(name, [start() for _ in range(runs)]), flush=True)


def answered(arguments: list[str], environment: Mapping[str, str]) -> Start:
    """Run a command to its end."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments], env=dict(environment), stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(child.pid, 0)
    wall_s = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{arguments} ended with exit code {child.returncode}")
    return Start(wall_s, used.ru_utime + used.ru_stime)


def ready(state: Path, environment: Mapping[str, str]) -> Start:
    """Start an agent, and end it as soon as it is ready."""
    with (
        TemporaryDirectory(prefix="dockvoice-bench-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
    ):
        address = str(Path(directory, "notify"))
        told.bind(address)
        told.settimeout(PATIENCE_S)
        began = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-c", AGENT, state],
            env={**environment, "NOTIFY_SOCKET": address},
            stderr=subprocess.DEVNULL,
        )
        try:
            while not told.recv(4096).startswith(b"READY=1"):
                pass
            wall_s = time.monotonic() - began
            used = psutil.Process(child.pid).cpu_times()
        finally:
            child.kill()
            child.wait()
    return Start(wall_s, used.user + used.system)


def line(name: str, starts: list[Start]) -> str:
    """A row of the table."""
    walls = sorted(start.wall_s for start in starts)
    rank = interval(len(walls))
    between = "-" if rank is None else f"{walls[rank]:.2f} to {walls[-1 - rank]:.2f}"
    processor = median(start.processor_s for start in starts)
    return f"{name:26} {walls[0]:6.2f} {median(walls):7.2f} {between:>14}   {processor:17.2f}"


def interval(count: int) -> int | None:
    """How many of `count` ordered values lie outside of the median's 95 % interval on each side; None: too few values.

    Half of all values are below the median, so how many of a sample are is binomial.
    """
    below, outside = 0.0, None
    for rank in range(count):
        below += comb(count, rank) / 2**count
        if below > 0.025:
            break
        outside = rank
    return outside


def _environment(scratch: Path) -> dict[str, str]:
    """Nobody's settings and no earlier start's cache; weights are where they were."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKVOICE_", "PYTHONDONTWRITE"))}
    models = os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY") or os.environ.get("DOCKVOICE_TEST_MODELS")
    return {
        **kept,
        **({"DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY": str(Path(models).absolute())} if models else {}),
        "PYTHONPYCACHEPREFIX": str(scratch / "compiled"),
        "XDG_CACHE_HOME": str(scratch / "cache"),
    }


def _fresh(scratch: Path) -> str:
    return str(scratch / f"cache{time.monotonic_ns()}")


def _fill(state: Path) -> None:
    with Journal.open(state) as journal:
        for number in range(ENTRIES):
            said = utterance(number)
            journal.commit(entry(said, journal.begin(said)), ACCEPT, render)


if __name__ == "__main__":
    main()
