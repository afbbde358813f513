"""A cluster of three RabbitMQ nodes with the MQTT plugin: from config/brokers/rabbitmq.conf."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.servers.cluster import NODES, SETTINGS, Cluster, adapted, program
from tests.servers.ports import held_port

ERLANG = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
"""Idle schedulers do not spin: three nodes share few processors. Nodes speak with each other on this machine alone."""


class RabbitMQ(Cluster):
    """RabbitMQ: each session a quorum queue on all three nodes."""

    forms_one_by_one = True
    """Three that start at once may each have a register of clients of its own, of which one never has a leader."""

    def prepare(self, held: ExitStack) -> None:
        """Take two more ports a node, start a name server of Erlang's own for them, and write the settings."""
        scripts = [path for path in Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server") if path.is_file()]
        assert scripts, "RabbitMQ is not installed: apt install rabbitmq-server"
        # Not Debian's own, which changes the user and allows one node a machine.
        self._script = str(scripts[-1])
        names = held.enter_context(held_port())
        held.callback(self._end, self._begin("epmd", [program("epmd"), "-port", str(names)], {}))
        # A node looks for each of its thousand modules in all folders of plugins.
        subprocess.run(["sh", str(SETTINGS / "rabbitmq-links.sh"), str(self.directory / "links")], check=True)
        settings = self.directory / "rabbitmq-env.conf"
        settings.write_text(adapted("rabbitmq-env.conf", {"/usr/local/lib/rabbitmq-mqtt": f"{self.directory}/links"}))
        self._environment = []
        for number in range(1, NODES + 1):
            home = self.directory / f"node-{number}"
            home.mkdir()
            changes = {f"rabbit@broker-{other}": f"rabbit-{other}@localhost" for other in range(1, NODES + 1)}
            listener = "mqtt.listeners.tcp.default = "
            changes[f"{listener}1883"] = f"{listener}127.0.0.1:{self.ports[number - 1]}"
            (home / "rabbitmq.conf").write_text(adapted("rabbitmq.conf", changes))
            (home / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
            cookie = home / ".erlang.cookie"
            cookie.write_text("tests")
            cookie.chmod(0o400)
            self._environment.append(
                {
                    "HOME": str(home),
                    "ERL_EPMD_PORT": str(names),
                    "ERL_EPMD_ADDRESS": "127.0.0.1",
                    "RABBITMQ_CONF_ENV_FILE": str(settings),
                    "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
                    "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
                    "RABBITMQ_NODENAME": f"rabbit-{number}@localhost",
                    "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
                    "RABBITMQ_NODE_PORT": str(held.enter_context(held_port())),
                    "RABBITMQ_DIST_PORT": str(held.enter_context(held_port())),
                    "RABBITMQ_MNESIA_BASE": str(home / "data"),
                    "RABBITMQ_LOGS": "-",
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
                }
            )

    def command(self, number: int) -> tuple[Sequence[str], Mapping[str, str]]:
        """The server, whose log goes to its output."""
        return [self._script], self._environment[number - 1]

    def drop_queue(self, name: str) -> None:
        """Forget a queue and its bindings, and tell nobody, as 3.10 does with one of QoS 0 after a node's death."""
        erlang = f'rabbit_amqqueue:internal_delete(rabbit_misc:r(<<"/">>, queue, <<"{name}">>), <<"tests">>).'
        control = str(Path(self._script).with_name("rabbitmqctl"))
        words = [control, "-n", self._environment[0]["RABBITMQ_NODENAME"], "eval", erlang]
        subprocess.run(words, env={**os.environ, **self._environment[0]}, check=True, capture_output=True)
