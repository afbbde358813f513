"""The wall clock is stepped by a day, forth and back, under a running agent and under a running inventory."""

from __future__ import annotations

from tests.faults.oracle.faults import SEEN_S, Clock
from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage

PACE_S = 0.1
STEPS = ("-1d", "+0", "+1d", "+0")


def device_stepped(run: Run) -> Tally:
    """The device's clock is wrong at the start, is set in the middle of a life, and a kill follows."""
    clock = Clock(run.directory / "clock")
    with Stage(run.directory) as stage:
        device = stage.device()
        for number in run.rounds():
            device.speak(pace_s=PACE_S, under=clock.under)
            device.has_handed_in(10)
            clock.step(STEPS[number % len(STEPS)])
            run.pause(SEEN_S, SEEN_S + 1)
            device.kill()
        return stage.conclude()


def inventory_stepped(run: Run) -> Tally:
    """The inventory's clock is stepped while it applies."""
    clock = Clock(run.directory / "clock")
    with Stage(run.directory, inventory=clock.under) as stage:
        device = stage.device()
        device.speak(pace_s=PACE_S)
        for number in run.rounds():
            device.has_handed_in(10)
            run.pause(SEEN_S, SEEN_S + 0.5)
            clock.step(STEPS[number % len(STEPS)])
        return stage.conclude()
