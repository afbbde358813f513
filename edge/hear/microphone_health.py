"""Microphone health: detects a dead, muted, stuck or gated microphone from its samples. Pure.

A state machine: sound, waits and routing in; faults that began or ended out. Levels are judged by the sample count,
which runs with the wall clock while sound comes; waits are passed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from edge.audio.pcm import SoundLevel
from edge.audio.sound_server import Routing
from edge.hear.lag_window import LagWindow
from edge.records import SAMPLE_RATE

_GATE_S = 0.1  # Zeros for so long come from a gate: in quiet sound they are single.
_RETURNS = 3  # Returns of sound by itself that prove a gate.
_OPEN_S = 30.0  # Sound for so long without a break is the room's: the microphone has no gate.


class _ZeroCounter:
    """Counts consecutive zero samples, and compares them with a limit."""

    def __init__(self, *, zeros_s: float, gated_s: float) -> None:
        """`zeros_s`: no fault for so long; `gated_s`: likewise with a known noise gate."""
        self._zeros_s = zeros_s
        self._gated_s = max(zeros_s, gated_s)
        self._rate = SAMPLE_RATE
        self._zeros = self._sound = self._returns = 0
        self._explained = True

    def note_opened(self, rate: int) -> None:
        """Restart for a new stream; zeros before its first sound show no noise gate."""
        self._rate = rate
        self._zeros = self._sound = 0
        self._explained = True

    def note_other_cause(self) -> None:
        """Note that these zeros come from a mute or another source, not from a noise gate."""
        self._explained = True

    def reset_gate(self) -> None:
        """Forget the noise gate: another headset may come."""
        self._returns = 0

    def update(self, piece: SoundLevel) -> None:
        """Count zeros and sound in the next piece."""
        if not piece.peak:
            self._zeros += piece.samples
            return
        if self._zeros >= _GATE_S * self._rate:
            self._returns += not self._explained
            self._sound = 0
        self._zeros, self._explained = 0, False
        self._sound += piece.samples
        if self._sound >= _OPEN_S * self._rate:
            self._returns = 0

    @property
    def has_gate(self) -> bool:
        """Whether the headset is known to have a noise gate."""
        return self._returns >= _RETURNS

    @property
    def patience_s(self) -> float:
        """How much longer zeros are accepted from this headset, in seconds, because of its noise gate."""
        return self._gated_s - self._zeros_s if self.has_gate else 0.0

    def is_too_long(self, *, muted: bool) -> bool:
        """Whether the zeros exceed the limit; the gate's longer one does not apply while muted."""
        return self._zeros >= (self._zeros_s + (0.0 if muted else self.patience_s)) * self._rate


_STUCK_S = 1.5  # Callbacks come every 20 ms; a loaded machine holds them up for some tenths of a second.
_OPENING_S = 4.0  # A source that stood idle needs up to 2 s to bring its first sound.
_SUSPENDED_S = 0.4  # Without sound for so long, the server's "suspended" is true.

_FAINT = 3  # Nothing above this (-80 dBFS) is a converter's last bit, not a room: every open microphone is louder.

_FAINT_S = 1.5

_CLIPPING_SHARE = 0.01  # One sample in a hundred at full scale, over half a second: clipped vowels. A bump stays below.

_CLIPPING_OVER = 0.001
_CLIPPING_MEMORY_S = 0.5

_LOSSES = 3  # So many losses within LOSING_S: no hiccup, but a machine or a link that does not keep up.

_LOSING_S = 10.0

_RATE_WINDOW_S = 0.3
_RATE_WINDOWS = 4  # A rate is wrong when so many windows in a row drift the same way: 1.2 s, and 0.3 s to begin with.

_RATE_DRIFT = 0.06  # Minimum drift of each window. Detects 44.1 for 48 kHz (8 %); real clocks differ by 0.1 %.


class FaultKind(StrEnum):
    """Codes for a microphone's faults; `docs/headsets.md` explains each."""

    UNPLUGGED = "unplugged"
    SERVER_GONE = "server_gone"
    REROUTED = "rerouted"  # The sound server records from another source than the one wanted.
    SUSPENDED = "suspended"
    STUCK = "stuck"  # The stream is open, and nothing comes.
    WRONG_RATE = "wrong_rate"
    DIGITAL_SILENCE = "digital_silence"  # Nothing but zeros: muted, or a Bluetooth link that is connected and dead.
    VERY_QUIET = "very_quiet"
    CLIPPING = "clipping"
    LOSING_SOUND = "losing_sound"
    KEY_STUCK = "key_stuck"  # The talk key is held down for too long; the gate notices.


_STOPPED = (FaultKind.UNPLUGGED, FaultKind.SERVER_GONE, FaultKind.SUSPENDED, FaultKind.STUCK)
"""Faults without any sound: over as soon as some comes."""

DEAF = frozenset({*_STOPPED, FaultKind.REROUTED, FaultKind.WRONG_RATE})  # With these nothing that comes may be heard.


@dataclass(frozen=True, slots=True)
class FaultBegan:
    """A microphone fault began."""

    fault: FaultKind
    what: str  # What was found, and what a person can do.


@dataclass(frozen=True, slots=True)
class FaultEnded:
    """A microphone fault ended."""

    fault: FaultKind


MicrophoneEvent = FaultBegan | FaultEnded


class _RateWatch:
    """Compares the sample count with the clock to detect a wrong sample rate."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._lags = LagWindow(rate, _RATE_WINDOW_S)
        self._drifts: deque[float] = deque(maxlen=_RATE_WINDOWS)

    def update(self, end: int, arrived: float) -> None:
        """Add the sample count after a piece and its arrival time in seconds."""
        growth_s = self._lags.update(end, arrived)
        if growth_s is not None:
            self._drifts.append(growth_s / _RATE_WINDOW_S)

    @property
    def is_known(self) -> bool:
        """Whether there was enough sound."""
        return len(self._drifts) == _RATE_WINDOWS

    @property
    def is_wrong(self) -> bool:
        """Whether the rate is known to be wrong."""
        slow, fast = (all(sign * drift > _RATE_DRIFT for drift in self._drifts) for sign in (1, -1))
        return self.is_known and (slow or fast)

    @property
    def measured(self) -> float:
        """The measured samples per second."""
        return self._rate * (1 - sum(self._drifts) / _RATE_WINDOWS)


class MicrophoneHealth:
    """The current faults of one microphone; call `note_opened` at each new stream."""

    def __init__(self, *, zeros_s: float, gated_s: float, source: str | None = None) -> None:
        """`zeros_s`: limit for only zeros; `gated_s`: likewise with a noise gate.

        `source`: the sound server's name of the wanted source; without one, the first.
        """
        self.zeros = _ZeroCounter(zeros_s=zeros_s, gated_s=gated_s)  # Judges zeros from this microphone.
        self.wanted = source  # The wanted source, once it is known.
        self.faults: dict[FaultKind, str] = {}  # The current faults with their descriptions.
        self.note_opened(SAMPLE_RATE)

    @property
    def is_sound_usable(self) -> bool:
        """Whether the sound is usable."""
        return DEAF.isdisjoint(self.faults)

    def note_opened(self, rate: int) -> None:
        """Restart all counts for a new stream. Faults end only when its sound shows it."""
        self.keeps_stream_open = True  # Whether to keep the stream open; else it must be reopened.
        self._rate = rate
        self._came = False
        self._waited = 0.0
        self._suspended = self._muted = False
        self.zeros.note_opened(rate)
        self._faint = self._loud = 0
        self._sample_count = 0
        self._clipped = 0.0
        self._losses: deque[int] = deque()
        self._rate_watch = _RateWatch(rate)

    def note_sound(self, piece: SoundLevel, end: int, arrived: float, *, lost: bool) -> list[MicrophoneEvent]:
        """Process a piece of sound: its level, the sample count after it, its arrival, and whether sound was lost."""
        self._came, self._waited = True, 0.0
        self._sample_count = end
        self._rate_watch.update(end, arrived)
        rate_is_right = self._rate_watch.is_known and not self._rate_watch.is_wrong
        ended = (*_STOPPED, FaultKind.WRONG_RATE) if rate_is_right else _STOPPED
        over = [event for fault in ended for event in self._end_fault(fault)]
        if FaultKind.REROUTED in self.faults:  # it is another microphone: its level says nothing about this one
            return over
        return [
            *over,
            *self._check_rate(),
            *self._check_zeros(piece),
            *self._check_clipping(piece),
            *self._check_losses(lost),
        ]

    def note_wait(self, seconds: float) -> list[MicrophoneEvent]:
        """Add seconds without sound; return the fault that begins by it."""
        self._waited += seconds
        if self._suspended and self._waited >= _SUSPENDED_S:
            return self._begin_fault(FaultKind.SUSPENDED, "is suspended by the sound server; is it on and in range?")
        if self._waited >= (_STUCK_S if self._came else _OPENING_S):
            return self._begin_fault(FaultKind.STUCK, "gives no sound; is it on and in range?")
        return []

    def note_routing(self, routing: Routing) -> list[MicrophoneEvent]:
        """Process the sound server's answer: which source the stream records from."""
        self._suspended, self._muted = routing.suspended, routing.muted
        if routing.source is None:
            return []
        if self.wanted is None and not routing.is_monitor:
            self.wanted = routing.source
        if routing.source == self.wanted:
            return self._end_fault(FaultKind.REROUTED)
        self.zeros.note_other_cause()
        wanted = self.wanted or "any microphone"
        gone = "" if self.wanted in {None, *routing.sources} else ", which is gone; connect it again"
        return self._begin_fault(
            FaultKind.REROUTED,
            f"hears another source: the sound server records from {routing.source}, not from {wanted}{gone}",
        )

    def note_absent(self, why: str) -> list[MicrophoneEvent]:
        """Begin the fault UNPLUGGED: the device could not be opened at the start."""
        return self._begin_fault(FaultKind.UNPLUGGED, f"{why}; it is waited for")

    def note_stopped(self, *, server_gone: bool) -> list[MicrophoneEvent]:
        """Begin the fault UNPLUGGED or SERVER_GONE: the stream ended, or could not be reopened."""
        self.zeros.reset_gate()
        if server_gone:
            return self._begin_fault(FaultKind.SERVER_GONE, "stopped: its sound server ended")
        return self._begin_fault(
            FaultKind.UNPLUGGED, "stopped: it was unplugged, or its sound server ended; connect it again"
        )

    def _check_rate(self) -> list[MicrophoneEvent]:
        if not self._rate_watch.is_wrong:
            return []
        rates = f"{self._rate_watch.measured:,.0f} samples a second where {self._rate:,} were agreed"
        return self._begin_fault(FaultKind.WRONG_RATE, f"gives {rates}; set its profile or rate at the sound server")

    def _check_zeros(self, piece: SoundLevel) -> list[MicrophoneEvent]:
        if self._muted:
            self.zeros.note_other_cause()
        self.zeros.update(piece)
        if piece.peak:
            return self._end_fault(FaultKind.DIGITAL_SILENCE) + self._check_faintness(piece)
        if not self.zeros.is_too_long(muted=self._muted):
            return []
        why = "it is muted at the sound server" if self._muted else "is it muted, or its Bluetooth link dead?"
        return self._begin_fault(FaultKind.DIGITAL_SILENCE, f"gives nothing but zeros; {why}")

    def _check_faintness(self, piece: SoundLevel) -> list[MicrophoneEvent]:
        self._faint = self._faint + piece.samples if piece.peak <= _FAINT else 0
        self._loud = 0 if self._faint else self._loud + piece.samples
        if self._faint >= _FAINT_S * self._rate:
            return self._begin_fault(
                FaultKind.VERY_QUIET, "hardly gives any sound; turn up its gain, or see whether it is muted"
            )
        return self._end_fault(FaultKind.VERY_QUIET) if self._loud >= self._rate else []

    def _check_clipping(self, piece: SoundLevel) -> list[MicrophoneEvent]:
        weight = min(1.0, piece.samples / self._rate / _CLIPPING_MEMORY_S)
        self._clipped += weight * (piece.clipped / piece.samples - self._clipped)
        if self._clipped >= _CLIPPING_SHARE:
            return self._begin_fault(
                FaultKind.CLIPPING, "is overdriven; turn down its gain, or move it away from the mouth"
            )
        return self._end_fault(FaultKind.CLIPPING) if self._clipped < _CLIPPING_OVER else []

    def _check_losses(self, lost: bool) -> list[MicrophoneEvent]:
        if lost:
            self._losses.append(self._sample_count)
        while self._losses and self._losses[0] <= self._sample_count - _LOSING_S * self._rate:
            self._losses.popleft()
        if len(self._losses) >= _LOSSES:
            return self._begin_fault(
                FaultKind.LOSING_SOUND, "loses sound again and again; is the machine or its link too busy?"
            )
        return self._end_fault(FaultKind.LOSING_SOUND) if not self._losses else []

    def _begin_fault(self, fault: FaultKind, what: str) -> list[MicrophoneEvent]:
        if fault in _STOPPED or fault is FaultKind.WRONG_RATE:
            self.keeps_stream_open = False
        if fault in self.faults:
            return []
        self.faults[fault] = what
        return [FaultBegan(fault, what)]

    def _end_fault(self, fault: FaultKind) -> list[MicrophoneEvent]:
        return [FaultEnded(fault)] if self.faults.pop(fault, None) is not None else []
