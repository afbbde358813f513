"""A process caught within a transaction: stopped at a random moment, and the database asked whether one is open then.

What is caught so can be killed so, and the count of such kills is a fact, not a hope.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.faults.oracle.run import Run
from tests.servers.postgresql import PostgreSQL
from tests.waiting import until

CAUGHT_S = 60.0  # It is caught within a second; this is for a machine that is busy with something else.

MOMENT_S = 0.01  # Between two looks: a few times as long as a transaction takes.

WITHIN = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dockvoice-inventory'"
    # The server waits for its next statement, and it has changed or locked something already.
    " AND state = 'idle in transaction' AND backend_xid IS NOT NULL"
)


def stop_within(run: Run, pid: int, within: Callable[[], bool]) -> None:
    """Let the process, a child of ours, stand still at a moment at which `within` holds."""
    until(lambda: _caught(run, pid, within), "it is never found within a transaction", CAUGHT_S)


def _caught(run: Run, pid: int, within: Callable[[], bool]) -> bool:
    run.pause(0, MOMENT_S)
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # the signal takes effect a little later
    caught = within()
    if not caught:
        os.kill(pid, signal.SIGCONT)
    return caught


def writing_in_sqlite(path: Path) -> bool:
    """Whether somebody else has a writing transaction open in this file."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                return True
            raise
        database.execute("ROLLBACK")
        return False


def writing_in_postgresql(server: PostgreSQL) -> bool:
    """Whether an inventory has a writing transaction open on this server."""
    return server.execute(WITHIN) != "0"
