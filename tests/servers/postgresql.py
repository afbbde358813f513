"""A real PostgreSQL cluster of the tests' own: made in a directory that nobody else uses, gone afterwards."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TypedDict

import pytest

from tests.servers.ports import held_port
from tests.waiting import until

STARTED_IN_S = 60  # A cluster starts in under a second; much more on a machine busy with other tests.

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # the tests kill processes, never the machine: what the kernel has is kept
    "max_connections": "60",
    "shared_buffers": "16MB",
    "log_min_messages": "fatal",
}


def programs() -> Path:
    """Where initdb and postgres are: on the PATH, or where Debian keeps them, the newest version first."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert versions, "no PostgreSQL: apt install postgresql"
    return versions[-1].parent


class Owner(TypedDict, total=False):
    """As whom a program is started, in the words of `subprocess`."""

    user: int
    group: int
    extra_groups: list[int]


def owner() -> Owner:
    """PostgreSQL refuses to run as root: there it runs as the user that its package made."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class PostgreSQL:
    """A cluster with an empty database `inventory`, from entering until leaving the context.

    `options` are the server's own, over those of the tests.
    """

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self._options = OPTIONS | dict(options or {})
        self._held = ExitStack()
        self.port = self._held.enter_context(held_port())
        self._programs = programs()
        self._owner = owner()
        # Not below pytest's tmp_path, whose parents only the tests' own user may enter.
        self._directory = Path(tempfile.mkdtemp(prefix="dockvoice-postgresql-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """The database, as SQLAlchemy names it."""
        return self._url("inventory")

    @property
    def pid(self) -> int:
        """The server, whose children its sessions are."""
        assert self._server is not None
        return self._server.pid

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of another empty database beside it, dropped afterwards: each takes 7 MB."""
        name = f"inventory_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self._url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def __enter__(self) -> Self:
        if self._owner:
            os.chown(self._directory, self._owner["user"], self._owner["group"])
        try:
            made = ["--username=tester", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]
            self._run("initdb", "--pgdata", self._data, *made)
            self.start()
            self._run("createdb", *self._server_at, "inventory")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        places = ["-D", str(self._data), "-p", str(self.port), "-k", str(self._directory)]
        command = [str(self._programs / "postgres"), *places, *options]
        with (self._directory / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory, **self._owner)
        until(self._answers, f"PostgreSQL did not answer in {STARTED_IN_S} s", STARTED_IN_S)

    def stop(self) -> None:
        """Stop the server as in an outage: sessions are cut off in the middle of what they do."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)  # its immediate shutdown
            self._server.wait(STARTED_IN_S)
            self._server = None

    def close(self) -> None:
        """Stop, and remove every trace."""
        with self._held:
            self.stop()
            shutil.rmtree(self._directory)

    def execute(self, statement: str, database: str = "inventory") -> str:
        """What `psql` prints for `statement`, one row a line."""
        found = self._run("psql", *self._server_at, "--no-psqlrc", "-Atqc", statement, database)
        return found.strip()

    def dump(self, database: str, to: Path) -> None:
        """All of a database, as SQL; the file is whole or not there."""
        partial = to.with_suffix(".partial")
        partial.write_text(self._run("pg_dump", *self._server_at, "--no-owner", database))
        partial.replace(to)

    def restore(self, dump: Path, database: str) -> None:
        """Into an empty database."""
        # Read here: as the cluster's own user it may not be allowed to look into this directory.
        self._run("psql", *self._server_at, "--no-psqlrc", "-q", "-v", "ON_ERROR_STOP=1", database, read=dump)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/{database}"

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _server_at(self) -> list[str]:
        return ["--host=127.0.0.1", f"--port={self.port}", "--username=tester"]

    def _answers(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, (self._directory / "log").read_text()
        ready = [str(self._programs / "pg_isready"), "--quiet", *self._server_at]
        return subprocess.run(ready, check=False, cwd=self._directory, **self._owner).returncode == 0

    def _run(self, program: str, *arguments: str | Path, read: Path | None = None) -> str:
        command = [str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._directory,
            timeout=60,
            input=None if read is None else read.read_text(),
            **self._owner,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One cluster for all tests that need one; each makes its own database in it."""
    with PostgreSQL() as cluster:
        yield cluster
