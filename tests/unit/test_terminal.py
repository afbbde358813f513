from __future__ import annotations

import asyncio
import errno
import os
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import terminal as terminal_of
from edge.cli.terminal import can_be_drawn_on, capture_stderr, has_hung_up, read_keys, silence_after_hang_up


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

        monkeypatch.setattr(terminal_of, "redirect_hung_up_streams", seen)
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

    told = silence_after_hang_up(tell)
    told(errno.EIO)
    with pytest.raises(OSError, match="No space left"):
        told(errno.ENOSPC)


def test_who_reads_a_pipe_no_more_ends_what_is_printed_and_not_who_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(terminal_of, "STANDARD", (writing,))

    def tell(text: bytes) -> None:
        os.write(writing, text)

    silence_after_hang_up(tell)(b"nobody reads it")
    assert os.write(writing, b"nor this") == 8
    assert str(Path(f"/proc/self/fd/{writing}").readlink()) == os.devnull
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
