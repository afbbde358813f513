"""The whole path: sound in, rows in a real PostgreSQL out, through a real broker, by the commands users run."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import dockvoice, started
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto
from tests.postgresql import PostgreSQL
from tests.pulseaudio import DEVICE, Shelf
from tests.waiting import Notices, until


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


def test_a_second_form_is_dictated_without_any_python_for_it(
    inventory: RunningInventory, repository: Path, tmp_path: Path
) -> None:
    counted = clips_with_truth(repository / "tests" / "data" / "speech" / "stock-count")
    options: list[str | Path] = ["--broker", f"127.0.0.1:{inventory.broker_port}", "--state", tmp_path / "state"]
    ended = dockvoice("replay", *(clip["audio"] for clip in counted), *options, "--form", "stock-count")
    assert ended.returncode == 0, ended.stderr
    rows = inventory.rows()
    assert {row["form"] for row in rows} == {"stock-count"}
    truth = [clip["fields"] for clip in counted]
    assert [row["fields"] for row in rows if row["fields"] not in truth] == []


def test_a_sentence_for_another_form_records_nothing(
    inventory: RunningInventory, demo: list[dict[str, Any]], tmp_path: Path
) -> None:
    options: list[str | Path] = ["--broker", f"127.0.0.1:{inventory.broker_port}", "--state", tmp_path / "state"]
    ended = dockvoice("replay", demo[0]["audio"], *options, "--form", "stock-count")
    assert ended.returncode == 0, ended.stderr
    assert inventory.rows() == []


def test_what_is_spoken_into_the_microphone_becomes_a_row(
    inventory: RunningInventory, demo: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "edge.toml"
    settings.write_text(f'[hear]\ndevice = "{DEVICE}"\n')
    log = tmp_path / "run.log"
    broker = f"127.0.0.1:{inventory.broker_port}"
    options: list[str | Path] = ["--config", settings, "--broker", broker, "--state", tmp_path / "state"]
    with Shelf(tmp_path / "sound", [DEVICE]) as shelf, Notices() as notices:
        for name, value in {**shelf.environment, "NOTIFY_SOCKET": notices.address}.items():
            monkeypatch.setenv(name, value)
        process = started(["run", *options], log)
        try:
            notices.hear("READY=1", log.read_text)
            shelf.air.say(DEVICE, demo[0]["audio"])
            until(lambda: len(inventory.rows()) == 1, "no row came")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    (row,) = inventory.rows()
    assert row["fields"] == demo[0]["fields"]
    assert row["event_id"] in log.read_text()
    assert "nothing is read back" in log.read_text(), "with a speaker the entry would be agreed with the operator first"
    assert "pallet" not in log.read_text(), "a log is no place for what operators say"
