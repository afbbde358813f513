from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Iterator

import pytest

from edge.cli.terminal import keys


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
