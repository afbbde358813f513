"""What an agent tells of its headset on the status topic: faults, loudness, whether it is muted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from tests.servers.mosquitto import Mosquitto
from tests.sound.pulseaudio import Shelf, room, stopped
from tests.sound.worn import Worn
from tests.waiting import until

CLIPS = (
    "02-pallet-0126-nine-units-dock-bravo.flac",
    "04-dock-charlie-pallet-277-sixteen-units.flac",
    "01-pallet-5451-four-cases-dock-alpha.flac",
)
SENTENCES = 5  # After so many the loudness is told.


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
    with Shelf(tmp_path / "sound", ["left"]) as opened:
        yield opened


@contextmanager
def watched(shelf: Shelf, directory: Path, port: int, **more: str) -> Iterator[tuple[Worn, Watcher]]:
    """An agent that takes orders, ready, and who sees its status."""
    with Mosquitto(directory / "broker", port):
        watcher = Watcher(port)
        try:
            worn = Worn(shelf, "left", "dock-a", port, directory, DOCKVOICE_DELIVER__CONTROL="true", **more)
            try:
                worn.notices.hear("READY=1", worn.log.read_text)
                yield worn, watcher
            finally:
                worn.end()
        finally:
            watcher.end()


def test_how_loud_the_wearer_and_the_hall_are_is_told_after_some_sentences_and_with_whatever_is_told(
    shelf: Shelf, tmp_path: Path, repository: Path, free_port: Callable[[], int]
) -> None:
    with watched(shelf, tmp_path, free_port()) as (worn, watcher):
        for number, clip in enumerate([*CLIPS, *CLIPS][:SENTENCES], 1):
            shelf.air.say("left", repository / "tests/data/speech/demo" / clip)
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
    shelf: Shelf, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    lamp, told = tmp_path / "lamp", tmp_path / "told"
    lamp.write_text(f'#!/bin/sh\necho "$@" "${{DOCKVOICE_DEVICE:-no secrets}}" >> {told}\n')
    lamp.chmod(0o700)
    command = json.dumps([str(lamp), "red"])
    with watched(shelf, tmp_path, free_port(), DOCKVOICE_WATCH__FAULT_COMMAND=command) as (worn, watcher):
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
