"""What so many devices take, reckoned from what was measured: `python -m tests.bench.reckon [--devices 100000]`.

Prints the table of docs/scale.md. Each figure is a measured one times a number; none of these sizes was run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

DEVICES = (10_000, 100_000, 1_000_000)

# Measured on two processors (AMD EPYC) with everything on one machine; the commands print them.
CONNECTION_S = 0.64e-3  # Processor of mosquitto for a connection: tests.bench.devices.
PACKETS_S = 0.25e-3  # Of mosquitto for an entry, which is PUBLISH and PUBACK, four times: tests.bench.devices.
SESSION_KB = 5.0  # Memory of the broker for a device, with its retained status: tests.bench.devices.
CONSUMER_S = 0.85e-3  # Of a consumer for an entry: tests.bench.consumer --profile.
DATABASE_S = 0.2e-3  # Of PostgreSQL for an entry: tests.bench.consumer --profile.
ENTRY_KB = 2.6  # In tables by month, with indexes: tests.bench.consumer --by-month, 10,000,000 events.

# Assumed.
PEAK = 2  # The busiest hour is twice the mean.
BACK_S = 60  # All connect again within so long of an outage.
SHIFT_H, DAYS = 10, 22  # Hours a day and days a month.
COPIES = 3  # Of what a broker keeps: on each node of a cluster, which are three at least.
SERVERS = 2  # PostgreSQL: a primary and a synchronous standby, which applies the same.
BUSY = 0.5  # Share of the processors in use in the busiest hour.
LARGEST = 32  # Processors of the largest machine for a database.

# List prices of one provider (AWS, us-east-1, June 2026, on demand): m7g.large with two processors $0.0816 an hour, gp3
# $0.08 a gigabyte and month.
CORE_USD = 0.0816 / 2 * 730
GIGABYTE_USD = 0.08


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What one size takes."""

    devices: int
    hourly: float  # Entries of a device.
    months: int  # How long entries are kept.

    @property
    def entries(self) -> float:
        """A second, in the busiest hour."""
        return self.devices * self.hourly / 3600 * PEAK

    @property
    def broker_cores(self) -> float:
        """For all copies, in the busiest hour, or when all connect again."""
        return max(self.entries * PACKETS_S, self.devices / BACK_S * CONNECTION_S) * COPIES / BUSY

    @property
    def broker_gb(self) -> float:
        """Memory of all copies."""
        return self.devices * SESSION_KB * COPIES / 1e6

    @property
    def consumer_cores(self) -> float:
        """For all consumers."""
        return self.entries * CONSUMER_S / BUSY

    @property
    def database_cores(self) -> float:
        """Of the primary."""
        return self.entries * DATABASE_S / BUSY

    @property
    def primaries(self) -> int:
        """Databases among which sites are shared out."""
        return max(1, ceil(self.database_cores / LARGEST))

    @property
    def disk_tb(self) -> float:
        """On all servers."""
        return self.devices * self.hourly * SHIFT_H * DAYS * self.months * ENTRY_KB * SERVERS / 1e9

    @property
    def cores(self) -> float:
        """Of all machines: three for the broker with two processors each, two consumers, two servers of four."""
        return max(3 * 2, self.broker_cores) + max(2 * 2, self.consumer_cores) + SERVERS * max(4, self.database_cores)

    @property
    def usd(self) -> float:
        """A month."""
        return self.cores * CORE_USD + self.disk_tb * 1000 * GIGABYTE_USD


ROWS: Sequence[tuple[str, Callable[[Reckoned], str]]] = (
    ("entries a second, busiest hour", lambda one: f"{one.entries:,.0f}"),
    ("connections a second, after an outage", lambda one: f"{one.devices / BACK_S:,.0f}"),
    ("broker, three copies: processors, memory", lambda one: f"{one.broker_cores:,.1f}, {one.broker_gb:,.1f} GB"),
    ("consumers: processors", lambda one: f"{one.consumer_cores:,.1f}"),
    ("PostgreSQL, primary: processors", lambda one: f"{one.database_cores:,.1f}"),
    ("databases among which sites are shared out", lambda one: f"{one.primaries}"),
    ("disk, two servers", lambda one: f"{one.disk_tb:,.1f} TB"),
    ("processors of all machines", lambda one: f"{one.cores:,.0f}"),
    ("a month", lambda one: f"${one.usd:,.0f}"),
    ("a device and month", lambda one: f"${one.usd / one.devices:,.3f}"),
)


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="*", default=DEVICES)
    parser.add_argument("--hourly", type=float, default=60, help="entries of a device in an hour (60)")
    parser.add_argument("--months", type=int, default=3, help="how long entries are kept in the database (3)")
    given = parser.parse_args()
    sizes = [Reckoned(number, given.hourly, given.months) for number in given.devices]
    print("| |", " | ".join(f"{one.devices:,}" for one in sizes), "|")
    print("|---|", "---:|" * len(sizes), sep="")
    for name, told in ROWS:
        print(f"| {name} |", " | ".join(told(one) for one in sizes), "|")


if __name__ == "__main__":
    main()
