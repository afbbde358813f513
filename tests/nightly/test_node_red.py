"""docs/examples/node-red-flow.json in a real Node-RED: an entry goes through it with its receipt."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dockvoice_protocol.events import Topics
from tests.dictated import recorded, signed
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

SETTINGS = """module.exports = {
    uiHost: "127.0.0.1", uiPort: %d, flowFile: "flows.json", telemetry: {enabled: false},
    logging: {console: {level: "info"}},
};
"""


@pytest.fixture
def broker(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", free_port()) as running:
        yield running


@contextmanager
def node_red(repository: Path, directory: Path, port: int) -> Iterator[str]:
    """Node-RED at work, without a flow: its address."""
    directory.mkdir()
    (directory / "settings.js").write_text(SETTINGS % port)
    program = repository / ".cache" / "node-red" / "node_modules" / "node-red" / "red.js"
    command = ["node", str(program), "--userDir", str(directory), "--settings", str(directory / "settings.js")]
    log = directory / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        until(lambda: "Started flows" in log.read_text() or process.poll() is not None, log.read_text, 120)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_an_entry_goes_through_the_flow_with_its_receipt(
    repository: Path, broker: Mosquitto, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    flow: list[dict[str, Any]] = json.loads(
        (repository / "docs" / "examples" / "node-red-flow.json").read_text(encoding="utf-8")
    )
    for node in flow:
        if node["type"] == "mqtt-broker":
            node["port"] = str(broker.port)
    told = tmp_path / "told"
    command = ["mosquitto_sub", "-p", str(broker.port), "-t", "dock/#", "-q", "1", "-F", "%t %p"]
    with (
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
        node_red(repository, tmp_path / "node-red", free_port()) as address,
        told.open("w") as output,
        subprocess.Popen(command, stdout=output) as listening,
    ):
        try:
            imported = httpx.post(f"{address}/flows", json=flow, headers={"Node-RED-Deployment-Type": "full"})
            assert imported.status_code == 204, imported.text
            until(lambda: broker.log.count("dockvoice/+/+/receipts (QoS 1)") >= 1, broker.log)
            until(lambda: "dock/# (QoS 1)" in broker.log, broker.log)
            good, bad = recorded(1, pallet_id="0742"), recorded(2, quantity=-1)
            for event in (good, bad):
                topic, message = Topics("dockvoice", "north", "dock-3").entries, signed(event).decode()
                publish = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-m", message]
                subprocess.run(publish, check=True, timeout=30)
            until(lambda: len(told.read_text().splitlines()) == 2, told.read_text)
        finally:
            listening.terminate()
        assert [row["fields"]["pallet_id"] for row in inventory.rows()] == ["0742"]
    (first, one), (second, two) = (line.split(" ", 1) for line in told.read_text().splitlines())
    assert (first, second) == ("dock/north/dock-3/applied", "dock/north/dock-3/refused")
    assert json.loads(one)["fields"] == {"pallet_id": "0742", "quantity": 12, "dock": "B"}
    assert json.loads(two)["reasons"] == ["invalid:/quantity: breaks minimum 1"]
