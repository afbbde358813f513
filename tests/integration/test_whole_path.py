"""The whole path: a voice in a microphone, a row in a real PostgreSQL, through a real broker, as users start them."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.command import started
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.sound.pulseaudio import DEVICE, Shelf
from tests.waiting import Notices, until

CLIP = "tests/data/speech/demo/01-pallet-5451-four-cases-dock-alpha.flac"


@pytest.fixture
def inventory(tmp_path: Path, free_port: Callable[[], int], postgresql: PostgreSQL) -> Iterator[RunningInventory]:
    with (
        Mosquitto(tmp_path / "broker", free_port()) as broker,
        postgresql.database() as url,
        RunningInventory(broker.port, tmp_path / "inventory", url) as running,
    ):
        yield running


def test_what_is_spoken_into_the_microphone_becomes_a_row(
    inventory: RunningInventory, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "edge.toml"
    # A busy machine that hears it less surely records it all the same: nobody is there to be asked.
    settings.write_text(f'[hear]\ndevice = "{DEVICE}"\n[agree]\nminimum_confidence = 0\n')
    log = tmp_path / "run.log"
    broker = f"127.0.0.1:{inventory.broker_port}"
    options: list[str | Path] = ["--config", settings, "--broker", broker, "--state", tmp_path / "state"]
    with Shelf(tmp_path / "sound", [DEVICE]) as shelf, Notices() as notices:
        for name, value in {**shelf.environment, "NOTIFY_SOCKET": notices.address}.items():
            monkeypatch.setenv(name, value)
        process = started(["run", *options], log)
        try:
            notices.hear("READY=1", log.read_text)
            shelf.air.say(DEVICE, repository / CLIP)
            until(lambda: len(inventory.rows()) == 1, "no row came")
            for _ in range(30):  # whoever stops it more than once cuts no end off
                process.send_signal(signal.SIGTERM)
                time.sleep(0.02)
            assert process.wait(timeout=30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    (row,) = inventory.rows()
    assert row["fields"] == {"pallet_id": "5451", "quantity": 4, "dock": "A"}
    assert row["event_id"] in log.read_text()
    assert re.search("^hears with .*vosk/small-en-us", log.read_text(), re.MULTILINE)
    assert "nothing is read back" in log.read_text(), "with a speaker the entry would be agreed with the operator first"
    assert "pallet" not in log.read_text(), "a log is no place for what operators say"
