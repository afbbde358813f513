"""Many simulated devices at a real broker and a real inventory, whose links are cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.mqtt_client import Will
from inventory.repository import Store
from lab.simulate.link import MqttLink
from tests.processes.command import dockvoice
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto


def test_fifty_devices_whose_links_are_cut_lose_nothing_and_double_nothing(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with (
        Mosquitto(tmp_path / "broker", free_port(), persistent=True) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
    ):
        database = f"sqlite:///{tmp_path}/inventory/inventory.db"
        load = ["--devices", "50", "--backlog", "1", "--rate", "20", "--for", "3", "--cuts", "6"]
        where = ["--broker", f"127.0.0.1:{broker.port}", "--keys", str(inventory.keys), "--database", database]
        habits = ["--corrections", "0.2", "--cancellations", "0.1", "--watch", f"inventory={inventory.pid}"]
        done = dockvoice("simulate", *load, *where, *habits, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["lost"], told["twice"], told["faults"], told["whole"]) == (0, 0, {}, True), told
    assert told["connect"]["connected"] == 50
    assert told["links"]["cuts"] > 3
    assert told["links"]["sessions forgotten"] == 0
    assert told["backlog"]["answered"] == 50
    assert told["live"]["answered"] == told["live"]["entries"] > 40
    assert told["database"]["holds"]
    assert told["processes"]["inventory"]["mb_most"] > 10
    with closing(Store.open(database, create=False)) as store:
        counts = store.count()
    assert counts.events == told["backlog"]["answered"] + told["live"]["answered"]
    assert counts.amended > 0 < counts.cancelled


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_it_leaves_nothing_with_the_broker(tmp_path: Path, free_port: Callable[[], int], version: str) -> None:
    settings = tmp_path / "edge.toml"
    settings.write_text(f'[deliver.mqtt]\nversion = "{version}"\n')
    load = ["--devices", "3", "--backlog", "1", "--patience", "1", "--config", str(settings)]
    with Mosquitto(tmp_path / "broker", free_port(), persistent=True) as broker:
        done = dockvoice("simulate", *load, "--json", "--broker", f"127.0.0.1:{broker.port}")
        broker.stop()
        log = broker.log
    told = json.loads(done.stdout)
    assert done.returncode == 1  # nobody answered
    assert (told["lost"], told["whole"], told["connect"]["connected"]) == (3, False, 3)
    for number in range(3):
        assert f"Received DISCONNECT from dockvoice-simulated-{told['asked']['run']}-{number}" in log
    assert log.count(f" as dockvoice-simulated-{told['asked']['run']}-0 (p{5 if version == '5' else 2}, ") >= 1
    kept = (tmp_path / "broker" / "mosquitto.db").read_bytes()
    assert told["asked"]["run"].encode() not in kept


class Cutting:
    """Cuts its link as it gets a message, and answers it all the same."""

    def __init__(self, broker: Mosquitto) -> None:
        self.lost = asyncio.Event()
        will = Will("status", b"gone")
        mqtt = Mqtt(host="127.0.0.1", port=broker.port)
        self.link = MqttLink(mqtt, self, client_id="cutting", topics=("echo",), will=will, tls=None)

    def on_connected(self, receive_maximum: int, *, session_present: bool) -> None:
        assert receive_maximum
        assert not session_present
        self.link.publish("echo", b"hello", tag="1")

    def on_disconnected(self, why: str) -> None:
        assert why
        self.lost.set()

    def on_puback(self, tag: str, reason_code: int) -> None:
        assert (tag, reason_code) == ("1", 0)

    def on_receipt_or_presence(self, topic: str, payload: bytes, *, retained: bool) -> None:
        assert (topic, payload, retained) == ("echo", b"hello", False)
        self.link.cut()
        for _ in range(3):
            self.link.publish("elsewhere", b"answer", tag="2")


@pytest.mark.timeout(60)
def test_a_link_that_breaks_while_it_is_answered_on_does_not_stand_still(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run(broker: Mosquitto) -> None:
        one = Cutting(broker)
        await asyncio.to_thread(one.link.open)
        one.link.attach_to_loop()
        async with asyncio.timeout(30):
            await one.lost.wait()
        assert not one.link.is_up
        assert not one.link.publish("echo", b"hello", tag="1")

    with Mosquitto(tmp_path / "broker", free_port()) as broker:
        asyncio.run(run(broker))
