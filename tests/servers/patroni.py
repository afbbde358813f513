"""A real PostgreSQL cluster under Patroni, as config/postgresql/patroni.yml says but for places: killed and started."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import psutil
import psycopg

from tests.servers.ports import held_port
from tests.servers.postgresql import owner, programs
from tests.waiting import until

SETTINGS = Path(__file__).parents[2] / "config" / "postgresql" / "patroni.yml"

PATRONI = "/usr/bin/patroni"

READY_IN_S = 180.0  # A cluster is there in some twenty seconds; on a busy machine in more.

LOOK_S = 0.3  # How often Patroni is asked: each time costs it a query.


class _Node:
    """A host: Patroni, and the PostgreSQL that it runs."""

    def __init__(self, name: str, directory: Path, port: int, api: int, etcd: int) -> None:
        self.name = name
        self.port = port
        self.api = api
        self._directory = directory / name
        self._running: subprocess.Popen[bytes] | None = None
        settings = self._directory / "settings"
        settings.mkdir(parents=True)
        shutil.copy(SETTINGS, settings / "1.yml")
        ours: dict[str, Any] = {
            "name": name,
            "restapi": {"listen": f"127.0.0.1:{api}", "connect_address": f"127.0.0.1:{api}"},
            "etcd3": {"hosts": [f"127.0.0.1:{etcd}"]},
            "postgresql": {
                "listen": f"127.0.0.1:{port}",
                "connect_address": f"127.0.0.1:{port}",
                "data_dir": str(self._directory / "data"),
                "bin_dir": str(programs()),
                "pgpass": str(self._directory / "pgpass"),
                "parameters": {"unix_socket_directories": str(self._directory), "shared_buffers": "32MB"},
                "pg_hba": ["host all all samehost trust", "host replication all samehost trust"],
            },
        }
        (settings / "2.yml").write_text(json.dumps(ours))  # over the other; JSON is YAML

    def start(self) -> None:
        """Start Patroni, which makes or joins the cluster."""
        with (self._directory / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [PATRONI, str(self._directory / "settings")], stdout=log, stderr=log, cwd=self._directory, **owner()
            )

    def kill(self) -> None:
        """End Patroni and PostgreSQL with its sessions at once, as a host's power cut would."""
        if self._running is None:
            return
        self._running.kill()
        self._running.wait()
        for one in psutil.process_iter(["cwd"]):  # PostgreSQL is no child of Patroni's
            if one.info["cwd"] and Path(one.info["cwd"]).is_relative_to(self._directory):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        self._running = None

    @property
    def log(self) -> str:
        """What Patroni and PostgreSQL wrote."""
        return (self._directory / "log").read_text(errors="replace")


class PatroniCluster:
    """So many servers and an etcd, from entering until leaving the context; one is the primary, the others follow."""

    def __init__(self, nodes: int = 2) -> None:
        self._held = ExitStack()
        self._directory = Path(tempfile.mkdtemp(prefix="dockvoice-patroni-"))
        if whose := owner():
            shutil.chown(self._directory, whose["user"])
        self._etcd_port, peers, *ports = (self._held.enter_context(held_port()) for _ in range(2 + 2 * nodes))
        self._peers = peers
        self._nodes = [
            _Node(f"db-{number + 1}", self._directory, ports[2 * number], ports[2 * number + 1], self._etcd_port)
            for number in range(nodes)
        ]
        if whose:
            for path in self._directory.rglob("*"):
                shutil.chown(path, whose["user"])

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    @property
    def url(self) -> str:
        """The database of whichever server takes writes, as SQLAlchemy names it."""
        hosts = "&".join(f"host=127.0.0.1:{node.port}" for node in self._nodes)
        return f"postgresql+psycopg://postgres@/inventory?{hosts}&target_session_attrs=read-write"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """What the primary answers."""
        with psycopg.connect(self.address, autocommit=True) as server:
            found = server.execute(statement.encode())
            return found.fetchall() if found.description else []

    @property
    def address(self) -> str:
        """The same in libpq's words."""
        hosts = ",".join("127.0.0.1" for _ in self._nodes)
        ports = ",".join(str(node.port) for node in self._nodes)
        return f"host={hosts} port={ports} user=postgres dbname=inventory target_session_attrs=read-write"

    def kill_primary(self) -> str:
        """Kill it with all its sessions; its name."""
        port = self.execute("SELECT inet_server_port()")[0][0]
        gone = next(node for node in self._nodes if node.port == port)
        gone.kill()
        return gone.name

    @contextmanager
    def standbys_deaf(self) -> Iterator[None]:
        """Let no standby hear what the primary writes, with its connection open."""
        hearing = [
            one
            for one in psutil.process_iter(["cmdline", "cwd"])
            if "walreceiver" in " ".join(one.info["cmdline"] or ()) and str(self._directory) in str(one.info["cwd"])
        ]
        assert hearing
        for one in hearing:
            one.suspend()
        try:
            yield
        finally:
            for one in hearing:
                one.resume()

    def start(self, name: str) -> None:
        """Start a killed one again, which follows the new primary."""
        next(node for node in self._nodes if node.name == name).start()

    def wait_until_writable(self) -> None:
        """Return when one of them is the primary."""
        until(self._is_writable, lambda: "\n".join(node.log[-3000:] for node in self._nodes), READY_IN_S)

    def wait_until_synchronous(self) -> None:
        """Return when every server runs, and the primary waits for one of the others before a commit returns."""
        until(self._is_whole, lambda: "\n".join(node.log[-3000:] for node in self._nodes), READY_IN_S)

    def _start(self) -> None:
        at, peers = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peers}"
        places = {
            "data-dir": self._directory / "etcd",
            "listen-client-urls": at,
            "advertise-client-urls": at,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"default={peers}",
        }
        with (self._directory / "etcd.log").open("ab") as log:
            etcd = subprocess.Popen(
                ["etcd", *(f"--{name}={value}" for name, value in places.items())], stdout=log, stderr=log, **owner()
            )
        self._held.callback(etcd.wait)
        self._held.callback(etcd.kill)
        for node in self._nodes:
            self._held.callback(node.kill)
            node.start()
        self.wait_until_synchronous()
        maintenance = self.address.replace("dbname=inventory", "dbname=postgres")
        with psycopg.connect(maintenance, autocommit=True) as server:
            server.execute("CREATE DATABASE inventory")

    def _is_writable(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.execute("SELECT")
            return True
        time.sleep(LOOK_S)
        return False

    def _is_whole(self) -> bool:
        with suppress(OSError):
            states = [_answer(node) for node in self._nodes]
            followed = max(len(one.get("replication", [])) for one in states)
            # Of what Patroni believes, too: it promotes only one that it has noted as synchronous.
            if followed == len(states) - 1 and any(one.get("sync_standby") for one in states):
                return True
        time.sleep(LOOK_S)
        return False

    def _close(self) -> None:
        self._held.close()
        shutil.rmtree(self._directory)


def _answer(node: _Node) -> dict[str, Any]:
    with urlopen(f"http://127.0.0.1:{node.api}/patroni", timeout=2) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
