"""The other half of the virtual headset: a sink that the device speaks into, and what came out of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.pulseaudio import Headset
from tests.waiting import until

DEVICE = "earpiece"
"""The speaker's name for PortAudio, and the server's name for the sink."""

RATE = 16_000
CHUNK = 320
"""Bytes read at a time: 10 ms."""

ASOUNDRC = f"""
pcm.{DEVICE} {{
    type pulse
    device "{DEVICE}"
    hint {{ show on  description "Virtual earpiece" }}
}}
"""


@dataclass
class Earpiece:
    """What the sink plays, as it is recorded from its monitor."""

    worn: Headset
    module: str
    _heard: bytearray = field(default_factory=bytearray)
    _offset: float = float("inf")

    @property
    def samples(self) -> NDArray[np.int16]:
        """All that was played so far, silence included."""
        return np.frombuffer(bytes(self._heard[: len(self._heard) // 2 * 2]), dtype="<i2")

    def at(self, moment: float) -> int:
        """Which sample left at that moment of the monotonic clock, or a little before it: what was late is not seen."""
        return max(0, round((moment - self._offset) * RATE))

    def moment(self, sample: int) -> float:
        """When that sample left, at the latest, in seconds by the monotonic clock."""
        return self._offset + sample / RATE

    def unplug(self) -> None:
        """The sink vanishes."""
        self.worn._run("pactl", "unload-module", self.module)

    def take(self, pcm: bytes) -> None:
        """More was recorded. The least delay of all tells how sample count and clock belong together."""
        self._heard += pcm
        self._offset = min(self._offset, time.monotonic() - len(self._heard) / 2 / RATE)


def plug_in(worn: Headset) -> str:
    """A sink of that name appears; returns the server's number of the module."""
    loading = ["pactl", "load-module", "module-null-sink", f"sink_name={DEVICE}", f"rate={RATE}", "channels=1"]
    return subprocess.run(loading, env=worn.environment, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def earpiece(worn: Headset) -> Iterator[Earpiece]:
    """A speaker for the headset; ends with the block."""
    with (Path(worn.environment["HOME"]) / ".asoundrc").open("a", encoding="utf-8") as file:
        file.write(ASOUNDRC)
    listening = Earpiece(worn, plug_in(worn))
    format_ = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=10"]
    command = ["parec", f"--device={DEVICE}.monitor", *format_]
    recorder = subprocess.Popen(command, env=worn.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def record() -> None:
        assert recorder.stdout is not None
        while pcm := recorder.stdout.read(CHUNK):
            listening.take(pcm)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(record)
        try:
            until(lambda: len(listening.samples) > 0, "the monitor of the sink gave no sound")
            yield listening
        finally:
            recorder.terminate()
            done.result()
            recorder.communicate()
