from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from edge.audio.sound_server import Routing, ServerState, SoundServer
from tests.waiting import until

OURS = {
    "sources": [{"index": 3, "name": "headset", "state": "RUNNING", "mute": False, "properties": {}}],
    "source_outputs": [
        {"index": 5, "source": 3, "mute": False, "properties": {"application.process.id": str(os.getpid())}}
    ],
}


class FakePactl:
    """A `pactl` that does what a file says, and writes down what it was asked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        program = directory / "pactl"
        program.write_text(f'#!/bin/sh\necho "$@" >> {directory}/asked\n. {directory}/does\n')
        program.chmod(0o700)
        self.does("exit 1")

    def does(self, shell: str) -> None:
        (self._directory / "does").write_text(shell + "\n")

    def lists(self, listing: object) -> None:
        (self._directory / "listing").write_text(json.dumps(listing))
        self.does(f"cat {self._directory}/listing")

    @property
    def asked(self) -> list[str]:
        asked = self._directory / "asked"
        return asked.read_text().splitlines() if asked.exists() else []


@pytest.fixture
def pactl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePactl:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return FakePactl(tmp_path)


def answered(server: SoundServer, now: float) -> Routing | ServerState | None:
    """The answer to a question that is due at `now`."""
    found = server.poll(now)
    assert found is None, "it answered before it was asked"
    begun = time.monotonic()
    while found is None and time.monotonic() - begun < 10:
        time.sleep(0.01)
        found = server.poll(now)
        if server._question is None:
            break
    return found


def test_where_there_is_no_server_it_is_asked_once(pactl: FakePactl) -> None:
    server = SoundServer()
    assert answered(server, 0) is None
    assert server.poll(100) is None
    assert len(pactl.asked) == 1


def test_the_answer_comes_later_and_the_next_question_not_at_once(pactl: FakePactl) -> None:
    pactl.lists(OURS)
    server = SoundServer()
    assert answered(server, 10) == Routing("headset", 5, sources=frozenset({"headset"}))
    assert server.poll(10.4) is None
    assert len(pactl.asked) == 1
    assert answered(server, 10.8) is not None


def test_a_server_that_answered_before_and_does_not_any_more_is_gone_until_it_is_back(pactl: FakePactl) -> None:
    pactl.lists(OURS)
    server = SoundServer()
    assert isinstance(server.query_and_wait(), Routing)
    pactl.does("exit 1")
    assert server.query_and_wait() is ServerState.GONE
    assert answered(server, 10) is ServerState.GONE
    pactl.lists(OURS)
    assert isinstance(answered(server, 20), Routing)


def test_an_answer_that_never_comes_is_not_waited_for(pactl: FakePactl) -> None:
    pactl.does("exec sleep 60")
    server = SoundServer()
    assert server.poll(0) is None
    until(lambda: len(pactl.asked) == 1, "it was not asked")
    assert (server.poll(1), server.poll(6), server._question) == (None, None, None)


def test_orders_are_given_and_one_that_is_refused_is_no_error(pactl: FakePactl) -> None:
    server = SoundServer()
    server.move(5, "headset")
    server.resume("headset")
    assert pactl.asked == ["move-source-output 5 headset", "suspend-source headset 0"]
