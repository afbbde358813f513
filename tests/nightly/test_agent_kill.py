"""kill -9 of the agent in the middle of a replay, then the same command again: what was heard is applied exactly once.

The ledger is outside the system: an uninterrupted run tells what the recordings say; the journal as the kill left it
tells what had been heard.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.keep.journal import Journal
from tests.processes.command import dockvoice, started
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.tiers import SEED
from tests.waiting import until

KILLS = 2  # With a real recogniser. `make oracle` has five hundred, with somebody who needs no voice.

REPLAY_S = 600  # A whole replay takes some twenty seconds; this is for a machine that does other things all night.

Said = Counter[str]  # Entries by their content, as a multiset: the same saying twice would count twice.


@pytest.fixture
def recordings(repository: Path) -> list[Path]:
    spoken = repository / "tests" / "data" / "speech"
    return [*sorted((spoken / "demo").glob("*.flac")), *sorted((spoken / "set").glob("*.flac"))[:30]]


@pytest.fixture
def inventory(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[RunningInventory]:
    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as running,
    ):
        yield running


class Device:
    """An agent of its own on the common inventory: its name, its state, and the command that replays."""

    def __init__(self, name: str, directory: Path, inventory: RunningInventory, recordings: list[Path]) -> None:
        self.name = name
        self.state = directory / name
        self.inventory = inventory
        settings = directory / f"{name}.toml"
        settings.write_text(f'device = "{name}"\nstate_directory = "{self.state}"\n')
        broker = f"127.0.0.1:{inventory.broker_port}"
        self.command: list[str | Path] = ["replay", *recordings, "--config", settings, "--broker", broker, "--json"]
        self.log = directory / f"{name}.log"

    def replay(self) -> None:
        ended = dockvoice(*self.command, timeout_s=REPLAY_S)
        assert ended.returncode == 0, ended.stderr

    def killed_replay(self, lines: int, then_s: float) -> None:
        """Replay, and kill when `lines` utterances were told and `then_s` seconds more have passed."""
        process = started(self.command, self.log)
        until(lambda: self._told() >= lines or process.poll() is not None, "the replay told nothing", REPLAY_S)
        assert self._told() >= lines, self.log.read_text()
        time.sleep(then_s)  # the random moment itself, not a wait for anything
        process.kill()
        process.wait()

    def _told(self) -> int:
        return self.log.read_text().count("\n")

    def heard(self) -> int:
        if not (self.state / "journal.db").exists():
            return 0  # killed before it could hear anything
        with Journal.inspect(self.state) as journal:
            return journal.queries.counts().utterances

    def applied(self) -> Said:
        return said([row for row in self.inventory.rows() if row["device"] == self.name])


def said(rows: list[dict[str, object]]) -> Said:
    return Counter(json.dumps(row["fields"], sort_keys=True) for row in rows)


@pytest.mark.timeout(3600)
def test_every_utterance_heard_before_a_kill_is_applied_exactly_once(
    inventory: RunningInventory, recordings: list[Path], tmp_path: Path
) -> None:
    whole = Device("whole", tmp_path, inventory, recordings)
    whole.replay()
    truth, utterances = whole.applied(), whole.heard()
    assert truth.total() >= 5, "the recordings must hold entries to lose"

    chance = random.Random(SEED)
    heard_at_kill = []
    killed = [Device(f"killed-{number:02}", tmp_path, inventory, recordings) for number in range(KILLS)]
    for device in killed:
        device.killed_replay(lines=chance.randrange(utterances), then_s=chance.uniform(0, 0.15))
        heard_at_kill.append(device.heard())
        device.replay()
        assert device.heard() == utterances
        with Journal.inspect(device.state) as journal:
            entries = journal.queries.entries(limit=100)
            assert journal.outbox.count_unsettled() == 0
        assert sorted(entry.sequence for entry in entries) == list(range(1, len(entries) + 1))
    rows = inventory.rows()
    applied = {device.name: said([row for row in rows if row["device"] == device.name]) for device in killed}
    assert applied == dict.fromkeys(applied, truth), f"killed after {heard_at_kill} utterances"
    print(f"{KILLS} kills, with {sorted(heard_at_kill)} of {utterances} utterances heard; lost 0, doubled 0")
    assert any(0 < heard < utterances for heard in heard_at_kill), "no kill fell in the middle"
