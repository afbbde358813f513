"""Devices at a broker of three nodes, one of which is killed each ten seconds: what is lost, and how long they wait.

    python -m tests.bench.clusters rabbitmq|nats [--devices 500] [--rate 8.3] [--seconds 300] [--every 10]

Prints the table of docs/scale.md for that broker. Nodes, balancer, PostgreSQL, inventory and devices are on this
machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.counting.node_kills import Staged, killed, table
from tests.servers.cluster import Cluster
from tests.servers.nats import Nats
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ

BROKERS: dict[str, Callable[[Path], Cluster]] = {"rabbitmq": RabbitMQ, "nats": Nats}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("broker", choices=BROKERS)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--rate", type=float, default=500 / 60, help="entries a second, of all together")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long they are said, and nodes killed")
    parser.add_argument("--every", type=float, default=10.0, help="seconds from one kill to the next")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="dockvoice-clusters-") as scratch, PostgreSQL() as postgresql:
        directory = Path(scratch)
        with BROKERS[given.broker](directory / "broker") as cluster:
            staged = Staged(given.devices, given.rate, given.seconds, given.every)
            told = killed(cluster, directory, postgresql.url, staged)
    print(table(given.broker, told))
    sys.exit(0 if told.result.is_complete else 1)


if __name__ == "__main__":
    main()
