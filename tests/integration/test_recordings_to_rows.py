"""Recordings in, rows in a real PostgreSQL out, through a real broker, by the commands users run.

And from the recording to a third party: what was said can be shown to be what is on record, everywhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes.command import called, dockvoice
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL


def clips_with_truth(directory: Path) -> list[dict[str, Any]]:
    """The clips of a manifest, with their truth."""
    lines = (directory / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**clip, "audio": directory / clip["audio"]} for clip in map(json.loads, lines)]


@dataclass
class Replayed:
    """A device to which the clips of the demo were played, and an inventory that has what came of it."""

    inventory: RunningInventory
    database: str
    state: Path
    demo: list[dict[str, Any]]
    told: list[dict[str, Any]]
    rows: list[dict[str, Any]]

    def replay(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """Play to the device once more: what it tells of each clip."""
        return replay(self.inventory.broker_port, self.state, *arguments)


def replay(broker: int, state: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    ended = dockvoice("replay", *arguments, "--broker", f"127.0.0.1:{broker}", "--state", state, "--json")
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def played(postgresql: PostgreSQL, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    place, demo = tmp_path_factory.mktemp("played"), clips_with_truth(repository / "tests/data/speech/demo")
    with (
        held_port() as port,
        Mosquitto(place / "broker", port) as broker,
        postgresql.database() as url,
        RunningInventory(broker.port, place / "inventory", url) as inventory,
    ):
        told = replay(port, place / "state", *(clip["audio"] for clip in demo))
        yield Replayed(inventory, url, place / "state", demo, told, inventory.rows())


def test_each_clip_becomes_the_row_it_says_and_nothing_else_does(played: Replayed) -> None:
    # Which clips are accepted is for `evaluate` to count; whatever is accepted must be true, and arrive as it is.
    truth = {str(clip["audio"]): clip["fields"] for clip in played.demo}
    accepted = [line for line in played.told if line["verdict"] == "accept"]
    assert len(accepted) >= 5
    assert [line["fields"] for line in accepted] == [truth[line["source"]] for line in accepted]
    ours = [(row["event_id"], row["fields"]) for row in played.rows]
    assert ours == [(one["event_id"], one["fields"]) for one in accepted]
    assert [row["sequence"] for row in played.rows] == list(range(1, len(played.rows) + 1))

    for line in played.told:
        assert line["verdict"] != "accept" or line["timings"]["compute_ms"] > 0
        assert line["reasons"], line
    missing_dock = next(line for line in played.told if "dock-missing" in line["source"])
    assert (missing_dock["verdict"], missing_dock["ask"]) == ("ask", "dock")
    heard = {Path(line["source"]).name for line in played.told}
    assert heard & {"10-silence.flac", "11-noise-only-reversing-beeper.flac"} == set()


def test_device_inventory_and_third_party_agree(
    played: Replayed, repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def audit(*words: str | Path) -> str:
        return called(*words, capfd=capfd).stdout

    state = ("--state", played.state)
    key = json.loads(audit("audit", "key", *state, "--json"))
    announced = json.loads(status(played.inventory.broker_port))
    assert {name: announced[name] for name in key} == key
    (tmp_path / "key.pem").write_text(audit("audit", "key", *state))

    here = json.loads(audit("audit", "verify", *state, "--json"))
    at = ("--database", played.database, "--key", tmp_path / "key.pem", "--json")
    there = json.loads(audit("inventory", "audit", "verify", *at))
    assert here["whole"]
    assert there["whole"]
    assert here["spans"] == there["spans"] == [{"keyid": key["keyid"], "first": 1, "last": len(played.rows)}]

    audit("audit", "export", "--all", tmp_path / "all.zip", *state)
    script = [sys.executable, "-I", repository / "docs" / "verify_bundle.py", tmp_path / "all.zip", key["keyid"]]
    checked = subprocess.run(script, capture_output=True, text=True, check=False, timeout=60)
    hold = "".join(f"{row['sequence']} holds\n" for row in played.rows)
    assert (checked.returncode, checked.stdout) == (0, hold), checked.stderr


def status(port: int) -> bytes:
    """The device's retained word, as anybody who may subscribe receives it."""
    from paho.mqtt import subscribe

    found = subscribe.simple(  # type: ignore[no-untyped-call]  # paho's helpers carry no types
        "dockvoice/+/+/status", hostname="127.0.0.1", port=port, keepalive=10
    )
    return bytes(found.payload)


def test_a_recording_is_recorded_once_however_often_it_is_played(played: Replayed) -> None:
    played.replay(played.demo[0]["audio"])
    assert played.inventory.rows() == played.rows


def test_a_second_form_is_dictated_without_any_python_for_it_and_a_sentence_for_another_records_nothing(
    played: Replayed, repository: Path
) -> None:
    speech = repository / "tests" / "data" / "speech"
    counted = clips_with_truth(speech / "stock-count")
    played.replay(speech / "set" / "045-clean.flac", *(clip["audio"] for clip in counted), "--form", "stock-count")
    added = played.inventory.rows()[len(played.rows) :]
    assert {row["form"] for row in added} == {"stock-count"}
    truth = [clip["fields"] for clip in counted]
    assert [row["fields"] for row in added if row["fields"] not in truth] == []
