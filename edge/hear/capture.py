"""The microphone as a source, through PortAudio.

PortAudio calls from its own thread every 20 ms; the callback copies, numbers, hands off, and does nothing else.
Resampling, framing and watching over the microphone's health happen on the thread that listens.

A stream from which nothing can be heard any more is closed and opened again, for a while. A fresh process alone sees
sound cards that appeared since PortAudio was loaded, so after that while the listening ends with an error.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from edge.errors import Unavailable
from edge.hear.claim import Claim, microphone_claim, source_claim
from edge.hear.framing import FRAME_MS, FRAME_SAMPLES, Framing, floats
from edge.hear.levels import level
from edge.hear.microphone_health import Fault, MicrophoneEvent, MicrophoneHealth, Noticed
from edge.hear.portaudio import portaudio
from edge.hear.routing import Routing
from edge.hear.sound_server import Gone, SoundServer
from edge.records import SAMPLE_RATE, Frame

HAND_OFF_PIECES = 10_000 // FRAME_MS
"""Pieces that wait for the listening thread, at most: 10 s of sound, longer than any pause of a healthy machine."""

SLICE_S = 0.2
"""A wait for sound is made of such slices. When the whole process was stopped for a while, the clock ran but nothing
was missed: only the slice under way expires, and what the sound server kept meanwhile is still heard."""

REOPEN_EVERY_S = 0.5
"""From one try to open the microphone again to the next."""

ZEROS_REOPEN_S = (10, 20, 40)
"""After so long with nothing but zeros the stream is opened anew, which wakes a Bluetooth link that died."""

DIGITAL_SILENCE_S = 60
"""Every real microphone has noise. One that was heard and then gives nothing but zeros for a minute, however often it
was opened again, is for a fresh process to look at."""


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
        return self._queue.get(timeout=timeout_s)


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


class _Reopen(Exception):  # noqa: N818 - no error: the way out of a stream that is to be opened again
    """Nothing can be heard from this stream any more."""


class _Stream:
    """One opening of the device: its pieces, from PortAudio's thread to the one that listens."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate = rate
        self.channels = channels
        self.hand_off = HandOff(HAND_OFF_PIECES)
        self._counted = 0

    def heard(self, sound: Any, samples: int, _time: Any, status: Any) -> None:
        """PortAudio's callback: an exception here would stop the stream, and waiting would lose sound."""
        self.hand_off.put(Piece(self._counted, samples, bytes(sound), time.monotonic(), bool(status.input_overflow)))
        self._counted += samples

    def finished(self) -> None:
        """PortAudio's word that no callback follows."""
        self.hand_off.put(None)

    def start(self, library: Any, index: int) -> Any:
        """Open the device; raises PortAudio's errors."""
        opened = library.RawInputStream(
            device=index,
            samplerate=self.rate,
            channels=self.channels,
            dtype="int16",
            blocksize=self.rate * FRAME_MS // 1000,
            callback=self.heard,
            finished_callback=self.finished,
        )
        opened.start()
        return opened


class Microphone:
    """A sound device, listened to until it is closed, or cannot be heard for too long. Used once.

    `device` is PortAudio's name or number, None its default. `stall_s` is how long nothing can be heard before it is
    given up, in seconds by the monotonic clock; until then it is opened again and again. `tell` hears, on the listening
    thread, of each fault that begins or ends. `zeros_s` is how long nothing but zeros is no fault, `source` the sound
    server's name for what to record from (None: what was recorded from first).
    """

    name = "microphone"
    live = True

    def __init__(
        self,
        device: str | int | None,
        stall_s: float,
        tell: Callable[[MicrophoneEvent], None] = lambda _: None,
        *,
        zeros_s: float = 1.5,
        source: str | None = None,
        server: SoundServer | None = None,
    ) -> None:
        self.dropped = 0
        """Samples (16 kHz) that were lost between the device and the listening thread."""
        self._device = device
        self._stall_s = stall_s
        self._tell = tell
        self._health = MicrophoneHealth(zeros_s=zeros_s, source=source)
        self._server = server or SoundServer()
        self._closed = False
        self._sounded = False
        self._position = 0
        self._heard_at = 0.0
        self._claims: list[Claim] = []
        self._claimed: str | None = None
        self._stream: _Stream | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield sound as it comes; where some was lost, or the device was opened again, the numbering leaves a gap.

        Raises Unavailable when there is no such device or it cannot be heard for `stall_s`, AlreadyRunning when another
        process listens to it.
        """
        library = portaudio()
        try:
            while not self._closed:
                try:
                    yield from self._listen(library)
                except _Reopen:
                    self._wait_a_little()
        finally:
            self._server.close()
            for claim in self._claims:
                claim.release()

    def close(self) -> None:
        """End `frames`, from any thread, once it has yielded what was taken until now."""
        self._closed = True
        if self._stream is not None:
            self._stream.hand_off.put(None)

    def _listen(self, library: Any) -> Iterator[Frame]:
        """One opening of the device, from its first sound to its last. Raises _Reopen where that was not wanted."""
        opened = self._opened(library)
        if opened is None:
            raise _Reopen
        stream, device = opened
        self._stream = stream
        try:
            yield from self._framed(stream)
        finally:
            device.abort()
            device.close()

    def _opened(self, library: Any) -> tuple[_Stream, Any] | None:
        """None where it cannot be opened again yet. Raises Unavailable the first time, and when it took too long."""
        try:
            found = library.query_devices(self._device, "input")
            self._claim(str(found["name"]))
            stream = _Stream(*_format(library, found))
            self._health.opened(stream.rate)
            return stream, stream.start(library, found["index"])
        except (library.PortAudioError, ValueError) as fault:  # ValueError: no device of that name, or several
            if not self._claims or not self._heard_at:
                raise Unavailable(self._told(f"cannot be opened ({_line(fault)}); there are: {_listed()}")) from None
            self._give_up_in_time()
            return None

    def _claim(self, name: str) -> None:
        if not self._claims:
            self._claims.append(microphone_claim(name).take())

    def _framed(self, stream: _Stream) -> Iterator[Frame]:
        framing, watch, expected = Framing(stream.rate, start=self._position), LossWatch(stream.rate), 0
        for piece in self._sound(stream):
            missing = piece.start - expected + watch.lost(piece)
            expected = piece.end
            lost = bool(missing) or piece.overflowed
            self._judge(self._health.heard(level(piece.pcm), piece.end, piece.arrived, lost=lost))
            if lost:
                yield from framing.end()
                gap = max(1, math.ceil(missing / stream.rate * SAMPLE_RATE / FRAME_SAMPLES)) * FRAME_SAMPLES
                self.dropped += gap
                framing = Framing(stream.rate, start=framing.position + gap)
            yield from framing.take(floats(piece.pcm).reshape(-1, stream.channels))
            self._position = framing.position + FRAME_SAMPLES  # should this stream end here, the next leaves a gap
        yield from framing.end()

    def _sound(self, stream: _Stream) -> Iterator[Piece]:
        """The pieces of a stream that is well: each after the microphone's health was looked at."""
        zeros_since = 0
        for piece in self._pieces(stream):
            if any(piece.pcm):
                self._sounded, zeros_since = True, piece.end
            elif (silent := piece.end - zeros_since) > DIGITAL_SILENCE_S * stream.rate and self._sounded:
                raise Unavailable(self._told(f"gave nothing but zeros for {DIGITAL_SILENCE_S} s; is it muted or gone?"))
            yield piece

    def _pieces(self, stream: _Stream) -> Iterator[Piece]:
        while True:
            self._ask_server()
            try:
                piece = stream.hand_off.take(SLICE_S)
            except queue.Empty:
                self._judge(self._health.waited(SLICE_S))
                continue
            if piece is None:
                break
            self._heard_at = piece.arrived
            self._tell_all(self._health.sound())
            yield piece
        if not self._closed:
            self._judge(self._health.stopped(server_gone=isinstance(self._server.now(), Gone)))
