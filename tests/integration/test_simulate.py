"""Many simulated devices at a real broker and a real inventory, whose links are cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from inventory.store import Store
from tests.command import dockvoice
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto


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


def test_it_leaves_nothing_with_the_broker(tmp_path: Path, free_port: Callable[[], int]) -> None:
    load = ["--devices", "3", "--backlog", "1", "--patience", "1"]
    with Mosquitto(tmp_path / "broker", free_port(), persistent=True) as broker:
        done = dockvoice("simulate", *load, "--json", "--broker", f"127.0.0.1:{broker.port}")
        broker.stop()
        log = broker.log
    told = json.loads(done.stdout)
    assert done.returncode == 1  # nobody answered
    assert (told["lost"], told["whole"], told["connect"]["connected"]) == (3, False, 3)
    for number in range(3):
        assert f"Received DISCONNECT from dockvoice-simulated-{told['asked']['run']}-{number}" in log
    kept = (tmp_path / "broker" / "mosquitto.db").read_bytes()
    assert told["asked"]["run"].encode() not in kept


def test_no_broker_is_told_with_what_to_do(free_port: Callable[[], int]) -> None:
    done = dockvoice("simulate", "--devices", "2", "--broker", f"127.0.0.1:{free_port()}")
    assert done.returncode == 69
    assert "start it, or name another one (--broker HOST:PORT)" in done.stderr
