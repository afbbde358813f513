"""The agent is killed: at any moment, and at each moment at which it waits for the disk."""

from __future__ import annotations

import signal

from tests.faults.oracle.faults import SYNCS, killed_at
from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage

PACE_S = 0.003
"""Between two utterances: about as long as one takes, so that a kill finds some at each stage of their way."""

MOST_UTTERANCES = 30  # A life ends at random after at most so many.

START_S = 1.0  # Longer than the agent takes to start.

FIRST_SYNCS = [(call, nth) for call in SYNCS for nth in range(1, 61)]
"""The syncs at which a life is killed: the first sixty of each call."""

ENOUGH = 30  # Utterances in a life that is killed at a sync: more than it will live to hear.


def killed_at_random(run: Run) -> Tally:
    """SIGKILL, and at once the next life: one in five while it starts, the others after some utterances."""
    with Stage(run.directory) as stage:
        device = stage.device()
        for number in run.rounds():
            device.speak(pace_s=PACE_S)
            if number % 5 == 0:
                run.pause(0, START_S)
            else:
                device.has_handed_in(run.chance.randint(1, MOST_UTTERANCES))
                run.pause(0, 3 * PACE_S)
            device.kill()
        return stage.conclude()


def killed_at_syncs(run: Run) -> Tally:
    """SIGKILL when the disk is asked for the nth time: n = 1, 2, 3 … of each call, a life each, on one journal."""
    with Stage(run.directory) as stage:
        device = stage.device()
        for call, nth in run.sample(FIRST_SYNCS):
            device.speak(ENOUGH, under=killed_at(call, nth))
            assert device.wait() == -signal.SIGKILL, f"it came to its end before its {call} number {nth}"
        return stage.conclude()
