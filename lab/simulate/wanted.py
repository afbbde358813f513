"""The parameters of a simulation, and the resources it needs.

Pure but for the system calls of `raise_descriptor_limit`.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import Misconfigured
from edge.config import Deliver
from lab.simulate.device import CorrectionShares

_BESIDES = 64  # File descriptors beyond one a device: the event loop, a database, modules being imported.

_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")

HOUR_S, MINUTE_S = 3600.0, 60.0

KB_SIMULATOR, KB_BROKER = 25, 8
"""Memory of a device in the simulator and in mosquitto 2.0, kB: measured with 10,000 (docs/scale.md), rounded up."""

_KB_ENTRY = 0.5  # Of the ledger, for each entry.


@dataclass(frozen=True, slots=True)
class RunParameters:
    """The parameters of a simulation."""

    devices: int
    deliver: Deliver
    site: str
    run: str  # Prefix of the devices' names, unique at an inventory.
    rate: float = 0.0  # Entries a second, of all devices together.
    seconds: float = 0.0  # Duration of dictation.
    backlog: int = 0  # Entries that each device owes when it connects.
    storm: float = 0.0  # Connections begun a second; 0: as fast as they can be.
    cuts: float = 0.0  # Share of the devices whose link is cut in a minute.
    habits: CorrectionShares = field(default_factory=CorrectionShares)
    seed: int = 0
    patience_s: float = 60.0  # Maximum wait without any answer.

    @property
    def estimated_entries(self) -> int:
        """Approximate number of entries that the run will make."""
        return round(self.devices * self.backlog + self.rate * self.seconds)

    def device_names(self) -> Iterator[str]:
        """The names of the devices."""
        width = len(str(self.devices - 1))
        return (f"{self.run}-{number:0{width}d}" for number in range(self.devices))


@dataclass(frozen=True, slots=True)
class ResourceNeed:
    """One resource that a run needs, and how to provide it."""

    what: str
    number: str
    remedy: str


def estimate_needs(run: RunParameters) -> list[ResourceNeed]:
    """The resources that the run needs of this machine, the broker and the inventory."""
    mqtt, devices = run.deliver.mqtt, run.devices
    on_the_way = devices * min(run.deliver.window, run.backlog or 1)
    here = devices * KB_SIMULATOR + run.estimated_entries * _KB_ENTRY
    return [
        ResourceNeed(
            "descriptors here",
            f"{_descriptors_needed(run):,}",
            "ulimit -n; raised by itself as far as the hard limit goes",
        ),
        ResourceNeed("descriptors of the broker", f"{devices + _BESIDES:,}", "ulimit -n, or LimitNOFILE= of its unit"),
        ResourceNeed(
            "local ports", f"{devices:,}", f"{_available_ports():,} are free to use: net.ipv4.ip_local_port_range"
        ),
        ResourceNeed("memory here", f"{here / 1000:,.0f} MB", "measured, rounded up"),
        ResourceNeed(
            "memory of the broker", f"{devices * KB_BROKER / 1000:,.0f} MB", "measured with mosquitto 2.0, rounded up"
        ),
        ResourceNeed("connections of the broker", f"{devices:,}", "mosquitto: max_connections -1 (its default)"),
        ResourceNeed(
            "messages that wait for the inventory",
            f"{on_the_way:,}",
            "mosquitto keeps 1,000 and drops the rest in silence: max_queued_messages 0, or as many",
        ),
        ResourceNeed("pings a second", f"{devices / mqtt.keepalive_s:,.0f}", "deliver.mqtt.keepalive_s"),
        ResourceNeed(
            "keys that the inventory knows", f"{devices:,}", "--keys DIR and keys_directory, or trust_first_use"
        ),
        ResourceNeed("rows in the inventory", f"{run.estimated_entries:,}", f"of site {run.site}, devices {run.run}-…"),
    ]


def _descriptors_needed(parameters: RunParameters) -> int:
    """File descriptors that this process will open."""
    return parameters.devices + _BESIDES


def _available_ports() -> int:
    """Local ports available for connections to one address and port."""
    try:
        first, last = map(int, _PORTS.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 28_232  # Linux' default, where it does not say
    return last - first + 1


def raise_descriptor_limit(run: RunParameters) -> None:
    """Raise this process's file descriptor limit as far as needed. Raises Misconfigured if the hard limit is lower."""
    needed = _descriptors_needed(run)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        most = hard if hard != resource.RLIM_INFINITY else needed
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(needed, most)))  # beyond `hard` root may
        except (ValueError, OSError):
            raise Misconfigured(
                f"--devices {run.devices}: takes {needed:,} file descriptors, and this process may open {hard:,} at "
                f"most; raise it (ulimit -Hn {needed}, or LimitNOFILE= in its unit), or ask for fewer"
            ) from None
    if run.devices > _available_ports() and not _may_resolve_to_many_addresses(run.deliver.mqtt):
        raise Misconfigured(
            f"--devices {run.devices}: one address of this machine has {_available_ports():,} ports for connections "
            "to one broker; widen net.ipv4.ip_local_port_range, or use several machines, each with a --run of its own"
        )


def _may_resolve_to_many_addresses(mqtt: Mqtt) -> bool:
    """Whether the broker's name may resolve to several addresses: then the ports for one are no limit."""
    try:
        ip_address(mqtt.host)
    except ValueError:
        return mqtt.host != "localhost"
    return False
