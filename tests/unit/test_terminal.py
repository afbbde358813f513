from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge.cli import terminal as terminal_of
from edge.cli.terminal import (
    LEAVE,
    can_be_drawn_on,
    capture_stderr,
    has_hung_up,
    ignore_hang_up,
    leave_screen,
    read_keys,
)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """What a person types at, and what the program reads from."""
    person, program = os.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def test_each_key_is_told_without_enter_and_the_terminal_put_back(terminal: tuple[int, int]) -> None:
    person, program = terminal
    before = termios.tcgetattr(program)
    typed: list[str] = []

    async def type_two() -> None:
        both = asyncio.Event()

        def pressed(key: str) -> None:
            typed.append(key)
            if len(typed) == 2:
                both.set()

        with read_keys(program, pressed):
            os.write(person, b"m ")
            async with asyncio.timeout(30):
                await both.wait()

    asyncio.run(type_two())
    assert typed == ["m", " "]
    assert termios.tcgetattr(program) == before


def test_a_terminal_that_hangs_up_is_let_go_and_read_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    person, program = os.openpty()
    let_go: list[bool] = []

    async def hang_up() -> None:
        gone = asyncio.Event()

        def seen() -> None:
            let_go.append(has_hung_up(program))
            gone.set()

        monkeypatch.setattr(terminal_of, "release_standard_streams", seen)
        with read_keys(program, pytest.fail):
            os.close(person)
            async with asyncio.timeout(30):
                await gone.wait()
            for _ in range(10):  # turns in which a reader that is still there would be called
                await asyncio.sleep(0)

    asyncio.run(hang_up())
    os.close(program)
    assert let_go == [True]


def test_what_is_told_outlives_the_terminal_and_no_other_trouble() -> None:
    def tell(number: int) -> None:
        raise OSError(number, os.strerror(number))

    told = ignore_hang_up(tell)
    told(errno.EIO)
    with pytest.raises(OSError, match="No space left"):
        told(errno.ENOSPC)


def test_who_reads_a_pipe_no_more_ends_what_is_printed_and_not_who_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(terminal_of, "STANDARD", (writing,))

    def tell(text: bytes) -> None:
        os.write(writing, text)

    ignore_hang_up(tell)(b"nobody reads it")
    assert os.write(writing, b"nor this") == 8
    assert str(Path(f"/proc/self/fd/{writing}").readlink()) == os.devnull
    os.close(writing)


GIVES_BACK = """
import asyncio, os, subprocess, sys, time
from edge.cli.terminal import read_keys

person, program = os.openpty()

async def give_back():
    with read_keys(program, print):
        writer = subprocess.Popen(["yes"], stdout=program)
        time.sleep(0.5)  # the terminal is full by then, and whoever writes to it stands still
    return writer

asyncio.run(give_back()).kill()
print("given back")
"""


def test_a_terminal_that_somebody_stands_still_in_is_given_back_all_the_same() -> None:
    given = subprocess.run([sys.executable, "-c", GIVES_BACK], capture_output=True, text=True, timeout=30, check=False)
    assert given.stdout == "given back\n", given.stderr


def test_where_there_is_no_terminal_nothing_is_read() -> None:
    reading, writing = os.pipe()

    async def nothing() -> None:
        with read_keys(reading, pytest.fail):
            os.write(writing, b"m")
            await asyncio.sleep(0)

    asyncio.run(nothing())
    assert os.read(reading, 1) == b"m"
    os.close(reading)
    os.close(writing)


def seen(person: int) -> str:
    """What was written since it was looked at last."""
    os.set_blocking(person, False)
    written = b""
    while True:
        try:
            written += os.read(person, 65_536)
        except BlockingIOError:
            return written.decode()


def test_what_libraries_write_on_standard_error_is_seen_and_printed_at_the_end(terminal: tuple[int, int]) -> None:
    person, program = terminal
    tty.setraw(program)
    with capture_stderr(program) as fresh:
        os.write(program, b"ALSA lib: underrun\nWARNING half a ")
        assert fresh() == ["ALSA lib: underrun"]
        os.write(program, b"line\n")
        assert fresh() == ["WARNING half a line"]
        assert fresh() == []
        assert seen(person) == ""
    assert seen(person) == "ALSA lib: underrun\nWARNING half a line\n"


def test_a_log_in_a_file_gets_its_lines_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, capture_stderr(file.fileno()) as fresh:
        os.write(file.fileno(), b"WARNING one\n")
        assert fresh() == ["WARNING one"]
        assert log.read_text() == "WARNING one\n"
    assert log.read_text() == "WARNING one\n"


def test_a_terminal_that_takes_no_more_is_not_waited_for(terminal: tuple[int, int]) -> None:
    person, program = terminal
    leave_screen(program)
    assert seen(person) == LEAVE
    own = os.open(os.ttyname(program), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(own, b"x" * 1000)
    leave_screen(program)
    os.close(own)


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
