"""The inventory as a user runs it, `dockvoice inventory`, beside a test."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.command import DOCKVOICE, dockvoice
from tests.waiting import Notices


class RunningInventory:
    """`dockvoice inventory` on a broker, with SQLite in a directory of its own unless a database is named."""

    def __init__(self, broker_port: int, directory: Path, database: str | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.broker_port = broker_port
        self.log = directory / "inventory.log"
        self._database = ["--database", database or f"sqlite:///{directory / 'inventory.db'}"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, return when it has subscribed."""
        with Notices() as notices, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*DOCKVOICE, "inventory", *self._database, "--broker", f"127.0.0.1:{self.broker_port}"],
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": notices.address},
            )
            if wait:
                notices.wait_until_ready(self.log.read_text)

    def stop(self) -> None:
        """End it as systemd would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def rows(self) -> list[dict[str, Any]]:
        """What stands in its table, told by its own command."""
        told = dockvoice("inventory", "rows", *self._database, "--json", "--limit", "100000")
        assert told.returncode == 0, told.stderr
        return [json.loads(line) for line in told.stdout.splitlines()]
