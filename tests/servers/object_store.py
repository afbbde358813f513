"""An object store that speaks S3, as a process: SeaweedFS, with its files in a directory of the test's own."""

from __future__ import annotations

import subprocess
import sysconfig
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError

from tests.servers.ports import held_port
from tests.waiting import until

PARTS = ("master", "volume", "filer", "s3")
"""The servers in one process; each listens on a port for HTTP and one for gRPC."""

OFF = ("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false")
"""What is on by default and of no use here: a word to its makers, and ports that others may have."""

STARTED_IN_S = 60  # It starts in three seconds; a busy machine may need longer.


class ObjectStore:
    """A server that anybody may write to."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._held = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        ports = {
            f"{part}.port{kind}": self._held.enter_context(held_port()) for part in PARTS for kind in ("", ".grpc")
        }
        listening = [f"-{name}={port}" for name, port in ports.items()]
        self.url = f"http://127.0.0.1:{ports['s3.port']}"
        at = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._directory}")
        program = Path(sysconfig.get_path("scripts")) / "weed"
        log = self._directory / "log"
        with log.open("ab") as told:
            self._process = subprocess.Popen(
                [program, "-logtostderr=true", "server", *at, "-s3", *listening, *OFF], stdout=told, stderr=told
            )
        try:
            until(self._answers, lambda: f"the object store does not answer:\n{log.read_text()}", STARTED_IN_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def make(self, bucket: str) -> None:
        """Make a bucket, unless it is there."""
        asked = urllib.request.Request(f"{self.url}/{bucket}", method="PUT")  # noqa: S310 - http
        with suppress(HTTPError), urllib.request.urlopen(asked, timeout=STARTED_IN_S):  # noqa: S310 - http
            pass

    def close(self) -> None:
        """End it."""
        with self._held:
            assert self._process is not None
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=1):  # noqa: S310 - http
                return True
        except OSError:
            return False
