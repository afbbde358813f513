"""From MQTT to Kafka to the inventory: consumers of one group are sent events doubled and shuffled, and are killed.

What they made of them is held against a ledger, and once more after all of the topic was read from its first record.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.counting.bridge import Bridge
from tests.counting.consumers import BROKER, kill_at_random
from tests.counting.group import APPLIED, PARTITIONS, SESSION_S, TOPIC, group_member
from tests.counting.killing import Killing
from tests.counting.ledger import SITE, Fleet, Wire, compare, doubled
from tests.servers.inventory import RunningInventory
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.tiers import SEED, sized
from tests.waiting import until

AHEAD = 100  # Events without an answer at most, so that there are some left for each kill.
KILL_S = sized(test=1.0, nightly=3.0 * SESSION_S)
"""From one kill to the next. By night, when there are many, each is forgotten before the next one: with less than a
session between two, a group of four never shares its partitions out."""

STAGED: dict[str, Any] = sized(
    test={"events": 300, "devices": 8, "within": 100, "seed": 2, "kills": 3, "patience_s": 240},
    nightly={"events": 5000, "devices": 100, "within": 500, "seed": SEED, "kills": 20, "patience_s": 3000},
)


def is_level(kafka: Kafka) -> bool:
    """Whether both groups have read all."""
    behind, before = kafka.committed(TOPIC, "replay"), kafka.committed(TOPIC, "inventory")
    return bool(before) and behind == before


@pytest.mark.timeout(4 * 3600)  # a consumer that is killed each second spends most of its life starting
@pytest.mark.parametrize("consumers", sized(test=[2], nightly=[1, 2, 4]))
def test_a_group_that_is_killed_applies_each_event_once_and_a_replay_changes_nothing(
    tmp_path: Path, postgresql: PostgreSQL, consumers: int
) -> None:
    fleet = Fleet(STAGED["seed"], STAGED["devices"])
    ledger = fleet.say(STAGED["events"])
    copies = doubled(ledger, random.Random(STAGED["seed"]), STAGED["within"])
    with ExitStack() as held:
        url = held.enter_context(postgresql.database())
        broker = held.enter_context(Mosquitto(tmp_path / "broker", held.enter_context(held_port()), options=BROKER))
        kafka = held.enter_context(Kafka(tmp_path, held.enter_context(held_port())))
        kafka.create(TOPIC, PARTITIONS)
        kafka.create(APPLIED, PARTITIONS)
        held.enter_context(Bridge(broker.port, kafka.servers, TOPIC))
        keys = fleet.enrol(tmp_path / "keys")
        running = [
            held.enter_context(RunningInventory(broker.port, tmp_path / name, url, environment=told))
            for name in (f"inventory-{number}" for number in range(1, consumers + 1))
            for told in (group_member(name, keys, kafka.servers),)
        ]
        wire = held.enter_context(Wire(broker.port))
        began = time.monotonic()
        kill = partial(kill_at_random, running, random.Random(STAGED["seed"]), KILL_S)
        with Killing(kill, KILL_S, STAGED["kills"]) as killing:
            wire.settle(ledger, copies, STAGED["patience_s"], ahead=AHEAD, going_on=killing.check)
        seconds = time.monotonic() - began
        found = compare(ledger, url)  # which holds the order of each device's events against the ledger, too
        assert found["events"] == STAGED["events"]
        assert killing.kills >= 1

        with RunningInventory(
            broker.port, tmp_path / "replay", url, environment=group_member("replay", keys, kafka.servers, "replay")
        ) as replay:
            until(lambda: is_level(kafka), replay.log.read_text, STAGED["patience_s"])
        assert compare(ledger, url) == found
        # At least once; what is written again after an interruption comes behind others.
        said = {(f"{SITE}/{one.device}", one.id) for one in ledger.events}
        assert set(kafka.records(APPLIED)) == said
        print(f"{consumers}: {seconds:.0f} s, {killing.kills} kills, {found}, {dict(wire.outcomes)}")
