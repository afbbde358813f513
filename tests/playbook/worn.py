"""The agent of a play with sound: `dockvoice run` as a user starts it, on one headset, nothing but the places set."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.playbook.theatre import Seat
from tests.processes.command import DOCKVOICE
from tests.waiting import Notices

ENDED_IN_S = 30

NUMBERS = itertools.count(1)


class WornAgent:
    """One device. It runs from entering until leaving the context, but for power cuts."""

    def __init__(self, seat: Seat, broker_port: int, directory: Path, models: str | None) -> None:
        """`models` is where the recogniser's weights are; None: in their usual place."""
        self.device = f"play-{next(NUMBERS)}-{os.getpid()}"
        self.state = directory / "state"
        self._log = directory / "agent.log"
        settings = {
            "DEVICE": self.device,
            "HEAR__DEVICE": seat.microphone,
            "SPEAK__DEVICE": seat.speaker,
            "STATE_DIRECTORY": str(self.state),
            "DELIVER__MQTT__PORT": str(broker_port),
            "UNDERSTAND__ENGINE": "vosk",
            "UNDERSTAND__WITNESS": "false",  # made voices are strange to it: now and then it would ask in a play
            "AGREE__MINIMUM_CONFIDENCE": "0",  # nor is it to ask where a busy machine hears it less surely
            **({} if models is None else {"UNDERSTAND__MODELS_DIRECTORY": models}),
        }
        self._environment = {**seat.environment, **{f"DOCKVOICE_{name}": value for name, value in settings.items()}}
        self._held = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        """An orderly end, with nothing to complain of."""
        with self._held:
            if self._process is not None:
                self._process.terminate()
                assert self._process.wait(ENDED_IN_S) == 0 or fault is not None, self.log

    def start(self) -> None:
        """Start it; returns when it listens."""
        notices = self._held.enter_context(Notices())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*DOCKVOICE, "run", "--json"],
                stdout=log,
                stderr=log,
                env={**self._environment, "NOTIFY_SOCKET": notices.address},
            )
        notices.hear("READY=1", lambda: self.log)

    def cut(self) -> None:
        """Its power is cut."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        """What it has told last."""
        return self._log.read_text()[-4000:]

    @property
    def decided(self) -> int:
        """How many utterances it has decided."""
        return sum('"verdict"' in line for line in self._log.read_text().splitlines())

    @property
    def owed(self) -> int:
        """How many events it owes the inventory."""
        return self._counted("SELECT count(*) FROM outbox WHERE settled_at IS NULL")

    @property
    def cancelled(self) -> int:
        """How many utterances are on record as taken back."""
        return self._counted("SELECT count(*) FROM utterances WHERE outcome = 'cancel'")

    def _counted(self, question: str) -> int:
        with closing(sqlite3.connect(f"file:{self.state / 'journal.db'}?mode=ro", uri=True)) as journal:
            return int(journal.execute(question).fetchone()[0])
