"""The other half of the virtual headset: a sink that the device speaks into, and what came out of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tests.waiting import until

DEVICE = "earpiece"  # The speaker's name for PortAudio, and the server's name for the sink.

RATE = 16_000
CHUNK = 320  # Bytes read at a time: 10 ms.

ASOUNDRC = """
pcm.{name} {{
    type pulse
    device "{name}"
    hint {{ show on  description "Virtual earpiece" }}
}}
"""


class Server(Protocol):
    """A sound server of the tests' own."""

    @property
    def environment(self) -> dict[str, str]:
        """What whoever is to use it is started with."""


@dataclass
class Earpiece:
    """What the sink plays, as it is recorded from its monitor."""

    server: Server
    module: str
    _heard: bytearray = field(default_factory=bytearray)
    _offset: float = float("inf")

    @property
    def samples(self) -> NDArray[np.int16]:
        """All that was played so far, silence included."""
        return np.frombuffer(bytes(self._heard[: len(self._heard) // 2 * 2]), dtype="<i2")

    def between(self, begin: int, end: int) -> NDArray[np.int16]:
        """A stretch of it, as far as it was played."""
        return np.frombuffer(bytes(self._heard[begin * 2 : min(end, len(self)) * 2]), dtype="<i2")

    def __len__(self) -> int:
        """How many samples were played so far."""
        return len(self._heard) // 2

    def at(self, moment: float) -> int:
        """Which sample left at that moment of the monotonic clock, or a little before it: what was late is not seen."""
        return max(0, round((moment - self._offset) * RATE))

    def moment(self, sample: int) -> float:
        """When that sample left, at the latest, in seconds by the monotonic clock."""
        return self._offset + sample / RATE

    def unplug(self) -> None:
        """The sink vanishes."""
        _pactl(self.server, "unload-module", self.module)

    def take(self, pcm: bytes) -> None:
        """More was recorded. The least delay of all tells how sample count and clock belong together."""
        self._heard += pcm
        self._offset = min(self._offset, time.monotonic() - len(self._heard) / 2 / RATE)


def plug_in(server: Server, name: str = DEVICE) -> str:
    """A sink of that name appears; returns the server's number of the module."""
    return _pactl(server, "load-module", "module-null-sink", f"sink_name={name}", f"rate={RATE}", "channels=1")


def _pactl(server: Server, *words: str) -> str:
    done = subprocess.run(["pactl", *words], env=server.environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def declare(server: Server, name: str = DEVICE) -> None:
    """Give a sink of that name, there or not, a name for PortAudio."""
    with (Path(server.environment["HOME"]) / ".asoundrc").open("a", encoding="utf-8") as file:
        file.write(ASOUNDRC.format(name=name))


@contextmanager
def earpiece(server: Server, name: str = DEVICE) -> Iterator[Earpiece]:
    """A speaker for a headset; ends with the block."""
    declare(server, name)
    listening = Earpiece(server, plug_in(server, name))
    format_ = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=10"]
    command = ["parec", f"--device={name}.monitor", *format_]
    recorder = subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def record() -> None:
        assert recorder.stdout is not None
        while pcm := recorder.stdout.read(CHUNK):
            listening.take(pcm)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(record)
        try:
            until(lambda: len(listening) > 0, "the monitor of the sink gave no sound")
            yield listening
        finally:
            recorder.terminate()
            done.result()
            recorder.communicate()
