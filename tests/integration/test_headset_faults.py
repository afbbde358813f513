"""Every fault of docs/headsets.md, staged on virtual headsets side by side: noticed, told, healed; with the times.

`pytest -s` prints the table. The bounds are generous, since the machine that runs the tests may be busy; what is
printed is what is promised: 2 s.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from edge.hear.microphone_health import DEAF, FaultKind
from tests.processes.starting import Started
from tests.sound.pulseaudio import Shelf, faint, gated, overdriven, room, stopped, too_fast, zeros
from tests.waiting import until

WAITING = 5
"""Programs that begin to listen at a time: so many connections may wait for PulseAudio, by `listen` in its
socket-server.c; the next is refused."""

WORDS = 5  # Seconds of sound and zeros in turn after which it is known that a headset has a gate.

NOTICED_IN_S, HEALED_IN_S = 15.0, 25.0  # What even a machine that does ten other things at once must keep.

LISTEN = """
import json, sys, time
from dockvoice_protocol.errors import Unavailable
from edge.hear.microphone import Microphone
from edge.hear.microphone_health import FaultBegan

def say(**said):
    print(json.dumps({"at": time.monotonic(), **said}), flush=True)

def tell(event):
    say(**({"began": event.fault, "what": event.what} if isinstance(event, FaultBegan) else {"over": event.fault}))

microphone = Microphone(sys.argv[1], 60, tell)
heard = 0
try:
    for frame in microphone.frames():
        heard += 1
        if heard % 50 == 1:
            say(heard=frame.start)
except Unavailable as fault:
    say(unavailable=str(fault))
"""


class Listener:
    """A process that listens to one headset and writes down what it notices, by the clock of the machine."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        self.name = name
        self._log = shelf.directory / f"{name}.log"
        with self._log.open("wb") as log, (shelf.directory / f"{name}.err").open("wb") as errors:
            command = [sys.executable, "-c", LISTEN, name]
            self.process = Started(command, env=shelf.environment, stdout=log, stderr=errors)

    def said(self) -> list[dict[str, Any]]:
        whole = self._log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def when(self, key: str, value: str | None = None, since: float = 0.0) -> float | None:
        """When it first said that, after `since`."""
        return next(
            (one["at"] for one in self.said() if key in one and value in (None, one[key]) and one["at"] > since), None
        )

    def wait(self, key: str, value: str | None, since: float, seconds: float) -> float:
        until(lambda: self.when(key, value, since) is not None, lambda: f"{self.name}: {self.said()}", seconds)
        return self.when(key, value, since) or 0.0

    def heard(self, since: float, until: float) -> bool:
        """Whether any sound was taken between the two."""
        return any("heard" in one and since < one["at"] < until for one in self.said())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Row:
    """A fault: how it is staged on the headset of its name, and how it is mended."""

    fault: FaultKind
    stage: Callable[[Shelf, Listener], None]
    mend: Callable[[Shelf, Listener], None]


def lets(sound: Callable[[int], Any]) -> Callable[[Shelf, Listener], None]:
    return lambda shelf, worn: shelf.air.let(worn.name, sound)


def nothing(_shelf: Shelf, _worn: Listener) -> None:
    """It heals by itself."""


ROWS = {
    "removed": Row(FaultKind.REROUTED, lambda shelf, worn: shelf.unplug(worn.name), lambda s, worn: s.plug(worn.name)),
    "rerouted": Row(FaultKind.REROUTED, lambda shelf, worn: shelf.reroute("other", worn.process.pid), nothing),
    "suspended": Row(FaultKind.SUSPENDED, lambda shelf, worn: shelf.suspend(worn.name), nothing),
    "stuck": Row(FaultKind.STUCK, lets(stopped), lets(room)),
    "zeros": Row(FaultKind.DIGITAL_SILENCE, lets(zeros), lets(room)),
    "clipping": Row(FaultKind.CLIPPING, lets(overdriven), lets(room)),
    "faint": Row(FaultKind.VERY_QUIET, lets(faint), lets(room)),
    "fast": Row(FaultKind.WRONG_RATE, lets(too_fast), lets(room)),
}
"""By the name of the headset; "other" is one that nobody here wears."""

GATED = "gated"  # A headset that sends zeros between words: its wearer falls silent while the others fail.

LONE = "lone"  # The only headset of a server of its own: there the server has nothing to move a recording to, and dies.


@dataclass(frozen=True)
class Times:
    noticed_s: float
    healed_s: float
    heard_meanwhile: bool  # Whether anything was taken for what the operator said between the two.


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shelf, Shelf]]:
    directory = tmp_path_factory.mktemp("shelf")
    with Shelf(directory / "many", ["other", GATED, *ROWS]) as many, Shelf(directory / "one", [LONE]) as one:
        yield many, one


def wait_until_heard(listeners: Mapping[str, Listener]) -> None:
    """Return when each has taken a sound."""
    for listener in listeners.values():
        listener.wait("heard", None, 0.0, 60)


@pytest.fixture(scope="module")
def times(shelves: tuple[Shelf, Shelf]) -> Mapping[str, Times]:
    """Stage all faults at once, mend them all at once."""
    many, one = shelves
    many.air.let(GATED, gated())
    with ExitStack() as worn:
        listeners = dict[str, Listener]()
        for name in (GATED, *ROWS, LONE):
            listeners[name] = Listener(one if name == LONE else many, name)
            worn.callback(listeners[name].end)
            if len(listeners) % WAITING == 0:
                wait_until_heard(listeners)
        wait_until_heard(listeners)
        gate = listeners[GATED]
        until(
            lambda: len([one for one in gate.said() if "heard" in one]) > WORDS, "the gated headset was not heard", 60
        )
        many.air.let(GATED, zeros)
        fell_silent = time.monotonic()
        found = staged(many, listeners)
        assert gate.when("began", None, fell_silent) is None, gate.said()
        lone = listeners[LONE]
        found["unplugged"] = one_fault(lone, FaultKind.UNPLUGGED, lambda: one.unplug(LONE), lambda: one.plug(LONE))
        found["server"] = one_fault(lone, FaultKind.SERVER_GONE, one.kill, one.start)
        found["frozen"] = one_fault(lone, FaultKind.STUCK, one.freeze, one.thaw)
    return found


def staged(shelf: Shelf, listeners: Mapping[str, Listener]) -> dict[str, Times]:
    began: dict[str, float] = {}
    mended: dict[str, float] = {}
    noticed: dict[str, float] = {}
    for name, row in ROWS.items():
        began[name] = time.monotonic()
        row.stage(shelf, listeners[name])
    for name, row in ROWS.items():
        noticed[name] = listeners[name].wait("began", row.fault, began[name], NOTICED_IN_S)
    for name, row in ROWS.items():
        mended[name] = noticed[name] if row.mend is nothing else time.monotonic()
        row.mend(shelf, listeners[name])
    over = {name: listeners[name].wait("over", row.fault, noticed[name], HEALED_IN_S) for name, row in ROWS.items()}
    return {
        name: Times(
            noticed[name] - began[name], over[name] - mended[name], listeners[name].heard(noticed[name], over[name])
        )
        for name in ROWS
    }


def one_fault(listener: Listener, fault: FaultKind, stage: Callable[[], None], mend: Callable[[], None]) -> Times:
    began = time.monotonic()
    stage()
    noticed = listener.wait("began", fault, began, NOTICED_IN_S)
    mend()
    mended = time.monotonic()
    over = listener.wait("over", fault, noticed, HEALED_IN_S)
    return Times(noticed - began, over - mended, listener.heard(noticed, over))


@pytest.mark.parametrize("name", [*ROWS, "unplugged", "server", "frozen"])
def test_it_is_noticed_and_healed(times: Mapping[str, Times], name: str) -> None:
    seen = times[name]
    print(f"\n{name:10} noticed after {seen.noticed_s:4.2f} s, healed after {seen.healed_s:4.2f} s", end="")
    assert -1 < seen.noticed_s < NOTICED_IN_S
    assert -1 < seen.healed_s < HEALED_IN_S


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.fault in DEAF])
def test_what_cannot_be_the_operator_is_not_taken_for_it(times: Mapping[str, Times], name: str) -> None:
    assert not times[name].heard_meanwhile
