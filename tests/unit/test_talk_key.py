from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.hear import input_keys
from edge.hear.input_keys import _EVENT, follow_talk_key, key_code
from tests.rows import each_of

EV_KEY, F13, F14 = 1, 183, 184
WITHIN_S = 20


class Box:
    """A directory of input devices: pipes, to which the kernel's answers are made up."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self._keys: dict[int, int] = {}
        monkeypatch.setattr(input_keys, "_DEVICES", directory)
        monkeypatch.setattr(input_keys, "_LOOK_EVERY_S", 0.01)
        monkeypatch.setattr("edge.hear.input_keys.fcntl.ioctl", self._ioctl)

    def plug_in(self, name: str, key: int) -> int:
        """A device with one key; what the kernel writes its events to."""
        path = self.directory / name
        os.mkfifo(path)
        self._keys[path.stat().st_ino] = key
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def pull_out(self, name: str, writer: int) -> None:
        (self.directory / name).unlink()
        os.close(writer)

    def _ioctl(self, file: int, request: int, answer: bytes) -> bytes:
        key = self._keys[os.fstat(file).st_ino]
        number, size = request & 0xFF, request >> 16 & 0x3FFF
        assert size == len(answer)
        told = b"Foot Switch" if number == 0x06 else (1 << key).to_bytes(96, "little")
        return told.ljust(size, b"\0")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(tmp_path, monkeypatch)


def events(*told: tuple[int, int]) -> bytes:
    return b"".join(_EVENT.pack(1_700_000_000, 5, EV_KEY, code, value) for code, value in told)


def followed(*steps: Callable[[], object], talked: Sequence[bool], key: str = "KEY_F13") -> list[bool]:
    """What is told, from one step to the next: each is taken when something was told after the one before."""
    told: list[bool] = []
    left = list(steps)

    async def follow() -> None:
        def talk(is_down: bool) -> None:
            told.append(is_down)
            if left:
                left.pop(0)()
            elif len(told) == len(talked):
                task.cancel()

        async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
            task = group.create_task(follow_talk_key(key, None, talk))

    asyncio.run(follow())
    return told


@each_of("key", ["KEY_TALK", "0", "768", "²"])
def test_a_key_that_linux_does_not_know_is_told(key: str) -> None:
    with pytest.raises(Misconfigured, match=f"'{key}': Linux knows no such key"):
        asyncio.run(follow_talk_key(key, Path("/dev/input/event0"), lambda _: None))


@each_of(
    ("key", "code"),
    {
        "KEY_ESC": 1,
        "KEY_KPDOT": 83,
        "KEY_102ND": 86,
        "KEY_F24": 194,
        "BTN_0": 256,
        "BTN_THUMBR": 318,
        "KEY_DICTATE": 586,
        "KEY_MACRO30": 685,
        "BTN_TRIGGER_HAPPY40": 743,
        "443": 443,
    }.items(),
)
def test_keys_have_the_codes_that_the_kernel_gives_them(key: str, code: int) -> None:
    assert key_code(key) == code


def test_down_and_up_are_told_and_neither_repetitions_nor_other_keys(box: Box) -> None:
    other, pressed = box.plug_in("event0", F14), box.plug_in("event1", F13)
    os.write(other, events((F14, 1)))
    os.write(pressed, events((F13, 1), (F13, 2), (F13, 2), (F14, 1), (F13, 0)))
    assert followed(talked=[True, False]) == [True, False]


def test_a_key_that_vanishes_while_it_is_down_is_up_and_is_found_again(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    first = box.plug_in("event0", F13)

    def again() -> None:
        os.write(box.plug_in("event7", F13), events((F13, 1), (F13, 0)))

    os.write(first, events((F13, 1)))
    steps = (lambda: box.pull_out("event0", first), again)
    assert followed(*steps, talked=[True, False, True, False]) == [True, False, True, False]
    assert any("is gone (No such device); looking for it" in record.message for record in caplog.records)
