"""The inventory is killed while it applies, its database goes away, and several devices share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage
from tests.faults.oracle.transactions import stop_within, writing_in_postgresql, writing_in_sqlite
from tests.servers.postgresql import PostgreSQL

PACE_S = 0.02  # Between two utterances: while the inventory starts, some dozens gather for it to apply at once.


def killed_applying(run: Run) -> Tally:
    """SIGKILL a moment after it has subscribed and the backlog comes in."""
    with Stage(run.directory) as stage:
        stage.device().speak(pace_s=PACE_S)
        for _ in run.rounds():
            run.pause(0, 0.3)
            stage.inventory.kill()
            stage.inventory.start()
        return stage.conclude()


def killed_within_sqlite(run: Run) -> Tally:
    """SIGKILL each time that it is caught within a transaction, which SQLite then takes back at the next start."""
    with Stage(run.directory) as stage:
        return _killed_within(run, stage, partial(writing_in_sqlite, run.directory / "inventory" / "inventory.db"))


def killed_within_postgresql(run: Run) -> Tally:
    """The same with PostgreSQL, which takes it back as soon as it sees the connection end."""
    with PostgreSQL() as server, Stage(run.directory, database=server.url) as stage:
        return _killed_within(run, stage, partial(writing_in_postgresql, server))


def _killed_within(run: Run, stage: Stage, within: Callable[[], bool]) -> Tally:
    stage.device().speak(pace_s=PACE_S)
    for _ in run.rounds():
        stop_within(run, stage.inventory.pid, within)
        stage.inventory.kill()
        stage.inventory.start()
    return stage.conclude()


def database_gone(run: Run) -> Tally:
    """PostgreSQL is stopped in the middle of its transactions, for so many seconds."""
    with PostgreSQL() as server, Stage(run.directory, database=server.url) as stage:
        stage.device().speak(pace_s=PACE_S)
        run.pause(1, 2)
        server.stop()
        for _ in run.rounds():
            time.sleep(1)
        server.start()
        return stage.conclude()


def two_devices(run: Run) -> Tally:
    """Two agents on one inventory, and at each turn one of the four processes is killed."""
    with Stage(run.directory) as stage:
        devices = [stage.device("one"), stage.device("two")]
        for device in devices:
            device.speak(pace_s=PACE_S)
        for number in run.rounds():
            run.pause(0.2, 1)
            match number % 4:
                case 0:
                    stage.inventory.kill()
                    stage.inventory.start()
                case 1:
                    stage.broker.kill()
                    stage.broker.start()
                case other:
                    devices[other % 2].kill()
                    devices[other % 2].speak(pace_s=PACE_S)
        return stage.conclude()
