"""The broker is killed, with and without a memory of its own, and restarted while nobody listens."""

from __future__ import annotations

from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage

PACE_S = 0.01
"""Between two utterances: slow enough that a backlog drains, fast enough that there is always one on its way."""

BACKLOG = 50  # Events that wait at the broker: more than the window, so that some wait in the journal.


def killed_with_memory(run: Run) -> Tally:
    """SIGKILL again and again in mid-drain; it comes back with every message it had saved."""
    return _killed(run, persistent=True)


def killed_without_memory(run: Run) -> Tally:
    """The same, and what it had acknowledged is gone each time."""
    return _killed(run, persistent=False)


def restarted_with_memory(run: Run) -> Tally:
    """It is restarted while the inventory is away, and keeps what it had for it."""
    return _restarted(run, persistent=True)


def restarted_without_memory(run: Run) -> Tally:
    """It is restarted while the inventory is away, and forgets what it had for it, and that there is an inventory."""
    return _restarted(run, persistent=False)


def _killed(run: Run, *, persistent: bool) -> Tally:
    with Stage(run.directory, persistent=persistent) as stage:
        stage.device().speak(pace_s=PACE_S)
        for _ in run.rounds():
            run.pause(0.5, 2.5)
            stage.broker.kill()
            run.pause(0, 0.5)
            stage.broker.start()
        return stage.conclude()


def _restarted(run: Run, *, persistent: bool) -> Tally:
    with Stage(run.directory, persistent=persistent) as stage:
        device = stage.device()
        for _ in run.rounds():
            stage.inventory.stop()
            device.speak(BACKLOG, settle_s=1)
            device.wait()
            stage.broker.stop()
            stage.broker.start()
            stage.inventory.start()
        return stage.conclude()
