"""A real mosquitto for tests: on a port of its own, with the options a test names, started, stopped, killed, frozen."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.certificates import HERE, Authority
from tests.waiting import until

PATIENCE_S = 60.0
"""How long mosquitto may take to start or to stop; it takes some milliseconds, on a busy machine more."""


@dataclass(frozen=True)
class Certificates:
    """An authority made up for a test, what it signed for 127.0.0.1, and what it signed for a client."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    @classmethod
    def make(cls, directory: Path) -> Certificates:
        authority = Authority(directory)
        server, client = authority.sign("server", HERE), authority.sign("client")
        return cls(authority.issued.certificate, server.certificate, server.key, client.certificate, client.key)


class Mosquitto:
    """A broker process. As a context manager it is started on entry and stopped on exit.

    `directory` takes its files and outlives it: with `persistent`, a killed broker comes back with what it had.
    """

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        persistent: bool = False,
        access: str | None = None,
        users: Mapping[str, str] | None = None,
        tls: Certificates | None = None,
        client_certificates: bool = False,
        options: Sequence[str] = (),
    ) -> None:
        self.port = port
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        lines = ["user root", *options, f"listener {port} 127.0.0.1", f"allow_anonymous {_word(users is None)}"]
        if persistent:
            lines += ["persistence true", f"persistence_location {directory}/"]
            lines += [
                "autosave_interval 1",
                "autosave_on_changes true",
            ]  # a save after every change: kill loses nothing
        if access is not None:
            lines.append(f"acl_file {self._write('access', access)}")
        if users is not None:
            lines.append(f"password_file {self._passwords(users)}")
        if tls is not None:
            lines += [f"cafile {tls.authority}", f"certfile {tls.server}", f"keyfile {tls.server_key}"]
            lines.append(f"require_certificate {_word(client_certificates)}")
            lines.append(f"use_identity_as_username {_word(client_certificates)}")
        self._configuration = self._write("mosquitto.conf", "\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """What mosquitto wrote."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """The process of the latest start."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        assert program is not None, "mosquitto is not installed: apt install mosquitto"
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen([program, "-v", "-c", str(self._configuration)], stdout=log, stderr=log)
        until(self._accepts, lambda: f"mosquitto takes no connections:\n{self.log}", PATIENCE_S)

    def stop(self) -> None:
        """Stop as an administrator would: mosquitto says farewell to its clients and saves."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still with its connections open, as a dead link looks from the client's side."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        self._process.wait(PATIENCE_S)
        self._process = None

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"mosquitto ended at once:\n{self.log}"
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def _passwords(self, users: Mapping[str, str]) -> Path:
        path = self._write("passwords", "")
        for user, password in users.items():
            subprocess.run(["mosquitto_passwd", "-b", str(path), user, password], check=True, capture_output=True)
        return path


def _word(value: bool) -> str:
    return "true" if value else "false"
