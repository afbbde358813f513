from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.text import Text

from edge.cli.screen import ENTER, GUARD, LEAVE, Patient, aside, can_be_drawn_on, screen
from tests.waiting import until


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """What a person looks at, and what the program draws on."""
    person, program = os.openpty()
    tty.setraw(program)
    os.set_blocking(person, False)
    yield person, program
    os.close(person)
    os.close(program)


def seen(person: int) -> str:
    """What was written since it was looked at last."""
    written = b""
    while True:
        try:
            written += os.read(person, 65_536)
        except BlockingIOError:
            return written.decode()


def test_a_crash_gives_the_terminal_back(terminal: tuple[int, int]) -> None:
    person, program = terminal

    def crash() -> None:
        with screen(program, "utf-8") as shown:
            shown.show([Text("here")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    written = seen(person)
    assert written.startswith(ENTER)
    assert "here" in written
    assert written.endswith(LEAVE)


def test_whoever_guards_the_terminal_leaves_it_just_as_the_program_does() -> None:
    assert LEAVE.replace("\x1b", r"\033") in GUARD


def test_only_what_changed_is_drawn_again_and_all_of_it_in_another_size(terminal: tuple[int, int]) -> None:
    person, program = terminal
    with screen(program, "utf-8") as shown:
        shown.show([Text("level"), Text("state")])
        seen(person)
        shown.show([Text("level"), Text("other")])
        assert seen(person) == "\x1b[2;1H\x1b[2Kother"
        set_size(program, 100, 30)
        shown.show([Text("level"), Text("other")])
        assert "level" in seen(person)


def set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def test_a_terminal_that_stands_still_holds_nobody_up_and_shows_the_newest_when_it_goes_on(
    terminal: tuple[int, int],
) -> None:
    person, program = terminal
    with screen(program, "utf-8") as shown:
        drawn = 0
        while shown.show([Text(f"{drawn} " + "x" * 70)]):
            drawn += 1  # nobody reads: at some point it takes no more
        assert not shown.show([Text("newest")])
        seen(person)
        until(lambda: shown.show([Text("newest")]) or not seen(person), "it takes nothing any more")
        assert shown.show([Text("newest")])
        until(lambda: "newest" in seen(person), "what was drawn never came")


def test_what_an_encoding_lacks_is_drawn_with_what_it_has(terminal: tuple[int, int]) -> None:
    person, program = terminal
    own = os.open(os.ttyname(program), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    out = Patient(own, "ascii")
    out.write("█✓ é")
    out.finish()
    os.close(own)
    assert seen(person) == "#+ ?"


def test_what_libraries_write_on_standard_error_is_seen_and_printed_at_the_end(terminal: tuple[int, int]) -> None:
    person, program = terminal
    with aside(program) as taken:
        os.write(program, b"ALSA lib: underrun\nWARNING half a ")
        assert taken.fresh() == ["ALSA lib: underrun"]
        os.write(program, b"line\n")
        assert taken.fresh() == ["WARNING half a line"]
        assert taken.fresh() == []
        assert seen(person) == ""
    assert seen(person) == "ALSA lib: underrun\nWARNING half a line\n"


def test_a_log_in_a_file_gets_its_lines_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, aside(file.fileno()) as taken:
        os.write(file.fileno(), b"WARNING one\n")
        assert taken.fresh() == ["WARNING one"]
        assert log.read_text() == "WARNING one\n"
    assert log.read_text() == "WARNING one\n"


@pytest.mark.parametrize("kind", ["", "dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_is_not_drawn_on(
    kind: str, terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.dup(terminal[1]), "w", encoding="utf-8") as out:  # noqa: PTH123 - a descriptor has no path
        monkeypatch.setenv("TERM", kind)
        assert not can_be_drawn_on(out)
        monkeypatch.setenv("TERM", "xterm")
        assert can_be_drawn_on(out)
    monkeypatch.setenv("TERM", "xterm")
    assert not can_be_drawn_on(sys.stdout)
