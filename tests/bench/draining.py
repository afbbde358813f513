"""How fast a backlog goes out, and whether memory grows with it: a real broker, a real inventory, the agent's delivery.

The delivery runs in a process of its own, which this file is when it is run as a program.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from dockvoice_protocol.config import Mqtt
from edge.agent.delivery import Delivery
from edge.config import Deliver, Settings
from edge.deliver.device_events import entry_event
from edge.keep.journal_thread import JournalThread
from edge.records import Entry, EventIds
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port

DRAIN_S = 30.0  # Unless all is delivered before: a million would take the better part of an hour.

LOOK_S = 0.1

SITE, DEVICE = "bench", "dock-1"


def as_said(entry: Entry) -> Callable[[EventIds], dict[str, Any]]:
    """Makes the event of an entry, as the agent does."""
    return lambda minted: entry_event(entry, minted, site=SITE, device=DEVICE)


def drained(journal: Path) -> dict[str, float]:
    """Deliver what the journal in this directory owes, for a while: how fast it went, and the memory it took."""
    with (
        TemporaryDirectory() as scratch,
        held_port() as port,
        Mosquitto(Path(scratch, "broker"), port) as broker,
        RunningInventory(broker.port, Path(scratch, "inventory")),
    ):
        command = [sys.executable, "-m", "tests.bench.draining", str(journal), str(broker.port)]
        told = subprocess.check_output(command, text=True)
    looks = [json.loads(line) for line in told.splitlines()]
    moving = [look for look in looks if look["owed"] < looks[0]["owed"]]
    settled, seconds = moving[0]["owed"] - moving[-1]["owed"], moving[-1]["at"] - moving[0]["at"]
    return {
        "delivered, events/s": settled / seconds,
        "RSS at first receipt, MB": moving[0]["rss"] / 1024**2,
        "RSS at the end, MB": moving[-1]["rss"] / 1024**2,
    }


async def deliver(settings: Settings, executor: JournalThread) -> None:
    """Deliver until nothing is owed or the time is over, and print what is seen meanwhile."""
    delivery = Delivery(settings, executor, lambda _: None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(delivery.run())
        for _ in range(round(DRAIN_S / LOOK_S)):
            if await _look(executor) == 0:
                break
            await asyncio.sleep(LOOK_S)
        running.cancel()


async def _look(executor: JournalThread) -> int:
    owed = await executor(lambda journal: journal.outbox.count_unsettled())
    print(json.dumps({"at": time.monotonic(), "owed": owed, "rss": psutil.Process().memory_info().rss}), flush=True)
    return owed


def main(directory: Path, port: int) -> None:
    """Be the process that delivers."""
    deliver_to = Deliver(mqtt=Mqtt(host="127.0.0.1", port=port))
    settings = Settings(site=SITE, device=DEVICE, state_directory=directory, deliver=deliver_to)
    with JournalThread(directory, settings.keep) as executor:
        asyncio.run(deliver(settings, executor))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
