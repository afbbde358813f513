"""Hundreds of devices whose links are cut, while the inventory is killed again and again and the broker once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto

BETWEEN_S = 8.0  # From one kill to the next: time to start, and to bring some entries to their end.
KILLS = 6


def test_three_hundred_devices_lose_nothing_while_everything_is_killed(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    load = ["--devices", "300", "--backlog", "5", "--rate", "20", "--for", "60", "--cuts", "0.5", "--patience", "240"]
    changes = ["--corrections", "0.1", "--cancellations", "0.05"]
    # Beyond the 1,000 messages that mosquitto keeps otherwise; dropped ones come again, but late.
    options = ["max_queued_messages 0"]
    with (
        Mosquitto(tmp_path / "broker", free_port(), persistent=True, options=options) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
    ):
        where = ["--broker", f"127.0.0.1:{broker.port}", "--keys", str(inventory.keys)]
        table = ["--database", f"sqlite:///{tmp_path}/inventory/inventory.db", "--json"]
        command = [sys.executable, "-m", "edge", "simulate", *load, *changes, *where, *table]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            for kill in range(KILLS):
                time.sleep(BETWEEN_S)
                inventory.kill()
                if kill == KILLS // 2:
                    broker.kill()
                    broker.start()
                inventory.start()
            told = json.loads(run.communicate()[0])
    assert run.returncode == 0, told
    assert (told["lost"], told["twice"], told["database"]["holds"]) == (0, 0, True), told
    assert told["backlog"]["answered"] == 1500
    assert told["live"]["answered"] == told["live"]["entries"] > 1000
    assert told["links"]["reconnections"] >= 300  # the broker's death alone cuts them all
