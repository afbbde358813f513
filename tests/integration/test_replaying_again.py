"""A recording is recorded once, however often it is played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.command import dockvoice
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto


def test_a_recording_played_again_is_not_recorded_again(
    repository: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    recordings = sorted((repository / "tests" / "data" / "speech" / "demo").glob("*.flac"))[:2]
    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
    ):
        applied = []
        for _ in range(2):
            to = ("--broker", f"127.0.0.1:{broker.port}", "--state", tmp_path / "state")
            ended = dockvoice("replay", *recordings, *to, timeout_s=120)
            assert ended.returncode == 0, ended.stderr
            applied.append([(row["event_id"], row["fields"]) for row in inventory.rows()])
    assert len(applied[0]) == len(recordings)
    assert applied[0] == applied[1]
