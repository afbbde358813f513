"""Three headsets on one box: a process each, with device, journal and identity of its own. How one tells its faults."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from tests.processes.command import DOCKVOICE
from tests.processes.starting import Started
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.sound.pulseaudio import Shelf, room, stopped
from tests.waiting import Notices, until

SAID = {
    "left": ("dock-a", "02-pallet-0126-nine-units-dock-bravo.flac", "0126", 9),
    "middle": ("dock-b", "04-dock-charlie-pallet-277-sixteen-units.flac", "277", 16),
    "right": ("dock-c", "01-pallet-5451-four-cases-dock-alpha.flac", "5451", 4),
}
"""By headset: the device that it belongs to, what is said into it, and the pallet and quantity that it says."""

ENDED_IN_S = 60
NOT_NOW = 75


class Worn:
    """An agent that listens to one headset."""

    def __init__(self, shelf: Shelf, name: str, device: str, broker: int, directory: Path, **more: str) -> None:
        self.state = directory / device
        self.log = directory / f"{device}-{name}.log"
        self.notices = Notices()
        environment = {
            **shelf.environment,
            "DOCKVOICE_DEVICE": device,
            "DOCKVOICE_HEAR__DEVICE": name,
            "DOCKVOICE_STATE_DIRECTORY": str(self.state),
            "DOCKVOICE_DELIVER__MQTT__PORT": str(broker),
            "NOTIFY_SOCKET": self.notices.address,
            **more,
        }
        if models := os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"):
            environment["DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"] = models
        with self.log.open("wb") as log:
            self.process = Started([*DOCKVOICE, "run", "--json"], stdout=log, stderr=log, env=environment)

    def verdicts(self) -> list[dict[str, Any]]:
        return [said for said in self._lines() if "verdict" in said]

    def _lines(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(ENDED_IN_S)
        assert "leaked" not in self.log.read_text()  # by a library of Python's, of what was not let go
        self.notices.__exit__(None, None, None)
        return code


class Watcher:
    """What a colleague sees on the status topics, and can order."""

    def __init__(self, port: int) -> None:
        self.states: list[tuple[str, dict[str, Any]]] = []
        self._session = Session(
            Mqtt(port=port), client_id="watcher", receive=self._receive, subscriptions=["dockvoice/+/+/status"]
        )
        self._session.start()

    def _receive(self, event: SessionEvent) -> None:
        if isinstance(event, MessageReceived):
            self.states.append((event.topic.split("/")[2], json.loads(event.payload)))

    def sees(self, device: str, **microphone: Any) -> Callable[[], bool]:
        """Whether the device last said so of its microphone."""

        def seen() -> bool:
            said: dict[str, Any] = next(
                (state.get("microphone", {}) for name, state in reversed(self.states) if name == device), {}
            )
            return all(said.get(key) == value for key, value in microphone.items())

        return seen

    def orders(self, device: str, order: str) -> None:
        payload = json.dumps({"order": order}).encode()
        until(lambda: self._session.publish(f"dockvoice/site/{device}/control", payload, tag="order"), "not connected")

    def end(self) -> None:
        self._session.stop()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path / "sound", list(SAID)) as opened:
        yield opened


def test_what_is_said_into_three_headsets_is_booked_for_three_devices(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    clips = repository / "tests/data/speech/demo"
    with ExitStack() as held:
        held.enter_context(Mosquitto(tmp_path / "broker", port))
        inventory = held.enter_context(RunningInventory(port, tmp_path / "inventory"))
        worn = {
            name: Worn(shelf, name, device, port, tmp_path, DOCKVOICE_DELIVER__CONTROL="true")
            for name, (device, *_) in SAID.items()
        }
        for one in worn.values():
            held.callback(one.end)
        for one in worn.values():
            one.notices.hear("READY=1", one.log.read_text)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        intruders = [Worn(shelf, "left", "dock-d", port, tmp_path), Worn(shelf, "middle", "dock-c", port, elsewhere)]
        for name, (_, clip, *_) in SAID.items():
            shelf.air.say(name, clips / clip)
        until(
            lambda: all(one.verdicts() for one in worn.values()),
            lambda: str([one.log.read_text() for one in worn.values()]),
        )
        until(lambda: len(inventory.rows()) >= 3, lambda: str([one.log.read_text() for one in worn.values()]))
        rows = {row["device"]: (row["fields"]["pallet_id"], row["fields"]["quantity"]) for row in inventory.rows()}
        assert rows == {device: (pallet, quantity) for device, _, pallet, quantity in SAID.values()}
        told = [(one.process.wait(ENDED_IN_S), one.end(), one.log.read_text())[2] for one in intruders]
        assert f"microphone left: is listened to by process {worn['left'].process.pid}" in told[0]
        assert f"device 'dock-c': this machine runs it already, by process {worn['right'].process.pid}" in told[1]


def test_two_devices_that_reach_one_sound_server_by_one_name_have_each_its_source(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    port, name = free_port(), "left"  # one way to the server, as "default" is
    clips = repository / "tests/data/speech/demo"
    with ExitStack() as held:
        held.enter_context(Mosquitto(tmp_path / "broker", port))
        worn = {}
        for source in ("middle", "right"):
            device, *_ = SAID[source]
            worn[source] = Worn(shelf, name, device, port, tmp_path, DOCKVOICE_HEAR__SOURCE=source)
            held.callback(worn[source].end)
        for source, one in worn.items():
            one.notices.hear("READY=1", one.log.read_text)
            until(lambda source=source: shelf.is_heard(source), one.log.read_text)  # type: ignore[misc]
        third = Worn(shelf, name, "dock-d", port, tmp_path, DOCKVOICE_HEAR__SOURCE="right")
        assert third.process.wait(ENDED_IN_S) == NOT_NOW, third.log.read_text()
        third.end()
        assert (
            f"the sound server's source right is listened to by process {worn['right'].process.pid}"
            in third.log.read_text()
        )
        for source in worn:
            shelf.air.say(source, clips / SAID[source][1])
        for source, one in worn.items():
            until(lambda one=one: bool(one.verdicts()), one.log.read_text)  # type: ignore[misc]
            (said,) = one.verdicts()
            assert said["fields"]["pallet_id"] == SAID[source][2], one.log.read_text()


def test_how_loud_the_wearer_and_the_hall_are_is_told_after_some_sentences_and_with_whatever_is_told(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    port, clips = free_port(), repository / "tests/data/speech/demo"
    with ExitStack() as held:
        held.enter_context(Mosquitto(tmp_path / "broker", port))
        watcher = Watcher(port)
        held.callback(watcher.end)
        worn = Worn(shelf, "left", "dock-a", port, tmp_path, DOCKVOICE_DELIVER__CONTROL="true")
        held.callback(worn.end)
        worn.notices.hear("READY=1", worn.log.read_text)
        for number, (_, clip, *_) in enumerate([*SAID.values(), *SAID.values()][:5], 1):
            shelf.air.say("left", clips / clip)
            until(lambda number=number: len(worn.verdicts()) == number, worn.log.read_text)  # type: ignore[misc]
        watcher.orders("dock-a", "mute")
        until(watcher.sees("dock-a", muted=True), lambda: str(watcher.states))
        watcher.orders("dock-a", "unmute")  # the numbers are those of the last look, up to a second ago
        until(watcher.sees("dock-a", muted=False), lambda: str(watcher.states))
        said = watcher.states[-1][1]
        assert -40 < said["hearing"]["level_db"] < -5, said
        assert said["hearing"]["noise_db"] < said["hearing"]["level_db"] - 12, said
        assert said["disk_free_mb"] > 0
        assert worn.end() == 0


def test_a_fault_is_told_on_the_status_topic_and_by_the_command_and_mute_is_announced(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    port, told = free_port(), tmp_path / "told"
    lamp = tmp_path / "lamp"
    lamp.write_text(f'#!/bin/sh\necho "$@" "${{DOCKVOICE_DEVICE:-no secrets}}" >> {told}\n')
    lamp.chmod(0o700)
    with ExitStack() as held:
        held.enter_context(Mosquitto(tmp_path / "broker", port))
        watcher = Watcher(port)
        held.callback(watcher.end)
        worn = Worn(
            shelf,
            "left",
            "dock-a",
            port,
            tmp_path,
            DOCKVOICE_DELIVER__CONTROL="true",
            DOCKVOICE_WATCH__FAULT_COMMAND=json.dumps([str(lamp), "red"]),
        )
        held.callback(worn.end)
        worn.notices.hear("READY=1", worn.log.read_text)
        until(watcher.sees("dock-a", mode="open", muted=False, faults=[]), lambda: str(watcher.states))
        shelf.air.let("left", stopped)
        worn.notices.hear("STATUS=microphone: stuck: gives no sound; is it on and in range?", worn.log.read_text)
        until(watcher.sees("dock-a", faults=["stuck"]), lambda: str(watcher.states))
        shelf.air.let("left", room)
        until(watcher.sees("dock-a", faults=[]), lambda: str(watcher.states))
        until(lambda: told.exists() and told.read_text().count("\n") == 2, worn.log.read_text)
        assert told.read_text() == "red began stuck no secrets\nred over stuck no secrets\n"
        watcher.orders("dock-a", "mute")
        worn.notices.hear("STATUS=muted: nothing is heard", worn.log.read_text)
        until(watcher.sees("dock-a", muted=True), lambda: str(watcher.states))
        assert "WARNING microphone: muted, nothing is heard" in worn.log.read_text()
        watcher.orders("dock-a", "unmute")
        until(watcher.sees("dock-a", muted=False), lambda: str(watcher.states))
        assert worn.end() == 0
