"""A real PgBouncer for tests, with the settings of config/postgresql/pgbouncer.ini but for places and passwords."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import held_port
from tests.servers.postgresql import owner
from tests.waiting import until

SETTINGS = Path(__file__).parents[2] / "config" / "postgresql" / "pgbouncer.ini"


@contextmanager
def pgbouncer(server_port: int, settings: Mapping[str, str] | None = None) -> Iterator[int]:
    """Its port, in front of the PostgreSQL on `server_port`; `settings` are over those of the file."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "no PgBouncer: apt install pgbouncer"
    directory = Path(tempfile.mkdtemp(prefix="dockvoice-pgbouncer-"))
    with held_port() as port:
        places = {"listen_port": port, "unix_socket_dir": "", "auth_type": "trust", "auth_file": directory / "users"}
        own = [f"{name} = {value}" for name, value in (places | dict(settings or {})).items()]
        # A section that comes again forgets what was set in it before: the file ends with its section [pgbouncer].
        shipped = SETTINGS.read_text(encoding="utf-8").replace("port=5432", f"port={server_port}")
        (directory / "pgbouncer.ini").write_text("\n".join([shipped, *own, ""]))
        (directory / "users").write_text('"tester" ""\n')
        as_whom = owner()
        if as_whom:  # it refuses to run as root
            shutil.chown(directory, as_whom["user"])
        with (directory / "log").open("ab") as log:
            running = subprocess.Popen(
                [program, directory / "pgbouncer.ini"], stdout=log, stderr=log, cwd=directory, **as_whom
            )

        def answers() -> bool:
            assert running.poll() is None, (directory / "log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            until(answers, (directory / "log").read_text)
            yield port
        finally:
            running.kill()
            running.wait()
            shutil.rmtree(directory)
