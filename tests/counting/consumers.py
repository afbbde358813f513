"""The counting proof: a ledger, a real broker, a real PostgreSQL, consumers that share the work and are killed."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.counting.killing import Killing
from tests.counting.ledger import FIRST_MS, Fleet, Wire, compare, doubled
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL

BROKER = ("max_queued_messages 0",)
"""Nothing is dropped by the broker while consumers are dead: what it drops comes again, but later."""

ON_THE_WAY = 16
"""Events that a device has on the way, as in its settings. Without it a hundred thousand would wait at once, and for
every consumer that comes back mosquitto 2.0.11 sends all that waits, whatever that says it takes."""

COMES_UP_S = 600.0
"""Before its subscription is answered a consumer is sent all that waits: a minute of it, on a busy machine."""


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
    first_ms: int = FIRST_MS,
) -> Counted:
    """Send `events` one to three times, shuffled, to so many consumers, one of which is killed each second; compare.

    `within` is how far an event may be from its place among all; `kill_s` is from one kill to the next, or as long as
    the killed one takes to be back at work; the first comes after a tenth of it.
    """
    fleet = Fleet(seed, devices, first_ms)
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
        kill = partial(kill_at_random, running, random.Random(seed), kill_s)
        # The first comes soon: a fast machine is done with the short form in a third of a second.
        with Killing(kill, kill_s / 10, most_kills) as killing:
            ahead = 2 * (devices * ON_THE_WAY + within)
            wire.settle(ledger, copies, patience_s, ahead=ahead, going_on=killing.check)
        seconds = time.monotonic() - began
        return Counted(consumers, len(copies), killing.kills, seconds, compare(ledger, url), dict(wire.outcomes))


def shares(name: str, keys: Path) -> dict[str, str]:
    """What a consumer is told that shares the work."""
    told = {"CLIENT_ID": name, "CONSUMER__SHARE": "counting", "CONSUMER__HOLD_S": "20", "KEYS_DIRECTORY": str(keys)}
    return {f"DOCKVOICE_INVENTORY_{key}": value for key, value in (told | {"TRUST_FIRST_USE": "false"}).items()}


def kill_at_random(running: Sequence[RunningInventory], chance: random.Random, every_s: float) -> float:
    """Kill one of them, start it again, and wait until it is back at work; the next is due after `every_s`."""
    victim = chance.choice(running)
    victim.kill()
    victim.start(wait=False)
    while not victim.comes_up(COMES_UP_S):  # on a busy machine it may give up waiting for the broker
        victim.start(wait=False)
    return every_s
