"""From the microphone's recording to a third party: what was said can be shown to be what is on record, everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.command import dockvoice
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port

CLIPS = ("02-pallet-0126-nine-units-dock-bravo.flac", "07-pallet-9019-eighty-no-seventy-units-dock-alpha.flac")
"""Both are accepted by either recogniser."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audited")


@pytest.fixture(scope="module")
def inventory(place: Path) -> Iterator[RunningInventory]:
    with (
        held_port() as port,
        Mosquitto(place / "broker", port) as broker,
        RunningInventory(broker.port, place / "inventory") as running,
    ):
        yield running


@pytest.fixture(scope="module")
def state(inventory: RunningInventory, repository: Path, place: Path) -> Path:
    """A device whose events the inventory has."""
    demo = repository / "tests" / "data" / "speech" / "demo"
    broker = f"127.0.0.1:{inventory.broker_port}"
    ended = dockvoice("replay", *(demo / clip for clip in CLIPS), "--broker", broker, "--state", place / "state")
    assert ended.returncode == 0, ended.stderr
    return place / "state"


def test_device_inventory_and_third_party_agree(
    inventory: RunningInventory, state: Path, repository: Path, place: Path, tmp_path: Path
) -> None:
    told = json.loads(dockvoice("audit", "key", "--state", state, "--json").stdout)
    announced = json.loads(status(inventory.broker_port))
    assert {name: announced[name] for name in told} == told
    (tmp_path / "key.pem").write_text(dockvoice("audit", "key", "--state", state).stdout)

    here = json.loads(dockvoice("audit", "verify", "--state", state, "--json").stdout)
    database = f"sqlite:///{place / 'inventory' / 'inventory.db'}"
    there = dockvoice("inventory", "audit", "verify", "--database", database, "--key", tmp_path / "key.pem", "--json")
    assert here["whole"]
    assert json.loads(there.stdout)["whole"]
    spans = [{"keyid": told["keyid"], "first": 1, "last": len(CLIPS)}]
    assert here["spans"] == json.loads(there.stdout)["spans"] == spans

    exported = dockvoice("audit", "export", "--all", tmp_path / "all.zip", "--state", state)
    assert exported.returncode == 0, exported.stderr
    script = [sys.executable, "-I", str(repository / "docs" / "verify_bundle.py")]
    checked = subprocess.run(
        [*script, str(tmp_path / "all.zip"), told["keyid"]], capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout) == (0, "1 holds\n2 holds\n"), checked.stderr


def status(port: int) -> bytes:
    """The device's retained word, as anybody who may subscribe receives it."""
    from paho.mqtt import subscribe

    found = subscribe.simple(  # type: ignore[no-untyped-call]  # paho's helpers carry no types
        "dockvoice/+/+/status", hostname="127.0.0.1", port=port, keepalive=10
    )
    return bytes(found.payload)
