"""A cluster of three NATS servers with JetStream, which speak MQTT 3.1.1: from config/brokers/nats.conf."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.servers.cluster import NODES, Cluster, adapted
from tests.servers.ports import held_port


class Nats(Cluster):
    """NATS: streams, sessions and retained messages on all three nodes."""

    def prepare(self, held: ExitStack) -> None:
        """Take three more ports a node (NATS itself, haproxy's question, the other nodes) and write the settings."""
        plain, health, routes = ([held.enter_context(held_port()) for _ in range(NODES)] for _ in range(3))
        self.balancing = {
            f"\n    {begins}": f"\n    # {begins}" for begins in ("option", "tcp-check", "default-server")
        }
        self.balancing |= {f"    #   {begins}": f"    {begins}" for begins in ("option", "default-server")}
        self.balancing |= {"check port 8222": "check"}
        for number in range(1, NODES + 1):
            here = {
                "server_name: broker-1": f"server_name: broker-{number}",
                "127.0.0.1:4222": f"127.0.0.1:{plain[number - 1]}",
                "0.0.0.0:8222": f"127.0.0.1:{health[number - 1]}",
                "0.0.0.0:6222": f"127.0.0.1:{routes[number - 1]}",
                "0.0.0.0:1883": f"127.0.0.1:{self.ports[number - 1]}",
                "/var/lib/nats": str(self.directory / f"node-{number}"),
            }
            others = {f"nats://broker-{other}:6222": f"nats://127.0.0.1:{routes[other - 1]}" for other in (1, 2, 3)}
            self.balancing |= {
                f" broker-{number}:1883": f" 127.0.0.1:{self.ports[number - 1]} port {health[number - 1]}"
            }
            (self.directory / f"node-{number}.conf").write_text(adapted("nats.conf", here | others))

    def command(self, number: int) -> tuple[Sequence[str], Mapping[str, str]]:
        """The server with its settings."""
        return [str(Path(sys.prefix) / "bin" / "nats-server"), "-c", str(self.directory / f"node-{number}.conf")], {}
