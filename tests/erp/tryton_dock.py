"""A dock in front of a Tryton: devices that are spoken to, a broker, the inventory, the connector's process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from inventory.repository import Store
from lab.scribe.arrivals import Pallet
from tests.erp.tryton import DOORS, PASSWORD, Tryton
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.servers.tcp_proxy import TcpProxy
from tests.sound.hearing_device import SITE, Device
from tests.waiting import PATIENCE_S

UNITS = {"CS": "Case of 12", "EA": "Unit"}
CONNECT = [sys.executable, "-c", "from inventory.connect.command import commands; commands(prog_name='connect')"]
"""The command of the connector, also where the entry point of this distribution is not installed anew yet."""


class ConnectorProcess:
    """`dockvoice connect run tryton`, which can be killed at any moment."""

    def __init__(self, config: Path, settings: Path, log: Path) -> None:
        self._command = [*CONNECT, "run", "tryton", "--settings", str(settings), "--config", str(config)]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def start(self) -> None:
        environment = {**os.environ, "DOCKVOICE_CONNECT_TRYTON__PASSWORD": PASSWORD}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.kills += 1

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            # Before it has begun to listen for it, a SIGTERM ends it as it ends any program.
            assert self._process.wait(PATIENCE_S) in {0, -signal.SIGTERM}, self.log()

    def log(self) -> str:
        return self._log.read_text()[-6000:]


class Dock:
    """All of it but the devices, each in a process of its own."""

    def __init__(
        self, directory: Path, tryton: Tryton, cluster: PostgreSQL, port: Callable[[], int], keys: tuple[Path, Path]
    ) -> None:
        self._directory = directory
        self._tryton = tryton
        self._cluster = cluster
        self._port = port
        self._private, self._public = keys
        self._held = ExitStack()

    def __enter__(self) -> Self:
        enter = self._held.enter_context
        try:
            self.broker = enter(Mosquitto(self._directory / "broker", self._port()))
            self.url = enter(self._cluster.database())
            self.inventory = enter(RunningInventory(self.broker.port, self._directory / "inventory", self.url))
            self.store = Store.open(self.url, create=False)
            self._held.callback(self.store.close)
            config, settings = self._directory / "inventory.toml", self._directory / "tryton.toml"
            config.write_text(
                f'database = "{self.url}"\n[mqtt]\nhost = "127.0.0.1"\nport = {self.broker.port}\n'
                f'[console]\nkey = "{self._private}"\n'
            )
            settings.write_text(SETTINGS.format(site=SITE, url=self._tryton.url))
            self.config, self.settings = config, settings
            self.connector = ConnectorProcess(config, settings, self._directory / "connect.log")
            self._held.callback(self.connector.close)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self._held.close()

    @contextmanager
    def device(self, name: str) -> Iterator[tuple[Device, TcpProxy]]:
        """A device, and the wire between it and the broker."""
        with TcpProxy(self.broker.port) as wire, Device(name, self._directory / name, wire.port, self._public) as one:
            yield one, wire


SETTINGS = """
site = "{site}"
forms = ["receive-notice"]
pull = ["expected"]
poll_s = 0.1
left_alone_s = 3
[tryton]
url = "{url}"
database = "wh"
user = "dockvoice"
timeout_s = 60
damaged = "leave out"
[tryton.units]
EA = "Unit"
CS = "Case of 12"
KGM = "Kilogram"
[tryton.places]
12 = "DOCK-12"
14 = "DOCK-14"
"""

Expected = Counter[tuple[str, str, str | None, str]]


def ledger_of(loads: Iterable[Pallet], items: Mapping[str, str]) -> Expected:
    """What the scribe wrote down, in Tryton's words; `items` are by pallet."""
    found: Expected = Counter()
    for load in loads:
        found[items[load.pallet], UNITS[load.uom], load.lot, DOORS[load.door]] += load.quantity
    return found
