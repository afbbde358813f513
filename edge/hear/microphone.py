"""The microphone as a source: opened, monitored, and reopened when it gives no sound.

Everything here runs on the listening thread. A missing device at the start is waited for: a restart would find no more.
One that worked, and stays silent, ends with an error that ends the process.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from threading import Event, Lock

from dockvoice_protocol.errors import Unavailable
from edge.audio.pcm import FRAME_SAMPLES, FrameCutter, measure_sound_level, to_floats
from edge.audio.portaudio import restart_portaudio
from edge.audio.sound_server import Routing, ServerState, SoundServer, snapshot_capture_devices
from edge.hear.capture import DeviceNotOpened, LossWatch, Piece, Stream, find_device, not_opened_message
from edge.hear.device_lock import is_card, microphone_lock, source_lock
from edge.hear.microphone_health import FaultKind, MicrophoneEvent, MicrophoneHealth
from edge.records import SAMPLE_RATE, Frame

_NEW_DEVICE_S = 5.0
"""Time that a new device may take until it opens, where PortAudio cannot rescan: its sound server may set it up step
by step. After that only a restart sees it."""

_RESCAN_GAP = SAMPLE_RATE // 2
"""Upper bound of the sound lost in a rescan of devices; on a sound card it is a tenth of it."""

_SLICE_S = 0.2
"""A wait for sound is made of such slices. When the whole process was stopped, the clock ran but nothing was missed:
only the current slice expires, and the sound server's buffer is still read."""

_REOPEN_EVERY_S = 0.5  # Retry interval for opening the microphone.

_POLL_EVERY_S = 2.0  # Poll interval for a missing microphone: 5 ms of a processor each.

_RESCAN_EVERY_S = 300.0  # Interval of rescans without a visible change: an ALSA plug-in may hide the device.

_ZEROS_REOPEN_S = (20.0, 40.0)
"""After so long with only zeros the device is reopened: that wakes a dead Bluetooth link."""

_DIGITAL_SILENCE_S = 60.0
"""Every real microphone has noise. One that worked and then gives only zeros for a minute, in spite of reopening,
needs a restart of the process."""

_ZEROS_S = 1.5  # Default of watch.zeros_s.

_GATED_S = 300.0  # The same with a headset that sends zeros between words: dictation has pauses.


class Microphone:
    """A sound device as a source, until it is closed, or gives no sound for too long. Used once."""

    name = "microphone"
    live = True

    def __init__(
        self,
        device: str | int | None,
        stall_s: float,
        publish: Callable[[MicrophoneEvent], None] = lambda _: None,
        heartbeat: Callable[[], None] = lambda: None,
        *,
        patient: bool = False,
        zeros_s: float = _ZEROS_S,
        gated_s: float = _GATED_S,
        source: str | None = None,
        server: SoundServer | None = None,
    ) -> None:
        """`device` is PortAudio's name or number, None its default; `source` the sound server's name for it.

        `patient`: one that is not there yet is waited for, as by a service; a command says that there is none.
        `stall_s`: when nothing could be heard for so long in spite of everything, it is given up. `publish` receives
        each fault that begins or ends; `heartbeat` is called at least every second while the thread runs; both on the
        listening thread. `zeros_s`: so long nothing but zeros is no fault; `gated_s`: nor for so long from a headset
        that is known to have a noise gate.
        """
        self.dropped = 0  # Samples (16 kHz) that were lost before the listening thread, or rejected.
        self._device = device
        self._name = ""
        self._stall_s = stall_s
        self._publish = publish
        self._heartbeat = heartbeat
        self._health = MicrophoneHealth(zeros_s=zeros_s, gated_s=gated_s, source=source)
        self._server = server or SoundServer()
        self._locks = ExitStack()
        self._claimed = False
        self._closing = Event()
        self._rescan_requested = Event()
        self._rescan_done = Event()
        self._patient = patient
        self._rescan_lock = Lock()  # Held during a rescan of PortAudio, and while its permission is decided.
        self._stream: Stream | None = None
        self._known_devices: frozenset[str] = frozenset()
        self._polled_at = float("-inf")
        self._rescanned_at = float("-inf")
        self._new_devices: Mapping[str, float] = {}  # Devices that PortAudio has not listed yet, by when they appeared.
        self._was_opened = False
        self._position = 0
        self._deaf_s = 0.0
        self._silent_s = 0.0
        self._sounded = False

    def frames(self) -> Iterator[Frame]:
        """Yield frames; lost sound or a reopened device leave a gap in the numbering.

        If patient, a missing device is reported as unplugged, and waited for. Raises Unavailable when there is none, or
        no sound came for `stall_s`, AlreadyRunning when another process uses it.
        """
        with self._locks:
            self._locks.callback(self._server.kill_query)
            self._locks.callback(self._close_stream)
            self._locks.callback(self._rescan_done.set)
            self._open_or_wait()
            while not self._closing.is_set():
                if self._stream is None:
                    self._try_to_reopen()
                    continue
                yield from self.stream_frames(self._stream)
                self._close_stream()

    def close(self) -> None:
        """End `frames`, from any thread, after it has yielded the received sound."""
        self._closing.set()
        stream = self._stream
        if stream is not None:
            stream.hand_off.put(None)

    def close_for_rescan(self, within_s: float) -> bool:
        """Close the device for a rescan by PortAudio, which needs all devices closed; whether that was done in time.

        Received sound is yielded; then the numbering leaves a gap. Call from any thread but the listening one, with no
        other stream open. After the timeout it is not done any more.
        """
        self._rescan_done.clear()
        self._rescan_requested.set()
        stream = self._stream
        if stream is not None:
            stream.hand_off.put(None)
        self._rescan_done.wait(within_s)
        with self._rescan_lock:
            given_up = self._rescan_requested.is_set()
            self._rescan_requested.clear()
        return not given_up

    def stream_frames(self, stream: Stream) -> Iterator[Frame]:
        """Yield a stream's sound as frames until it must be closed; lost or unusable sound leaves a gap."""
        framing, watch, expected = FrameCutter(stream.rate, start=self._position), LossWatch(stream.rate), 0
        unusable = 0
        self._health.note_opened(stream.rate)
        for piece in self._pieces(stream):
            missing = piece.start - expected + watch.count_lost_samples(piece)
            expected = piece.end
            lost = bool(missing) or piece.overflowed
            if not self._report_and_keeps_stream_open(piece, stream, lost=lost):
                unusable += missing + piece.samples
                continue
            if lost or unusable:
                yield from framing.end()
                missing, unusable = missing + unusable, 0
                gap = max(1, math.ceil(missing / stream.rate * SAMPLE_RATE / FRAME_SAMPLES)) * FRAME_SAMPLES
                self.dropped += gap
                framing = FrameCutter(stream.rate, start=framing.position + gap)
            yield from framing.push(to_floats(piece.pcm).reshape(-1, stream.channels))
        yield from framing.end()
        self._position = framing.position + FRAME_SAMPLES  # whatever is opened next, it leaves a gap

    def _open_or_wait(self) -> None:
        """Open the device. A missing one is reported and waited for, or raises Unavailable unless `patient`."""
        self._known_devices, self._rescanned_at = snapshot_capture_devices(), time.monotonic()  # before PortAudio looks
        try:
            self._open_device()
        except DeviceNotOpened as why:
            if not self._patient:
                raise Unavailable(f"{self._label}: {not_opened_message(why)}") from None
            self._report_all(self._health.note_absent(not_opened_message(why)))

    def _try_to_reopen(self) -> None:
        self._heartbeat()
        with self._rescan_lock:
            if self._rescan_requested.is_set():
                self._do_requested_rescan()
        if FaultKind.SUSPENDED in self._health.faults and self._health.wanted is not None:
            self._server.resume(self._health.wanted)
        try:
            self._open_device()
        except DeviceNotOpened:
            if not self._health.faults:  # it went while it was closed
                self._report_stop()
            self._closing.wait(_REOPEN_EVERY_S)
            if self._was_opened:
                self._count_deaf_time_or_give_up(_REOPEN_EVERY_S)
            else:
                self._rescan_if_due(time.monotonic())

    def _rescan_if_due(self, now: float) -> None:
        """Make PortAudio list devices again where inputs changed, every _POLL_EVERY_S seconds.

        Raises Unavailable for a new device where PortAudio cannot, as while the speaker is open: a restart is needed.
        """
        if now - self._polled_at < _POLL_EVERY_S:
            return
        before, self._known_devices, self._polled_at = self._known_devices, snapshot_capture_devices(), now
        still = {name: since for name, since in self._new_devices.items() if name in self._known_devices}
        self._new_devices = dict.fromkeys(self._known_devices - before, now) | still
        changed = self._known_devices != before or now - self._rescanned_at >= _RESCAN_EVERY_S
        if not changed and not self._new_devices:
            return
        self._rescanned_at = now
        if restart_portaudio():
            self._new_devices = {}
        elif any(now - since >= _NEW_DEVICE_S for since in self._new_devices.values()):
            raise Unavailable(f"{self._label}: a microphone has come that can be opened only after a fresh start")

    def _open_device(self) -> None:
        found = find_device(self._device)
        if not self._name:
            self._name = str(found["name"])
            self._lock_microphone()
        self._stream = Stream.open(found)
        self._was_opened = True
        if self._rescan_requested.is_set():  # since it was being opened: there was none yet to be ended
            self._stream.hand_off.put(None)

    def _lock_microphone(self) -> None:
        """Hold the lock of the source where that is known, else of the device, whose name any source may share."""
        wanted = self._health.wanted
        if wanted is None or is_card(self._name):
            self._locks.enter_context(microphone_lock(self._name))
        else:
            self._lock_source(wanted)

    def _lock_source(self, name: str) -> None:
        self._claimed = True
        self._locks.enter_context(source_lock(name))

    def _do_requested_rescan(self) -> None:
        restart_portaudio()
        self._position += _RESCAN_GAP
        if isinstance(self._device, int) and self._name:
            self._device = self._name  # its number may be another's now
        self._rescan_requested.clear()
        self._rescan_done.set()

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _pieces(self, stream: Stream) -> Iterator[Piece]:
        """Yield the stream's pieces until it must be closed."""
        while self._health.keeps_stream_open:
            self._heartbeat()
            self._report_routing_and_move_back()
            try:
                piece = stream.hand_off.get(_SLICE_S)
            except queue.Empty:
                self._report_all(self._health.note_wait(_SLICE_S))
                self._count_deaf_time_or_give_up(_SLICE_S)
                continue
            if piece is None:
                if self._must_close(stream):
                    return
                continue
            yield piece
            if self._count_zeros_and_must_reopen(piece, stream.rate):
                return

    def _must_close(self, stream: Stream) -> bool:
        """Whether the stream ended, or `close` or a rescan asks for it; a rescan that timed out does not."""
        if stream.ended:
            self._report_stop()
        return stream.ended or self._closing.is_set() or self._rescan_requested.is_set()

    def _report_and_keeps_stream_open(self, piece: Piece, stream: Stream, *, lost: bool) -> bool:
        """Report faults in this piece; False while it comes from another source or at a wrong rate."""
        self._report_all(self._health.note_sound(measure_sound_level(piece.pcm), piece.end, piece.arrived, lost=lost))
        if not self._health.is_sound_usable:
            self._count_deaf_time_or_give_up(piece.samples / stream.rate)
            return False
        self._deaf_s = 0.0
        return True

    def _report_stop(self) -> None:
        if not (self._closing.is_set() or self._rescan_requested.is_set()):
            self._silent_s = 0.0  # whatever is plugged in next has not been silent yet
            self._report_all(
                self._health.note_stopped(server_gone=isinstance(self._server.query_and_wait(), ServerState))
            )

    def _count_zeros_and_must_reopen(self, piece: Piece, rate: int) -> bool:
        """Whether so many zeros came in a row that the device must be reopened.

        Raises Unavailable after a minute of zeros from a device that had sound. A noise gate prolongs both limits.
        """
        if any(piece.pcm):
            self._silent_s, self._sounded = 0.0, True
            return False
        before, self._silent_s = self._silent_s, self._silent_s + piece.samples / rate
        patience_s = self._health.zeros.patience_s
        if self._silent_s > (longest_s := patience_s + _DIGITAL_SILENCE_S) and self._sounded:
            raise Unavailable(f"{self._label}: gave nothing but zeros for {longest_s:g} s; is it muted or gone?")
        return any(before < patience_s + after <= self._silent_s for after in _ZEROS_REOPEN_S)

    def _report_routing_and_move_back(self) -> None:
        """Report a change of the recording's source; move the recording back to the wanted source."""
        found = self._server.poll(time.monotonic())
        if not isinstance(found, Routing):
            return
        self._report_all(self._health.note_routing(found))
        wanted = self._health.wanted
        if found.source is None or wanted is None:
            return
        if found.source == wanted and not self._claimed:
            self._lock_source(wanted)
        if found.source != wanted and wanted in found.sources and found.stream is not None:
            self._server.move(found.stream, wanted)

    def _count_deaf_time_or_give_up(self, seconds: float) -> None:
        """Add a time without usable sound. Raises Unavailable when it reaches `stall_s`."""
        self._deaf_s += seconds
        if self._deaf_s >= self._stall_s:
            what = "; ".join(self._health.faults.values()) or "gave no sound"
            raise Unavailable(f"{self._label}: {what}; nothing could be heard for {self._stall_s:g} s")

    def _report_all(self, events: Iterable[MicrophoneEvent]) -> None:
        for event in events:
            self._publish(event)

    @property
    def _label(self) -> str:
        return f"microphone {'(default)' if self._device is None else self._device}"
