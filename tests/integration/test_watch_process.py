from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import sys
import termios
import time
import tty
from collections.abc import Iterator
from typing import Any

import pytest

from edge.cli.run import Viewer
from edge.cli.terminal import LEAVE
from edge.cli.watch.screen import read_lines
from tests.processes.starting import Started, run
from tests.waiting import until

ENTER = "\x1b[?1049h"
MUTED = {"microphone": "muted"}


class Person:
    """Somebody who looks at a terminal, or looks away."""

    def __init__(self) -> None:
        self.eyes, self.terminal = os.openpty()
        tty.setraw(self.terminal)
        os.set_blocking(self.eyes, False)
        self.seen = ""

    def look(self) -> str:
        """All that was written so far."""
        while True:
            try:
                self.seen += os.read(self.eyes, 65_536).decode(errors="replace")
            except BlockingIOError:
                return self.seen

    def sees(self, what: str) -> None:
        until(lambda: what in self.look(), lambda: f"{what!r} never showed in {self.seen[-500:]!r}")

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    looking = Person()
    looking.resize(80, 24)
    yield looking
    os.close(looking.eyes)
    os.close(looking.terminal)


def test_lines_come_as_they_are_written_and_the_last_one_needs_no_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntw")
    coming = read_lines(reading)
    assert next(coming) == ["one"]
    os.write(writing, b"o\nthree \xff")
    os.close(writing)
    assert [line for lines in coming for line in lines] == ["two", "three \N{REPLACEMENT CHARACTER}"]
    os.close(reading)


def test_what_an_agent_tells_is_drawn_and_the_terminal_given_back(person: Person) -> None:
    with Viewer(person.terminal) as viewer:
        viewer.queue_and_write(MUTED)
        person.sees("MUTED")
        assert ENTER in person.seen
        person.resize(40, 5)
        drawn = len(person.seen)
        until(lambda: "MUTED" in person.look()[drawn:], "it was not drawn in another size")
    assert person.look().rindex("\x1b[?1049l") > person.seen.rindex(ENTER)
    assert "\x1b[?25h" in person.seen[drawn:]
    assert "\x1b[?2004l" in person.seen[drawn:]


def test_a_viewer_that_is_killed_holds_nobody_up_and_the_terminal_is_given_back(person: Person) -> None:
    with Viewer(person.terminal) as viewer:
        viewer.queue_and_write(MUTED)
        person.sees("MUTED")
        os.kill(viewer.pid, signal.SIGKILL)

        def is_gone() -> bool:
            viewer.queue_and_write(MUTED)
            return not viewer.is_there

        until(is_gone, "a viewer that is dead is written to")
        person.sees(LEAVE)


def test_a_terminal_that_stands_still_holds_nobody_up_and_shows_the_newest_when_it_goes_on(person: Person) -> None:
    with Viewer(person.terminal) as viewer:
        viewer.queue_and_write(MUTED)
        person.sees("MUTED")
        number = 0
        while viewer.is_drained:  # nobody looks: at some point nothing is taken any more
            number += 1
            viewer.queue_and_write({"log": f"WARNING {number} " + "x" * 1000})
            time.sleep(0.001)
        began = time.monotonic()
        viewer.queue_and_write({"log": "WARNING the newest"})
        assert time.monotonic() - began < 1

        def goes_on() -> bool:
            viewer.queue_and_write()
            return "the newest" in person.look()

        until(goes_on, "what was told last never came")


def test_a_terminal_that_stands_still_for_ever_is_not_waited_for(person: Person) -> None:
    began = time.monotonic()
    with Viewer(person.terminal) as viewer:
        for number in range(3000):
            viewer.queue_and_write({"log": f"WARNING {number} " + "x" * 100})
            time.sleep(0.001)
    assert time.monotonic() - began < 30
    assert viewer.pid not in {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208


def watched(*lines: dict[str, Any] | str, **environment: str) -> str:
    given = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    command = [sys.executable, "-m", "edge", "watch"]
    kept = {**os.environ, **environment}
    return run(command, told=given, env=kept).stdout


def test_lines_of_a_file_make_the_picture_of_its_end() -> None:
    shown = watched(MUTED, "WARNING of the log", {"microphone": "unmuted"}, {"unknown": 1}, "{", COLUMNS="60")
    assert "LISTENING" in shown
    assert "of the log" in shown
    assert "MUTED" not in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 60


def test_ctrl_c_at_a_pipe_is_for_the_agent_which_has_still_to_stop(person: Person) -> None:
    command = [sys.executable, "-m", "edge", "watch"]
    reading, writing = os.pipe()
    with Started(command, stdin=reading, stdout=person.terminal) as process:
        os.close(reading)
        os.write(writing, json.dumps(MUTED).encode() + b"\n")
        person.sees("MUTED")
        process.send_signal(signal.SIGINT)
        os.write(writing, json.dumps({"agent": "stopping"}).encode() + b"\n")
        person.sees("STOPPING")
        os.close(writing)
        assert process.wait(30) == 0
    assert "STOPPING" in person.look().rpartition("\x1b[?1049l")[2]  # what was seen last stays
