"""The broker absent at the start, gone for a while in the middle, back again: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes.command import started
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

ABSENT_S = 10  # Several attempts to connect, each waiting longer than the one before.


@pytest.mark.timeout(1200)
def test_entries_made_while_the_broker_is_away_arrive_once(
    repository: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    recordings = sorted((repository / "tests" / "data" / "speech" / "set").glob("*.flac"))[:60]
    broker = Mosquitto(tmp_path / "broker", free_port())
    state = tmp_path / "state"
    address = f"127.0.0.1:{broker.port}"
    log = tmp_path / "replay.log"
    process = started(["replay", *recordings, "--broker", address, "--state", state, "--json", "--wait", "300"], log)
    try:
        told_until(log, 10)
        with broker, RunningInventory(broker.port, tmp_path / "inventory") as inventory:
            told_until(log, 30)
            until(lambda: len(inventory.rows()) > 0, "nothing arrived while the broker was there")
            broker.kill()
            before = len(inventory.rows())
            time.sleep(ABSENT_S)  # the length of the outage is what is tested, not a wait for luck
            assert process.poll() is None, log.read_text()
            broker.start()
            assert process.wait(timeout=600) == 0, log.read_text()
            rows = inventory.rows()
        accepted = [line for line in told(log) if line["verdict"] == "accept"]
        print(f"accepted {len(accepted)}, of them applied before the outage {before}, at the end {len(rows)}")
        assert before < len(accepted), "the outage must have had something to lose"
        assert sorted(row["event_id"] for row in rows) == sorted(line["event_id"] for line in accepted)
        assert [row["sequence"] for row in rows] == sorted(row["sequence"] for row in rows), "in the order of speech"
    finally:
        process.kill()
        process.wait()


def told_until(log: Path, utterances: int) -> None:
    until(lambda: len(told(log)) >= utterances, f"fewer than {utterances} utterances told")


def told(log: Path) -> list[dict[str, Any]]:
    """What was told of each utterance; alarms, which are no JSON, stand between them."""
    whole_lines = log.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in whole_lines if line.startswith("{") and line.endswith("\n")]
