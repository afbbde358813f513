"""The microphone as a source, through PortAudio.

PortAudio calls from its own thread every 20 ms; the callback copies, numbers, hands off, and does nothing else.
Resampling and framing happen on the thread that listens.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from edge.errors import Unavailable
from edge.hear.framing import FRAME_MS, FRAME_SAMPLES, Framing, floats
from edge.records import SAMPLE_RATE, Frame

HAND_OFF_PIECES = 10_000 // FRAME_MS
"""Pieces that wait for the listening thread, at most: 10 s of sound, longer than any pause of a healthy machine."""

SLICES = 5
"""A wait for sound is made of so many shorter ones. When the whole process was stopped for a while, the clock ran but
nothing was missed: only the slice under way expires, and what the sound server kept meanwhile is still heard."""

DIGITAL_SILENCE_S = 60
"""Every real microphone has noise. One that was heard and then gives nothing but zeros for a minute is muted, or is
a Bluetooth link gone dead, or the sound server moved the stream to another device: opening it again finds out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one callback brought."""

    start: int
    """Sample index by the device's own count and rate."""
    samples: int
    pcm: bytes = field(repr=False)
    arrived: float
    """By the monotonic clock, in seconds."""
    overflowed: bool
    """PortAudio says that sound was lost before this."""

    @property
    def end(self) -> int:
        """The sample index just past the piece."""
        return self.start + self.samples


class HandOff:
    """From PortAudio's thread to the one that listens. When full the oldest piece gives way: putting never blocks."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()

    def put(self, piece: Piece | None) -> None:
        """Hand over; None says that nothing follows."""
        if self._queue.qsize() >= self._pieces:
            with suppress(queue.Empty):  # the other side has just taken it
                self._queue.get_nowait()
        self._queue.put(piece)

    def take(self, timeout_s: float) -> Piece | None:
        """The oldest piece. Raises queue.Empty when none came in time."""
        for _ in range(SLICES - 1):
            with suppress(queue.Empty):
                return self._queue.get(timeout=timeout_s / SLICES)
        return self._queue.get(timeout=timeout_s / SLICES)


class LossWatch:
    """Finds sound that a card or a sound server lost without a word: its count falls behind the monotonic clock.

    One late piece means nothing: what was buffered meanwhile comes in a burst after it. So the smallest lag within a
    window is compared with that of the window before.
    """

    WINDOW_S = 0.4
    """Less than the usual hangover, so that a loss is known before the utterance it fell into is closed."""
    TOLERANCE_S = 0.1
    """Lag grows by so much without any loss, on a loaded machine."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._usual = self._smallest = float("inf")
        self._window_end = 0.0

    def lost(self, piece: Piece) -> int:
        """How many samples, by the device's rate, are found missing when this piece comes."""
        lag = piece.arrived - piece.end / self._rate
        if piece.arrived < self._window_end:
            self._smallest = min(self._smallest, lag)
            return 0
        more = self._smallest - self._usual
        self._usual, self._smallest, self._window_end = self._smallest, lag, piece.arrived + self.WINDOW_S
        return round(more * self._rate) if more > self.TOLERANCE_S else 0


class Microphone:
    """A sound device, listened to until it fails or is closed. Used once.

    `device` is PortAudio's name or number, None its default; `stall_s` is how long no sound may come, in seconds by
    the monotonic clock.
    """

    name = "microphone"
    live = True

    def __init__(self, device: str | int | None, stall_s: float) -> None:
        self.dropped = 0
        """Samples (16 kHz) that were lost between the device and the listening thread."""
        self._device = device
        self._stall_s = stall_s
        self._counted = 0
        self._closed = False
        self._hand_off = HandOff(HAND_OFF_PIECES)

    def frames(self) -> Iterator[Frame]:
        """Yield sound as it comes; where some was lost, the numbering leaves a gap.

        Raises Unavailable when there is no such device, when no sound comes for `stall_s`, when it stops or is dead.
        """
        portaudio = _portaudio()
        try:
            found = portaudio.query_devices(self._device, "input")
            rate, channels = _format(portaudio, found)
            stream = self._opened(portaudio, found["index"], rate, channels)
        except (portaudio.PortAudioError, ValueError) as fault:  # ValueError: no device of that name, or several
            raise Unavailable(self._told(f"cannot be opened ({_line(fault)}); there are: {_listed()}")) from None
        try:
            yield from self._framed(rate, channels)
        finally:
            stream.abort()
            stream.close()

    def close(self) -> None:
        """End `frames`, from any thread, once it has yielded what was taken until now."""
        self._closed = True
        self._hand_off.put(None)

    def _opened(self, portaudio: Any, index: int, rate: int, channels: int) -> Any:
        stream = portaudio.RawInputStream(
            device=index,
            samplerate=rate,
            channels=channels,
            dtype="int16",
            blocksize=rate * FRAME_MS // 1000,
            callback=self._heard,
            finished_callback=self._finished,
        )
        stream.start()
        return stream

    def _heard(self, sound: Any, samples: int, _time: Any, status: Any) -> None:
        """PortAudio's callback: an exception here would stop the stream, and waiting would lose sound."""
        self._hand_off.put(Piece(self._counted, samples, bytes(sound), time.monotonic(), bool(status.input_overflow)))
        self._counted += samples

    def _finished(self) -> None:
        """PortAudio's word that no callback follows."""
        self._hand_off.put(None)

    def _framed(self, rate: int, channels: int) -> Iterator[Frame]:
        framing, watch, expected = Framing(rate), LossWatch(rate), 0
        for piece in self._alive(rate):
            missing = piece.start - expected + watch.lost(piece)
            expected = piece.end
            if missing or piece.overflowed:
                yield from framing.end()
                lost = max(1, math.ceil(missing / rate * SAMPLE_RATE / FRAME_SAMPLES)) * FRAME_SAMPLES
                self.dropped += lost
                framing = Framing(rate, start=framing.position + lost)
            yield from framing.take(floats(piece.pcm).reshape(-1, channels))
        yield from framing.end()

    def _alive(self, rate: int) -> Iterator[Piece]:
        """The pieces, as long as the device gives more than zeros."""
        sounded: int | None = None
        for piece in self._pieces():
            if any(piece.pcm):
                sounded = piece.end
            elif sounded is not None and piece.end - sounded > DIGITAL_SILENCE_S * rate:
                raise Unavailable(self._told(f"gave nothing but zeros for {DIGITAL_SILENCE_S} s; is it muted or gone?"))
            yield piece

    def _pieces(self) -> Iterator[Piece]:
        try:
            while (piece := self._hand_off.take(self._stall_s)) is not None:
                yield piece
        except queue.Empty:
            raise Unavailable(self._told(f"gave no sound for {self._stall_s:g} s; is it on and in range?")) from None
        if not self._closed:
            raise Unavailable(self._told("stopped: it was unplugged, or its sound server ended; connect it again"))

    def _told(self, what: str) -> str:
        return f"microphone {'(default)' if self._device is None else self._device}: {what}"


def microphones() -> list[str]:
    """The devices one can listen to, as `number name`; either may stand in the settings. Raises Unavailable."""
    devices = _portaudio().query_devices()
    return [f"{device['index']} {device['name']}" for device in devices if device["max_input_channels"]]


def _portaudio() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 - needs a system library, which machines that only replay lack
    except ImportError:
        raise Unavailable("microphone: sounddevice is missing; pip install 'dockvoice[microphone]'") from None
    except OSError:
        raise Unavailable("microphone: PortAudio is missing; apt install libportaudio2") from None
    return sounddevice


def _format(portaudio: Any, found: Mapping[str, Any]) -> tuple[int, int]:
    """The rate and channel count to open with: 16 kHz mono where the device can, else what it does by itself."""
    own = int(found["default_samplerate"])
    for rate in (SAMPLE_RATE, own):
        with suppress(portaudio.PortAudioError):
            portaudio.check_input_settings(found["index"], channels=1, dtype="int16", samplerate=rate)
            return rate, 1
    return own, int(found["max_input_channels"])


def _listed() -> str:
    return ", ".join(microphones()) or "none"


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())
