"""The counting proof: a ledger, a real broker, a real PostgreSQL, consumers that share the work and are killed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.counting import Fleet, Wire, compare, doubled
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto
from tests.ports import held_port
from tests.postgresql import PostgreSQL

BROKER = ("max_queued_messages 0", "max_inflight_messages 0")
"""Nothing is dropped by the broker while consumers are dead: what it drops comes again, but later."""


@dataclass(frozen=True)
class Counted:
    """What was done, and what was compared."""

    consumers: int
    sent: int
    kills: int
    seconds: float
    compared: dict[str, int]
    answers: dict[str, int]


def counted(
    directory: Path,
    postgresql: PostgreSQL,
    *,
    consumers: int,
    events: int,
    devices: int,
    within: int,
    seed: int,
    patience_s: float = 120,
    kill_s: float = 1.0,
    most_kills: int | None = None,
) -> Counted:
    """Send `events` one to three times, shuffled, to so many consumers, one of which is killed each second; compare.

    `within` is how far an event may be from its place among all; `kill_s` is from one kill to the next, or as long as
    the killed one takes to be back at work.
    """
    fleet = Fleet(seed, devices)
    ledger = fleet.say(events)
    copies = doubled(ledger, random.Random(seed), within)
    with ExitStack() as held:
        url = held.enter_context(postgresql.database())
        port = held.enter_context(held_port())
        broker = held.enter_context(Mosquitto(directory / "broker", port, options=BROKER))
        keys = fleet.enrol(directory / "keys")
        running = [
            held.enter_context(RunningInventory(broker.port, directory / name, url, environment=shares(name, keys)))
            for name in (f"inventory-{number}" for number in range(1, consumers + 1))
        ]
        wire = held.enter_context(Wire(broker.port))
        began = time.monotonic()
        with killing(running, random.Random(seed), kill_s, most_kills) as kills:
            for one in copies:
                wire.send(one)
            wire.settle(ledger, patience_s)
        seconds = time.monotonic() - began
        return Counted(consumers, len(copies), len(kills), seconds, compare(ledger, url), dict(wire.outcomes))


def shares(name: str, keys: Path) -> dict[str, str]:
    """What a consumer is told that shares the work."""
    told = {"CLIENT_ID": name, "CONSUMER__SHARE": "counting", "CONSUMER__HOLD_S": "20", "KEYS_DIRECTORY": str(keys)}
    return {f"DOCKVOICE_INVENTORY_{key}": value for key, value in (told | {"TRUST_FIRST_USE": "false"}).items()}


@contextmanager
def killing(
    running: list[RunningInventory], chance: random.Random, every_s: float, most: int | None = None
) -> Iterator[list[int]]:
    """Kill one of them at random each time, and start it again, as systemd does; the processes that were killed."""
    over, killed = threading.Event(), list[int]()
    faults: list[BaseException] = []

    def kill() -> None:
        try:
            while (most is None or len(killed) < most) and not over.wait(every_s):
                victim = chance.choice(running)
                killed.append(victim.pid)
                victim.kill()
                victim.start()
        except BaseException as fault:  # noqa: BLE001 - told by whoever waits for the thread
            faults.append(fault)

    thread = threading.Thread(target=kill)  # noqa: TID251 - it is waited for, and what it raised is told
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
    if faults:
        raise faults[0]
