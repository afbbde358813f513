from __future__ import annotations

import asyncio
import errno
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.errors import Misconfigured
from edge.hear import talk_key
from edge.hear.talk_key import follow_talk_key

EV_KEY, F13, F14 = 1, 183, 184


@dataclass
class FakeDevice:
    """A keyboard with one key, whose events are written down; after them it is pulled out."""

    key: int
    events: Sequence[tuple[int, int]] = ()
    name: str = "Foot Switch"
    closed: bool = False

    def capabilities(self) -> dict[int, list[int]]:
        return {EV_KEY: [self.key]}

    async def async_read_loop(self) -> AsyncIterator[Any]:
        for code, value in self.events:
            yield SimpleNamespace(type=EV_KEY, code=code, value=value)
        raise OSError(errno.ENODEV, "No such device")

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeEvdev:
    """evdev, with the devices that are there at each look."""

    looks: list[dict[str, FakeDevice]]
    ended: Callable[[], None] = lambda: None
    ecodes: Any = field(default_factory=lambda: SimpleNamespace(EV_KEY=EV_KEY, ecodes={"KEY_F13": F13}))
    here: dict[str, FakeDevice] = field(default_factory=dict)

    def list_devices(self) -> list[str]:
        if not self.looks:
            raise Ended
        self.here = self.looks.pop(0)
        return list(self.here)

    def InputDevice(self, path: str) -> FakeDevice:  # noqa: N802 - evdev's name
        if path not in self.here:
            raise OSError(errno.ENOENT, "No such file or directory")
        return self.here[path]


class Ended(Exception):
    pass


def followed(monkeypatch: pytest.MonkeyPatch, *looks: dict[str, FakeDevice]) -> list[bool]:
    monkeypatch.setattr(talk_key, "LOOK_EVERY_S", 0)
    monkeypatch.setitem(sys.modules, "evdev", FakeEvdev(list(looks)))
    talked: list[bool] = []
    with pytest.raises(Ended):
        asyncio.run(follow_talk_key("KEY_F13", None, talked.append))
    return talked


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(Misconfigured, match=r"pip install 'dockvoice\[talk-key\]'"):
        asyncio.run(follow_talk_key("KEY_F13", None, lambda _: None))


def test_a_key_that_linux_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", FakeEvdev([]))
    with pytest.raises(Misconfigured, match="'KEY_TALK': Linux knows no such key"):
        asyncio.run(follow_talk_key("KEY_TALK", Path("/dev/input/event0"), lambda _: None))


def test_down_and_up_are_told_and_neither_repetitions_nor_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = FakeDevice(F13, [(F13, 1), (F13, 2), (F13, 2), (F14, 1), (F13, 0)])
    other = FakeDevice(F14, [(F14, 1)])
    assert followed(monkeypatch, {"a": other, "b": pressed}) == [True, False, False]
    assert (other.closed, pressed.closed) == (True, True)


def test_a_key_that_vanishes_while_it_is_down_is_up_and_is_found_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    first, again = FakeDevice(F13, [(F13, 1)]), FakeDevice(F13, [(F13, 1), (F13, 0)])
    assert followed(monkeypatch, {"a": first}, {}, {}, {"a": again}) == [True, False, True, False, False]
    assert [record.message.split(";")[-1].strip() for record in caplog.records].count("looking for it") == 3
