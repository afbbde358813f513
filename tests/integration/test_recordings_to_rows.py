"""Recordings in, rows in a real PostgreSQL out, through a real broker, by the commands users run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.command import dockvoice
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL


@pytest.fixture
def inventory(tmp_path: Path, free_port: Callable[[], int], postgresql: PostgreSQL) -> Iterator[RunningInventory]:
    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        postgresql.database() as url,
        RunningInventory(broker.port, tmp_path / "inventory", url) as running,
    ):
        yield running


@pytest.fixture
def demo(repository: Path) -> list[dict[str, Any]]:
    return clips_with_truth(repository / "tests" / "data" / "speech" / "demo")


def clips_with_truth(directory: Path) -> list[dict[str, Any]]:
    """The clips of a manifest, with their truth."""
    lines = (directory / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**clip, "audio": directory / clip["audio"]} for clip in map(json.loads, lines)]


def test_each_clip_becomes_the_row_it_says_and_nothing_else_does(
    inventory: RunningInventory, demo: list[dict[str, Any]], tmp_path: Path
) -> None:
    broker = f"127.0.0.1:{inventory.broker_port}"
    clips = [clip["audio"] for clip in demo]
    ended = dockvoice("replay", *clips, "--broker", broker, "--state", tmp_path / "state", "--json")
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    rows = inventory.rows()

    # Which clips are accepted is for `evaluate` to count; whatever is accepted must be true, and arrive as it is.
    truth = {str(clip["audio"]): clip["fields"] for clip in demo}
    accepted = [line for line in told if line["verdict"] == "accept"]
    assert len(accepted) >= 5
    assert [line["fields"] for line in accepted] == [truth[line["source"]] for line in accepted]
    assert [(row["event_id"], row["fields"]) for row in rows] == [(one["event_id"], one["fields"]) for one in accepted]
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))

    for line in told:
        assert line["verdict"] != "accept" or line["timings"]["compute_ms"] > 0
        assert line["reasons"], line
    missing_dock = next(line for line in told if "dock-missing" in line["source"])
    assert (missing_dock["verdict"], missing_dock["ask"]) == ("ask", "dock")
    silent = {Path(line["source"]).name for line in told} & {"10-silence.flac", "11-noise-only-reversing-beeper.flac"}
    assert silent == set()

    again = dockvoice("replay", *clips[:2], "--broker", broker, "--state", tmp_path / "state")
    assert again.returncode == 0, again.stderr
    assert inventory.rows() == rows, "a recording is recorded once, however often it is played"


def test_a_second_form_is_dictated_without_any_python_for_it_and_a_sentence_for_another_records_nothing(
    inventory: RunningInventory, demo: list[dict[str, Any]], repository: Path, tmp_path: Path
) -> None:
    counted = clips_with_truth(repository / "tests" / "data" / "speech" / "stock-count")
    options: list[str | Path] = ["--broker", f"127.0.0.1:{inventory.broker_port}", "--state", tmp_path / "state"]
    said = [clip["audio"] for clip in (demo[0], *counted)]
    ended = dockvoice("replay", *said, *options, "--form", "stock-count")
    assert ended.returncode == 0, ended.stderr
    rows = inventory.rows()
    assert {row["form"] for row in rows} == {"stock-count"}
    truth = [clip["fields"] for clip in counted]
    assert [row["fields"] for row in rows if row["fields"] not in truth] == []
