"""The inventory as a user runs it, `dockvoice inventory`, beside a test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inventory.cli.main import _to_json
from inventory.repository import Store
from tests.dictated import enrolled
from tests.processes.command import DOCKVOICE
from tests.processes.starting import Started
from tests.waiting import Notices

ENDED_IN_S = 30  # It ends in well under a second; a busy machine may need longer.

SPOKEN_FOR = ("north/dock-3", "north/dock-4")  # Devices whose events tests write themselves.


class RunningInventory:
    """`dockvoice inventory` on a broker, with SQLite in a directory of its own unless a database is named.

    Entering waits until it has subscribed, unless told otherwise. `environment` is what it is given besides. Enrolled
    are the devices that tests speak for; an agent, which makes its key itself, is trusted at first use.
    """

    def __init__(
        self,
        broker_port: int,
        directory: Path,
        database: str | None = None,
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.broker_port = broker_port
        self.log = directory / "inventory.log"
        self.keys = directory / "keys"
        self._database = database or f"sqlite:///{directory / 'inventory.db'}"
        self._wait = wait
        self.environment = environment or {}
        self._held = ExitStack()
        self._notices: Notices | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start(wait=self._wait)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, return when it has subscribed."""
        # Each run has a socket of its own: a word of the one before is never taken for this one's.
        self._notices = self._held.enter_context(Notices())
        environment = {
            "DOCKVOICE_INVENTORY_DATABASE": self._database,
            "DOCKVOICE_INVENTORY_KEYS_DIRECTORY": str(enrolled(self.keys, *SPOKEN_FOR)),
            "DOCKVOICE_INVENTORY_TRUST_FIRST_USE": "true",
            "NOTIFY_SOCKET": self._notices.address,
        }
        with self.log.open("ab") as log:
            self._process = Started(
                [*DOCKVOICE, "inventory", "--broker", f"127.0.0.1:{self.broker_port}"],
                stdout=log,
                stderr=log,
                env={**os.environ, **environment, **self.environment},
            )
        if wait:
            self.hear("READY=1")

    @property
    def pid(self) -> int:
        """The process of the latest run."""
        assert self._process is not None
        return self._process.pid

    def hear(self, word: str) -> None:
        """Return when the latest run said `word` to systemd, for example READY=1."""
        assert self._notices is not None
        self._notices.hear(word, self.log.read_text)

    def comes_up(self, seconds: float) -> bool:
        """Wait until the latest run has subscribed; False where it ends instead, as one does that finds no broker."""
        process, notices = self._process, self._notices
        assert process is not None
        assert notices is not None
        return notices.hear("READY=1", self.log.read_text, lambda: process.poll() is not None, seconds)

    def stop(self) -> int:
        """End it as systemd would; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def rows(self) -> list[dict[str, Any]]:
        """What stands in its table, as `inventory rows --json` tells it, without a process for each look."""
        with closing(Store.open(self._database, create=False)) as store:
            return [_to_json(row) for row in store.rows()]

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        code = self._process.wait(ENDED_IN_S)
        self._process = None
        return code

    def _close(self) -> None:
        with self._held:
            if self._process is not None:
                self.stop()
