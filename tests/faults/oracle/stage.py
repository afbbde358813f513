"""Where a scenario plays: a broker, an inventory, devices, all real, and the count at the end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.oracle.device import Device
from tests.faults.oracle.faults import NOTHING, Under
from tests.faults.oracle.ledger import Tally, count
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.tcp_proxy import TcpProxy

BRISK = {"DOCKVOICE_INVENTORY_MQTT__KEEPALIVE_S": "5", "DOCKVOICE_INVENTORY_MQTT__RECONNECT_MAXIMUM_S": "1"}
"""Settings of the inventory with which a fault is over as soon as it can be."""


class Stage:
    """A site. As a context manager it is up on entry, and gone on exit; its files stay in `directory`."""

    def __init__(
        self, directory: Path, *, persistent: bool = True, database: str | None = None, inventory: Under = NOTHING
    ) -> None:
        """`persistent`: a killed broker comes back with what it had. `database`: not SQLite, but this URL.

        `inventory`: the environment that the inventory lives in.
        """
        self._directory = directory
        self._held = ExitStack()
        self._devices: list[Device] = []
        self.broker = Mosquitto(directory / "broker", self._port(), persistent=persistent)
        self.inventory = RunningInventory(
            self.broker.port, directory / "inventory", database, environment={**BRISK, **inventory.environment}
        )

    def __enter__(self) -> Self:
        with ExitStack() as up:
            up.push(self._held)
            up.enter_context(self.broker)
            up.enter_context(self.inventory)
            self._held = up.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._held.close()

    def link(self, *, up: bool = True) -> TcpProxy:
        """A way to the broker that can be spoilt, or is from the beginning."""
        link = self._held.enter_context(TcpProxy(self.broker.port))
        if not up:
            link.down()
        return link

    def device(
        self,
        name: str = "device",
        *,
        link: TcpProxy | None = None,
        state: Path | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> Device:
        """Another device of the site; it goes to the broker directly, unless by this `link`."""
        port = self.broker.port if link is None else link.port
        device = Device(name, self._directory / name, port, state, settings)
        self._held.callback(device.close)
        self._devices.append(device)
        return device

    def conclude(self) -> Tally:
        """Let every device deliver what it owes and one fresh utterance, then compare inventory and ledgers."""
        for device in self._devices:
            device.finish()
        rows = self.inventory.rows()
        tallies = [count(each.noted, [row for row in rows if row["device"] == each.name]) for each in self._devices]
        return sum(tallies, Tally())

    def _port(self) -> int:
        return self._held.enter_context(held_port())
