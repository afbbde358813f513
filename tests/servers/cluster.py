"""A broker of three nodes on this machine, behind one address: haproxy, as config/brokers/haproxy.cfg sets it up."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.ports import held_port
from tests.waiting import until

SETTINGS = Path(__file__).parents[2] / "config" / "brokers"
"""What a site is given, and what the nodes here are started from."""

NODES = 3

USER, PASSWORD = "dockvoice", "change-me"  # Of every client.

STARTED_IN_S = 120  # A node of RabbitMQ takes some ten seconds of a processor, and all three start at once.

ANSWERED_IN_S = 5
"""A node that takes clients acknowledges a publication within milliseconds; one that has no majority never does."""


class Cluster(ABC):
    """Starts all nodes and the balancer on entry, kills them on exit. Nodes have the numbers 1 to 3."""

    forms_one_by_one = False  # Whether a node is started for the first time when the one before takes clients.

    balancing: dict[str, str]  # What of haproxy.cfg is other for this broker.

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.balancing = {}
        self._held = ExitStack()
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as held:
            self.port = held.enter_context(held_port())
            self.ports = [held.enter_context(held_port()) for _ in range(NODES)]
            self.prepare(held)
            held.callback(self._kill_all)
            for number in range(1, NODES + 1):
                self.start(number)
                if self.forms_one_by_one:
                    until(partial(self.serves, number), self.logs, STARTED_IN_S)
            until(lambda: all(map(self.serves, range(1, NODES + 1))), self.logs, STARTED_IN_S)
            self._start_balancer(held)
            self._held = held.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._held.close()

    @abstractmethod
    def prepare(self, held: ExitStack) -> None:
        """Take ports and write settings."""

    @abstractmethod
    def command(self, number: int) -> tuple[Sequence[str], Mapping[str, str]]:
        """How a node is started: words, and what its environment has besides."""

    def start(self, number: int) -> None:
        """Start a node, and do not wait for it."""
        words, environment = self.command(number)
        self._running[number] = self._begin(f"node-{number}", words, environment)

    def kill(self, number: int) -> None:
        """End a node as a power cut would."""
        self._end(self._running.pop(number))

    def hang(self, number: int) -> None:
        """Let a node do nothing, neither answer nor end, until `resume`."""
        os.killpg(self._running[number].pid, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a node that hangs go on."""
        os.killpg(self._running[number].pid, signal.SIGCONT)

    def serves(self, number: int) -> bool:
        """Whether a node takes a client and acknowledges what it publishes."""
        if not accepts(self.ports[number - 1]):
            return False  # Else a program were started each 20 ms, which takes what the node needs to come back.
        publication = ["-V", "mqttv311", "-i", f"probe-{number}", "-t", "probe", "-m", "probe", "-q", "1"]
        at = ["-h", "127.0.0.1", "-p", str(self.ports[number - 1]), "-u", USER, "-P", PASSWORD]
        try:
            done = subprocess.run(
                ["mosquitto_pub", *publication, *at], capture_output=True, timeout=ANSWERED_IN_S, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def logs(self) -> str:
        """The end of what each node wrote."""
        return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(self.directory.glob("*.log")))

    def _start_balancer(self, held: ExitStack) -> None:
        changes = {"bind :1883": f"bind 127.0.0.1:{self.port}", "maxconn 20000": "maxconn 4000"}
        changes |= {f" broker-{number}:1883": f" 127.0.0.1:{port}" for number, port in enumerate(self.ports, 1)}
        changes |= self.balancing
        settings = self.directory / "haproxy.cfg"
        settings.write_text(adapted("haproxy.cfg", changes))
        process = self._begin("haproxy", [program("haproxy"), "-db", "-f", str(settings)], {})
        self.balancer = process.pid
        held.callback(self._end, process)
        until(lambda: process.poll() is not None or accepts(self.port), self.logs, STARTED_IN_S)
        assert process.poll() is None, self.logs()

    def _begin(self, name: str, words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                words, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _kill_all(self) -> None:
        for number in list(self._running):
            self.kill(number)


def adapted(name: str, changes: Mapping[str, str]) -> str:
    """A file of config/brokers with names, ports and directories of this machine; each must stand in it."""
    text = (SETTINGS / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def program(name: str, package: str | None = None) -> str:
    """Where a program is."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert found is not None, f"{name} is not installed: apt install {package or name}"
    return found


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
