"""sounddevice, and a sound server, as the tests of the microphone have them: every piece comes when it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from edge.audio.sound_server import Routing, ServerState
from edge.hear.microphone import Microphone

FINE = SimpleNamespace(input_overflow=False)
OVERFLOW = SimpleNamespace(input_overflow=True)


class PortAudioError(Exception):
    """As sounddevice's: the error code comes after the words."""


@dataclass
class FakePortAudio:
    """sounddevice with one input device. `play` is what its thread does, here within `start`; once, unless said again.

    Afterwards the device is gone, unless `again` says what it does the next times.
    """

    play: Callable[[FakeStream], None] = lambda _stream: None
    rates: tuple[int, ...] = (16_000,)
    channels: int = 1
    again: list[Callable[[FakeStream], None]] = field(default_factory=list)
    openings: int = 0
    closed: bool = False
    present: bool = True
    opened: dict[str, Any] = field(default_factory=dict)
    PortAudioError = PortAudioError
    default: Any = field(default_factory=lambda: SimpleNamespace(device=(1, 0)))

    @property
    def device(self) -> dict[str, Any]:
        return {
            "index": 1,
            "name": "headset",
            "hostapi": 0,
            "max_input_channels": self.channels,
            "default_samplerate": float(self.rates[0]),
        }

    def query_devices(self, device: str | int | None = None, kind: str | None = None) -> Any:
        if kind is None:
            return [{"index": 0, "name": "speakers", "max_input_channels": 0}, self.device]
        if device not in (None, 1, "headset") or not self.present:
            raise ValueError(f"No input device matching {device!r}")
        return self.device

    def query_hostapis(self, _number: int) -> dict[str, Any]:
        return {"name": "a library of the test"}

    def check_input_settings(self, _device: int, *, channels: int, dtype: str, samplerate: int) -> None:
        if samplerate not in self.rates or (channels == 1 and self.channels > 1) or dtype != "int16":
            raise PortAudioError("Invalid sample rate")

    def RawInputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        self.opened = options
        return FakeStream(self, options["callback"], options["finished_callback"], float(options["samplerate"]))


@dataclass
class FakeStream:
    library: FakePortAudio
    callback: Callable[[Any, int, Any, Any], None]
    finish: Callable[[], None]
    samplerate: float

    def start(self) -> None:
        plays = [self.library.play, *self.library.again]
        number, self.library.openings = self.library.openings, self.library.openings + 1
        if number >= len(plays):
            raise PortAudioError("Device unavailable")
        plays[number](self)

    def bring(self, sound: np.ndarray, status: Any = FINE) -> None:
        self.callback(memoryview(sound.astype("<i2").tobytes()), len(sound), None, status)

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self.library.closed = True


@dataclass
class FakeServer:
    """A sound server that says what it was told to say, in order, and then nothing more."""

    says: list[Routing | ServerState] = field(default_factory=list)
    moved: list[tuple[int, str]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)

    def poll(self, _now: float) -> Routing | ServerState | None:
        return self.says.pop(0) if self.says else None

    def query_and_wait(self) -> Routing | ServerState | None:
        return self.poll(0)

    def move(self, stream: int, source: str) -> None:
        self.moved.append((stream, source))

    def resume(self, source: str) -> None:
        self.resumed.append(source)

    def kill_query(self) -> None:
        pass


class AfterTheFirstLook(FakeServer):
    """One that is heard only when it is asked at once."""

    def poll(self, now: float) -> Routing | ServerState | None:
        return super().poll(now) if now == 0 else None


def listening(device: str | int | None, stall_s: float, **options: Any) -> Microphone:
    """A microphone beside which no sound server runs."""
    return Microphone(device, stall_s, **{"server": FakeServer(), **options})


def bringing(*sounds: np.ndarray) -> Callable[[FakeStream], None]:
    """What the thread of a device does that has these sounds to give, one callback each."""

    def play(stream: FakeStream) -> None:
        for sound in sounds:
            stream.bring(sound)

    return play


def bringing_all(*sounds: np.ndarray) -> Callable[[FakeStream], None]:
    """The same, and then the stream ends."""

    def play(stream: FakeStream) -> None:
        bringing(*sounds)(stream)
        stream.finish()

    return play
