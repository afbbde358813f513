from __future__ import annotations

import asyncio
import errno
import os
import termios
from collections.abc import Iterator

import pytest

from edge.cli import terminal as terminal_of
from edge.cli.terminal import has_hung_up, keys, outliving


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

        with keys(program, pressed):
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

        monkeypatch.setattr(terminal_of, "let_go", seen)
        with keys(program, pytest.fail):
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

    told = outliving(tell)
    told(errno.EIO)
    with pytest.raises(OSError, match="No space left"):
        told(errno.ENOSPC)


def test_where_there_is_no_terminal_nothing_is_read() -> None:
    reading, writing = os.pipe()

    async def nothing() -> None:
        with keys(reading, pytest.fail):
            os.write(writing, b"m")
            await asyncio.sleep(0)

    asyncio.run(nothing())
    assert os.read(reading, 1) == b"m"
    os.close(reading)
    os.close(writing)
