"""The headset's speaker, through PortAudio: a stream kept open, so that a sound begins within a few milliseconds.

PortAudio takes sound from its own thread every 10 ms. A vanished device is reopened for as long as it takes; nothing
waits for it, and sound for that time is dropped, not delayed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import soxr

from dockvoice_protocol.errors import Unavailable
from edge.audio.portaudio import TURN, close_stream, import_sounddevice, require_alsa_opens, start_stream
from edge.audio.sound_server import PlaybackSink
from edge.records import SAMPLE_RATE
from edge.speak.mixer import Mixer, Phrase, PhrasePriority, Samples

_logger = logging.getLogger(__name__)

_BLOCK_MS = 10  # What PortAudio takes at a time: the shortest that Python serves with ease on a small machine.

_LATENCY_S = 0.03
"""Requested latency: three blocks. Much less crackles under load; PortAudio's own "high" is 0.1 s and more."""

_LOOK_EVERY_S = 0.5  # Poll interval: does the stream still accept sound?
_QUIET_LOOK_S = 0.05  # Poll interval of `wait_until_quiet`.
_STUCK_S = 2.0  # An open stream that accepts nothing for so long is lost.

_LOST_S = 10.0
"""A lost device is retried for so long without a visible change: after that it is not only a plug or a server."""

_OPENING_S = 5.0  # A device that stood idle takes its first sound some seconds late.


class Loudspeaker:
    """Plays a `Mixer`. All but `keep_open` may be called from any thread, and never block."""

    def __init__(
        self,
        device: str | int | None,
        volume_db: float = 0.0,
        *,
        taken: Callable[[float, bytes], None] = lambda _at, _pcm: None,
        library: Callable[[], Any] = import_sounddevice,
    ) -> None:
        """`taken` is called on PortAudio's thread with every block and its time, for echo suppression.

        `device` is PortAudio's name or number, None its default.
        """
        self._device = device
        self._playing = Mixer(volume_db)
        self._lock = Lock()
        self._taken = taken
        self._library = library
        self._stream: _Stream | None = None
        self._sink = PlaybackSink()

    @property
    def is_open(self) -> bool:
        """Whether a device accepts sound."""
        return self._stream is not None

    async def is_audible(self) -> bool:
        """Whether a device accepts sound, and is no null sink."""
        return self.is_open and not await asyncio.to_thread(self._sink.is_null_sink)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is played or queued."""
        with self._lock:
            return self._playing.is_quiet

    def play_earcon(self, sound: Samples) -> None:
        """Play an earcon at once; without a device, do nothing."""
        with self._lock:
            if self.is_open:
                self._playing.play_earcon(sound)

    def queue_phrase(self, rank: PhrasePriority) -> Phrase | None:
        """Queue a phrase; None without a device."""
        with self._lock:
            return self._playing.queue_phrase(rank) if self.is_open else None

    def append_sound(self, phrase: Phrase, sound: Samples) -> bool:
        """Append sound to a phrase; False where it was dropped."""
        with self._lock:
            return self._playing.append_sound(phrase, sound)

    def end_phrase(self, phrase: Phrase) -> None:
        """Mark a phrase as complete: no more sound follows."""
        with self._lock:
            self._playing.end_phrase(phrase)

    def stop_speaking(self) -> bool:
        """Drop all but priority phrases, current and queued; whether there were any."""
        with self._lock:
            return self._playing.stop_speaking()

    def adjust_volume(self, steps: int) -> float:
        """Change the volume by `steps` of 3 dB; return it in dB."""
        with self._lock:
            return self._playing.adjust_volume(steps)

    async def wait_until_quiet(self) -> None:
        """Wait until all sound was handed to the device."""
        while not self.is_quiet:  # noqa: ASYNC110 - what ends is known on PortAudio's thread, which never waits
            await asyncio.sleep(_QUIET_LOOK_S)

    async def open(self) -> None:
        """Open the device. Raises Unavailable where it is missing, or accepts no sound."""
        library = self._library()
        try:
            self._stream = await asyncio.to_thread(_Stream.open_device, library, self._device, self._render_block)
        except (library.PortAudioError, ValueError) as fault:  # ValueError: no device of that name, or several
            raise Unavailable(
                f"speaker {_device_label(self._device)}: cannot be opened ({' '.join(str(fault).split())}); "
                "set speak.device, or speak.enabled = false"
            ) from None
        self._sink = PlaybackSink()

    async def keep_open(self) -> None:
        """Reopen the device whenever it is lost, until it stays lost for `_LOST_S`; close it at the end."""
        lost_s = 0.0
        try:
            while lost_s < _LOST_S:
                await asyncio.sleep(_LOOK_EVERY_S)
                if self._stream is None or self._stream.is_lost(time.monotonic()) or await self._is_rerouted():
                    await self._reopen()
                lost_s = 0.0 if self.is_open else lost_s + _LOOK_EVERY_S
        finally:
            stream, self._stream = self._stream, None
            if stream is not None:
                await asyncio.to_thread(stream.close)

    async def _is_rerouted(self) -> bool:
        """Whether the configured speaker has vanished, and sound goes to another one."""
        return self._device is not None and await asyncio.to_thread(self._sink.is_gone)

    async def _reopen(self) -> None:
        lost, self._stream = self._stream, None
        if lost is not None:
            _logger.warning("speaker %s: takes no sound any more; it is opened again", _device_label(self._device))
            await asyncio.to_thread(lost.close)
            with self._lock:
                self._playing = Mixer(self._playing.volume_db)  # what waited would come too late
        try:
            await self.open()
        except Unavailable as fault:
            _logger.debug("%s", fault)  # warned of once, when it was lost
        else:
            _logger.warning("speaker %s: takes sound again", _device_label(self._device))

    def _render_block(self, count: int, leaves_at: float) -> Samples:
        """Mix the next block, on PortAudio's thread."""
        with self._lock:
            sound = self._playing.render(count)
        self._taken(leaves_at, sound.tobytes())
        return sound


class _Stream:
    """An open PortAudio output stream."""

    def __init__(self, rate: int, channels: int, block: Callable[[int, float], Samples]) -> None:
        self._rate = rate
        self._channels = channels
        self._block = block
        self._resampling = soxr.ResampleStream(SAMPLE_RATE, rate, 1, dtype="int16") if rate != SAMPLE_RATE else None
        self._made = np.zeros(0, dtype=np.int16)
        self._ended = False
        self._taken_at = time.monotonic() + _OPENING_S - _STUCK_S
        self._opened: Any = None

    @classmethod
    def open_device(cls, library: Any, device: str | int | None, block: Callable[[int, float], Samples]) -> _Stream:
        """Open the device and start playback. Raises PortAudio's errors."""
        with TURN:  # from the first look: its number may be another's afterwards
            found = library.query_devices(device, "output")
            require_alsa_opens(library, found, playback=True)
            rate, channels = _choose_rate_and_channels(library, found)
            stream = cls(rate, channels, block)
            stream._opened = library.RawOutputStream(
                device=found["index"],
                samplerate=rate,
                channels=channels,
                dtype="int16",
                blocksize=rate * _BLOCK_MS // 1000,
                latency=_LATENCY_S,
                callback=stream._fill_output,
                finished_callback=stream._on_finished,
            )
            start_stream(library, stream._opened)
        return stream

    def is_lost(self, now: float) -> bool:
        """Whether the stream accepts no more sound. `now` is the monotonic clock."""
        return self._ended or now - self._taken_at > _STUCK_S

    def close(self) -> None:
        """Close the device. May block."""
        close_stream(self._opened)

    def _fill_output(self, out: Any, frames: int, clock: Any, _status: Any) -> None:
        """PortAudio's callback: fills `out`. It must neither raise, which ends the stream, nor wait."""
        now = time.monotonic()
        self._taken_at = now
        sound = self._resampled_block(frames, now + max(0.0, clock.outputBufferDacTime - clock.currentTime))
        out[:] = np.repeat(sound, self._channels).tobytes()

    def _resampled_block(self, frames: int, leaves_at: float) -> Samples:
        if self._resampling is None:
            return self._block(frames, leaves_at)
        while len(self._made) < frames:
            ours = self._block(SAMPLE_RATE * _BLOCK_MS // 1000, leaves_at + len(self._made) / self._rate)
            self._made = np.concatenate([self._made, self._resampling.resample_chunk(ours)])
        sound, self._made = self._made[:frames], self._made[frames:]
        return sound

    def _on_finished(self) -> None:
        self._ended = True


def _choose_rate_and_channels(library: Any, found: Any) -> tuple[int, int]:
    """Rate and channel count: 16 kHz mono where supported, else the device's defaults."""
    own = int(found["default_samplerate"])
    most = int(found["max_output_channels"])
    for rate, channels in ((SAMPLE_RATE, 1), (SAMPLE_RATE, min(2, most)), (own, 1)):
        try:
            library.check_output_settings(found["index"], channels=channels, dtype="int16", samplerate=rate)
        except library.PortAudioError:
            continue
        return rate, channels
    return own, min(2, most)


def _device_label(device: str | int | None) -> str:
    return "(the default)" if device is None else repr(device)


_SETTLES_S = 10.0  # What was just plugged in, or a Bluetooth link that just came up, may refuse for so long.

_ANYHOW_S = 300.0
"""Interval of retries without a visible change: another program may have released the speaker. Rare, since each
logs."""

_BLINK_EVERY_S = 60.0  # Where a plug has a loose contact, the microphone is not closed for each of its changes.

_AGAIN_S = 10.0  # Retry interval of a rescan that was refused during speech or noise.


class ReopenSchedule:
    """Decides when to reopen the speaker, from changes of the outputs that exist."""

    def __init__(self, outputs: frozenset[str]) -> None:
        """`outputs` are those that existed when PortAudio scanned."""
        self._there = outputs
        self._changed = float("-inf")
        self._tried = float("-inf")
        self._blinked = float("-inf")
        self._new = frozenset[str]()  # Outputs that have appeared since that scan.

    def note_outputs_and_check_due(self, outputs: frozenset[str], now: float) -> bool:
        """Note the outputs that exist; whether to try to open the speaker now, which counts as tried."""
        if outputs != self._there:
            self._new = (self._new | outputs - self._there) & outputs
            self._there, self._changed = outputs, now
        pause_s = _AGAIN_S if self.is_rescan_due(now) else _ANYHOW_S
        if now - self._changed <= _SETTLES_S or now - self._tried >= pause_s:
            self._tried = now
            return True
        return False

    def is_rescan_due(self, now: float) -> bool:
        """Whether PortAudio must rescan: the speaker did not open, and may be unknown to it."""
        return bool(self._new) and now - self._blinked >= _BLINK_EVERY_S

    def note_rescan(self, now: float) -> None:
        """Note that PortAudio has scanned the outputs again."""
        self._blinked, self._new = now, frozenset()
