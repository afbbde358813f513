"""Capture: an opened sound device and its sound, through PortAudio.

PortAudio calls back from its own thread every 20 ms; the callback only copies, numbers and hands off.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from edge.audio.pcm import FRAME_MS
from edge.audio.portaudio import TURN, close_stream, import_sounddevice, require_alsa_opens, start_stream
from edge.hear.lag_window import LagWindow
from edge.records import SAMPLE_RATE

_HAND_OFF_PIECES = 10_000 // FRAME_MS
"""Queue limit of the listening thread: 10 s of sound, longer than any pause of a healthy machine."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The samples that one callback of PortAudio delivered."""

    start: int  # Sample index by the device's own count and rate.
    samples: int
    pcm: bytes = field(repr=False)
    arrived: float  # By the monotonic clock, in seconds.
    overflowed: bool  # PortAudio says that sound was lost before this.

    @property
    def end(self) -> int:
        """The sample index just past the piece."""
        return self.start + self.samples


class _HandOff:
    """Queue from PortAudio's thread to the listening thread. When full, the oldest piece is dropped."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()

    def put(self, piece: Piece | None) -> None:
        """Append a piece, dropping the oldest when full; None makes the reader check whether to close."""
        if self._queue.qsize() >= self._pieces:
            with suppress(queue.Empty):  # the other side has just taken it
                self._queue.get_nowait()
        self._queue.put(piece)

    def get(self, timeout_s: float) -> Piece | None:
        """Remove and return the oldest piece. Raises queue.Empty after the timeout."""
        return self._queue.get(timeout=timeout_s)


class LossWatch:
    """Detects sound that was lost without an error: the sample count falls behind the monotonic clock."""

    WINDOW_S = 0.4  # Less than the usual hangover, so that a loss is known before the utterance it fell into is closed.
    TOLERANCE_S = 0.1  # Lag grows by so much without any loss, on a loaded machine.

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._lags = LagWindow(rate, self.WINDOW_S)

    def count_lost_samples(self, piece: Piece) -> int:
        """The samples, at the device's rate, that are missing before this piece."""
        growth_s = self._lags.update(piece.end, piece.arrived)
        return 0 if growth_s is None or growth_s <= self.TOLERANCE_S else round(growth_s * self._rate)


class DeviceNotOpened(Exception):
    """The device cannot be opened now: PortAudio's message in one line."""


class Stream:
    """An open PortAudio input stream; its sound goes to `hand_off`."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate = rate
        self.channels = channels
        self.hand_off = _HandOff(_HAND_OFF_PIECES)
        self.ended = False  # Whether the stream has ended by itself.
        self._counted = 0
        self._device: Any = None

    @classmethod
    def open(cls, found: Mapping[str, Any]) -> Self:
        """Open a microphone as `find_device` found it, and start its stream. Raises DeviceNotOpened."""
        library = import_sounddevice()
        try:
            require_alsa_opens(library, found, playback=False)
        except library.PortAudioError as fault:
            raise DeviceNotOpened(_one_line_message(fault)) from None
        rate, channels = _choose_format(library, found)
        stream = cls(rate, channels)
        try:
            with TURN:
                made = library.RawInputStream(
                    device=found["index"],
                    samplerate=rate,
                    channels=channels,
                    dtype="int16",
                    blocksize=rate * FRAME_MS // 1000,
                    callback=stream.on_sound,
                    finished_callback=stream.on_finished,
                )
                start_stream(library, made)
                stream._device = made
        except library.PortAudioError as fault:
            raise DeviceNotOpened(_one_line_message(fault)) from None
        return stream

    def on_sound(self, sound: Any, samples: int, _time: Any, status: Any) -> None:
        """PortAudio's stream callback. It must neither raise, which stops the stream, nor block, which loses sound."""
        self.hand_off.put(Piece(self._counted, samples, bytes(sound), time.monotonic(), bool(status.input_overflow)))
        self._counted += samples

    def on_finished(self) -> None:
        """PortAudio's finished callback: no further sound comes."""
        self.ended = True
        self.hand_off.put(None)

    def close(self) -> None:
        """Abort and close the PortAudio stream, if it is open; may block."""
        device, self._device = self._device, None
        if device is not None:
            close_stream(device)


@dataclass(frozen=True, slots=True)
class InputDevice:
    """An input device as PortAudio lists it."""

    index: int
    name: str
    rate: int  # What it does by itself, samples a second.
    channels: int
    is_default: bool


def find_device(device: str | int | None) -> Mapping[str, Any]:
    """PortAudio's entry of the device of that name or number, None its default. Raises DeviceNotOpened, Unavailable."""
    library = import_sounddevice()
    try:
        found: Mapping[str, Any] = library.query_devices(device, "input")
    except (library.PortAudioError, ValueError) as fault:  # ValueError: no device of that name, or several
        raise DeviceNotOpened(_one_line_message(fault)) from None
    return found


def list_input_devices() -> list[InputDevice]:
    """List PortAudio's input devices. Raises Unavailable where PortAudio is missing."""
    library = import_sounddevice()
    default = library.default.device[0]
    inputs = [one for one in library.query_devices() if one["max_input_channels"]]
    return [
        InputDevice(
            index=one["index"],
            name=one["name"],
            rate=int(one["default_samplerate"]),
            channels=one["max_input_channels"],
            is_default=one["index"] == default,
        )
        for one in inputs
    ]


def input_device_labels() -> list[str]:
    """The input devices as `number name`; either may be set. Raises Unavailable."""
    return [f"{one.index} {one.name}" for one in list_input_devices()]


def not_opened_message(why: DeviceNotOpened) -> str:
    """The message for a microphone that cannot be opened, with the alternatives. Raises Unavailable."""
    others = f"there are: {', '.join(found)}" if (found := input_device_labels()) else "there is none: connect one"
    return f"cannot be opened ({why}); {others}"


def _choose_format(library: Any, found: Mapping[str, Any]) -> tuple[int, int]:
    """Rate and channel count: 16 kHz mono where supported, else the device's defaults."""
    own = int(found["default_samplerate"])
    for rate in (SAMPLE_RATE, own):
        with suppress(library.PortAudioError):
            library.check_input_settings(found["index"], channels=1, dtype="int16", samplerate=rate)
            return rate, 1
    return own, int(found["max_input_channels"])


def _one_line_message(fault: Exception) -> str:
    return " ".join(str(fault).split())
