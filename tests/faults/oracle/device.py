"""A device of the oracle: one journal, one ledger, and the lives that the agent leads on them, one after another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.faults.oracle.driver import Life
from tests.faults.oracle.faults import NOTHING, Under
from tests.faults.oracle.ledger import Ledger, Noted
from tests.faults.oracle.speaker import EAR
from tests.processes.starting import Started
from tests.waiting import until

ROOT = Path(__file__).parents[3]  # The checkout, where `tests` is a package.

ROOM = {"keep.reserve_mb": 1, "keep.stop_free_mb": 1, "keep.alarm_free_mb": 2}
"""Settings with which a device can do on a disk of a few megabytes."""

ENDED_S = 120.0
"""A life ends within a second or two after it was told to; this is for a machine that is busy with something else."""

DRAINED_S = 900.0
"""The longest wait for everything to be settled at the end: within seconds, unless the machine is very busy."""


class Device:
    """One agent of the site. At most one life at a time."""

    driver = "tests.faults.oracle.driver"  # The program that a life is.

    def __init__(
        self,
        name: str,
        directory: Path,
        broker_port: int,
        state: Path | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """`state` is where the journal lies, unless below `directory`; `settings` are beside the usual ones."""
        directory.mkdir(parents=True)
        self.name = name
        self.state = state or directory / "state"
        self._settings = directory / "edge.toml"
        self._settings.write_text(_settings(name, self.state, broker_port, settings or {}), encoding="utf-8")
        self._ledger_path = directory / "ledger"
        self._ledger = Ledger(self._ledger_path)
        self._log = directory / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def noted(self) -> Noted:
        """What its ledger holds."""
        return self._ledger.read()

    def speak(
        self, utterances: int | None = None, *, pace_s: float = 0.0, settle_s: float = 0.0, under: Under = NOTHING
    ) -> None:
        """Begin a life in which so many utterances are handed in (None: until it ends), `pace_s` apart."""
        assert self._process is None, "the life before has not ended"
        life = Life(str(self._settings), str(self._ledger_path), self.noted.next, utterances, pace_s, settle_s)
        command = [*under.prefix, sys.executable, "-m", self.driver, life.written()]
        with self._log.open("ab") as log:
            self._process = Started(
                command,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **under.environment},
                start_new_session=True,  # so that a tracer in front of it is killed together with it
            )

    @property
    def pid(self) -> int:
        """The process that the life is."""
        assert self._process is not None
        return self._process.pid

    def remember(self, ledger: bytes) -> None:
        """Let the ledger hold what was noted of a former life elsewhere."""
        self._ledger_path.write_bytes(ledger)

    def has_handed_in(self, more: int) -> None:
        """Return when the life has handed in `more` utterances from now on, or has ended."""
        wanted = len(self.noted.handed_in) + more
        until(lambda: len(self.noted.handed_in) >= wanted or self.ended, lambda: f"nothing is said:\n{self.log}")

    def has_kept(self, more: int) -> None:
        """Return when the life has kept `more` utterances from now on; it must not end before."""
        wanted = len(self.noted.kept) + more
        until(lambda: len(self.noted.kept) >= wanted or self.ended, lambda: f"nothing is kept:\n{self.log}")
        assert not self.ended, f"the life ended:\n{self.log}"

    @property
    def ended(self) -> bool:
        """Whether the life is over."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """End the life as a power cut would."""
        assert self._process is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """End the life as systemd would, and as somebody who cannot wait; its exit code."""
        assert self._process is not None
        for _ in range(30):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
                time.sleep(0.02)
        return self.wait()

    def wait(self, seconds: float = ENDED_S) -> int:
        """Wait until the life ends by itself; its exit code."""
        assert self._process is not None
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds:g} s:\n{self.log}") from None
        self._process = None
        return code

    def reconcile(self) -> None:
        """Ask the inventory about what is still owed, as a person does where no agent starts any more."""
        command = [sys.executable, "-m", "edge", "queue", "reconcile", "--config", str(self._settings)]
        with self._log.open("ab") as log:
            Started(command, stdout=log, stderr=log, cwd=ROOT).wait(DRAINED_S)

    def finish(self) -> None:
        """Begin a last life with one fresh utterance, which must pass, as must all that is owed."""
        if self._process is not None:
            self.stop()
        self.speak(1, settle_s=DRAINED_S)
        code = self.wait(DRAINED_S + ENDED_S)
        assert code == 0, f"{self.name}: the last life ended with {code}:\n{self.log}"

    def close(self) -> None:
        """End what still runs."""
        if self._process is not None:
            self.kill()
        self._ledger.close()

    @property
    def log(self) -> str:
        """The end of what its lives logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]


def _settings(name: str, state: Path, broker_port: int, besides: Mapping[str, object]) -> str:
    # JSON's strings, numbers and booleans are TOML's too.
    keys = {
        "device": name,
        "state_directory": str(state),
        "speak.enabled": False,
        **EAR,
        **ROOM,
        "deliver.receipt_timeout_s": 2,
        "deliver.mqtt.host": "127.0.0.1",
        "deliver.mqtt.port": broker_port,
        "deliver.mqtt.keepalive_s": 5,
        "deliver.mqtt.reconnect_maximum_s": 1,
        **besides,
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
