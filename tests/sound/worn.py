"""An agent that listens to one headset of the virtual ones, as the service runs it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.processes.command import DOCKVOICE
from tests.processes.starting import Started
from tests.sound.pulseaudio import Shelf
from tests.waiting import Notices

ENDED_IN_S = 60


class Worn:
    """An agent that listens to one headset."""

    def __init__(self, shelf: Shelf, name: str, device: str, broker: int, directory: Path, **more: str) -> None:
        self.state = directory / device
        self.log = directory / f"{device}-{name}.log"
        self.notices = Notices()
        environment = {
            **shelf.environment,
            "DOCKVOICE_DEVICE": device,
            "DOCKVOICE_HEAR__DEVICE": name,
            "DOCKVOICE_STATE_DIRECTORY": str(self.state),
            "DOCKVOICE_DELIVER__MQTT__PORT": str(broker),
            "NOTIFY_SOCKET": self.notices.address,
            **more,
        }
        if models := os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"):
            environment["DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"] = models
        with self.log.open("wb") as log:
            self.process = Started([*DOCKVOICE, "run", "--json"], stdout=log, stderr=log, env=environment)

    def verdicts(self) -> list[dict[str, Any]]:
        return [said for said in self._lines() if "verdict" in said]

    def _lines(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(ENDED_IN_S)
        assert "leaked" not in self.log.read_text()  # by a library of Python's, of what was not let go
        self.notices.__exit__(None, None, None)
        return code
