"""Two hundred simulated docks whose links are cut, while broker and inventories are killed again and again."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

from tests.counting.consumers import shares
from tests.processes.command import dockvoice
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.tiers import SEED

KILLS_S = (1.0, 5.0)  # From one kill to the next: a life is long enough to do some of the work, and never all.
TALK_S = 60  # As long as the docks talk there are kills; then what is owed comes in.


def test_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, free_port: Callable[[], int], postgresql: PostgreSQL
) -> None:
    chance, over, killed = random.Random(SEED), threading.Event(), list[str]()
    keys = tmp_path / "keys"
    with (
        postgresql.database() as url,
        Mosquitto(tmp_path / "broker", free_port(), persistent=True, options=("max_queued_messages 0",)) as broker,
        RunningInventory(broker.port, tmp_path / "1", url, environment=shares("inventory-1", keys)) as one,
        RunningInventory(broker.port, tmp_path / "2", url, environment=shares("inventory-2", keys)) as other,
        ThreadPoolExecutor(1) as beside,
    ):

        def kill() -> None:
            victims: tuple[Mosquitto | RunningInventory, ...] = (one, broker, other)
            end = time.monotonic() + TALK_S
            for victim in cycle(victims):
                if over.wait(chance.uniform(*KILLS_S)) or time.monotonic() > end:
                    return
                victim.kill()
                victim.start()
                killed.append(type(victim).__name__)

        killing = beside.submit(kill)
        try:
            load = ["--devices", "200", "--backlog", "2", "--rate", "20", "--for", str(TALK_S), "--cuts", "1"]
            where = ["--broker", f"127.0.0.1:{broker.port}", "--keys", str(keys), "--database", url]
            habits = ["--corrections", "0.2", "--cancellations", "0.1", "--patience", "180"]
            done = dockvoice("simulate", *load, *where, *habits, "--json", timeout_s=900)
        finally:
            over.set()
            killing.result()
    told = json.loads(done.stdout)
    assert (told["lost"], told["twice"], told["whole"]) == (0, 0, True), (told, killed)
    assert told["database"]["holds"], told["database"]
    assert told["backlog"]["answered"] == 400
    assert told["live"]["answered"] == told["live"]["entries"] > 500
    assert {"Mosquitto", "RunningInventory"} <= {*killed}
