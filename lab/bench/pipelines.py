"""Third-party voice pipelines, compared for end-of-turn detection and CPU time.

Sound is fed in 20 ms frames on the sound's own clock. pipecat and livekit run as shipped, from the optional packages of
`./lab[beside]`; missing ones are left out.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Protocol

from dockvoice_protocol.records import Word
from edge.agent.ear import listen
from edge.audio.pcm import FRAME_SAMPLES
from edge.config import Settings
from edge.hear.endpointing import Endpointer, UtteranceClosed
from edge.hear.speech_detection import make_speech_scorer
from edge.ports import Source
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Frame
from edge.understand.local.incremental import PIECE
from lab.evaluate import with_fixed_pause
from lab.floor import BaselineRecogniser


@dataclass(frozen=True, slots=True)
class DetectedTurn:
    """A turn that a pipeline detected; positions are samples of the clip."""

    begin: int  # First sample passed to the recogniser; `end` is the last.
    end: int
    closed: int  # Sample position at which the pipeline decided that the turn is over.
    thought_s: float = 0.0  # CPU time of that decision.


class TurnPipeline(Protocol):
    """Detects turns in sound."""

    name: str

    async def detect_turns(self, source: Source) -> list[DetectedTurn]:
        """Detect the turns of one source, which ends with silence."""
        ...


class FixedPause:
    """The product's voice activity detection with one fixed pause."""

    def __init__(self, settings: Settings, pause_ms: int) -> None:
        self.name = f"fixed pause, {pause_ms} ms"
        self._settings = with_fixed_pause(settings, pause_ms).hear

    async def detect_turns(self, source: Source) -> list[DetectedTurn]:
        """Detect the turns of one source."""
        events = listen(source, make_speech_scorer(self._settings.vad), Endpointer(self._settings.endpoint))
        segments = [event.segment for event in events if isinstance(event, UtteranceClosed)]
        return [DetectedTurn(one.start, one.start + len(one.pcm) // SAMPLE_BYTES, one.closed) for one in segments]


_PIPECAT = ("pipecat", "pipecat-ai")
_LIVEKIT = ("livekit.plugins.silero", "livekit-plugins-silero")  # Module and distribution of each pipeline.


class _SoundClock:
    """A clock that counts seconds of sound, in place of the wall clock."""

    perf_counter = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self.samples = 0

    def monotonic(self) -> float:
        """Seconds of sound so far."""
        return self.samples / SAMPLE_RATE


class _Pipecat:
    """pipecat's `SileroVADAnalyzer` and `LocalSmartTurnAnalyzerV3`, called as its pipeline calls them.

    That is `VADProcessor` and `TurnAnalyzerUserTurnStopStrategy`: sound goes to the turn analyser, then to the VAD.
    When the VAD ends speech, the analyser decides; if it says no, the turn goes on until more speech or three seconds
    of silence. One stream over all clips, as in production.
    """

    def __init__(self) -> None:
        self.name = f"pipecat {version(_PIPECAT[1])}: Silero, smart-turn"
        import_module("loguru").logger.disable("pipecat")
        base: Any = import_module("pipecat.audio.turn.smart_turn.base_smart_turn")
        smart: Any = import_module("pipecat.audio.turn.smart_turn.local_smart_turn_v3")
        self._clock = base.time = _SoundClock()
        self._vad: Any = import_module("pipecat.audio.vad.silero").SileroVADAnalyzer()
        self._analyser: Any = smart.LocalSmartTurnAnalyzerV3()
        for each in (self._vad, self._analyser):
            each.set_sample_rate(SAMPLE_RATE)
        self._speaking = False

    async def detect_turns(self, source: Source) -> list[DetectedTurn]:
        """Detect the turns of one source."""
        found: list[DetectedTurn] = []
        before, begin = 0, None
        for frame in source.frames():
            over, thought_s = await self._detect_turn_end(frame)
            if self._speaking and begin is None:
                # Its `SegmentedSTTService` keeps the last second of sound before the VAD was sure.
                begin = max(before, frame.end - SAMPLE_RATE)
            if over:
                found.append(DetectedTurn(before if begin is None else begin, frame.end, frame.end, thought_s))
                before, begin = frame.end, None
        return found

    async def _detect_turn_end(self, frame: Frame) -> tuple[bool, float]:
        """Process a frame; return whether the turn ends with it, and the processor time of the decision."""
        self._clock.samples += frame.samples
        complete: Any = import_module("pipecat.audio.turn.base_turn_analyzer").EndOfTurnState.COMPLETE
        over = self._analyser.append_audio(frame.pcm, self._speaking) == complete
        began = time.process_time()
        state = (await self._vad.analyze_audio(frame.pcm)).name
        if state == "SPEAKING" and not self._speaking:
            self._speaking = True
            self._analyser.update_vad_start_secs(self._vad.params.start_secs)
        elif state == "QUIET" and self._speaking:
            self._speaking = False
            found, _ = await self._analyser.analyze_end_of_turn()
            over = found == complete
        return over, time.process_time() - began


class _Livekit:
    """livekit's `silero.VAD`, whose end of speech ends the turn, as in an AgentSession without a turn detector.

    Its turn detectors are unavailable: the weights of `livekit-plugins-turn-detector` are in no package, and those of
    `livekit-local-inference` are licensed for its own framework alone.
    """

    def __init__(self) -> None:
        self.name = f"livekit {version(_LIVEKIT[1])}: Silero"
        self._rtc: Any = import_module("livekit.rtc")
        self._vad: Any = import_module("livekit.plugins.silero").VAD.load()

    async def detect_turns(self, source: Source) -> list[DetectedTurn]:
        """Detect the turns of one source."""
        stream = self._vad.stream()
        for frame in source.frames():
            stream.push_frame(self._rtc.AudioFrame(frame.pcm, SAMPLE_RATE, 1, frame.samples))
        stream.end_input()
        return [
            DetectedTurn(
                event.samples_index - event.frames[0].samples_per_channel,
                event.samples_index,
                math.ceil(event.samples_index / FRAME_SAMPLES) * FRAME_SAMPLES,
            )
            async for event in stream
            if event.type.value == "end_of_speech"
        ]


OTHERS: Mapping[str, Callable[[], TurnPipeline]] = {_PIPECAT[0]: _Pipecat, _LIVEKIT[0]: _Livekit}


def installed_pipelines() -> tuple[Callable[[], TurnPipeline], ...]:
    """The third-party pipelines that are installed."""
    return tuple(made for module, made in OTHERS.items() if _is_installed(module))


def _is_installed(module: str) -> bool:
    return find_spec(module.partition(".")[0]) is not None and find_spec(module) is not None


@dataclass(frozen=True, slots=True)
class TurnTranscript:
    """The transcript of a turn, with CPU times."""

    words: tuple[Word, ...]
    whole_s: float  # Total CPU time.
    behind_s: float  # CPU time after the last frame, if the recogniser was fed as the sound arrived.


class SinglePassTurnRecogniser:
    """The product's weights and grammar in a single pass, first hypothesis only."""

    def __init__(self, baseline: BaselineRecogniser) -> None:
        self._baseline = baseline

    def recognise_turn(self, frames: Iterable[Frame], turn: DetectedTurn) -> TurnTranscript:
        """Recognise a turn; word times count from the clip's first sample. Creating the recogniser is not timed."""
        kaldi: Any = self._baseline.make_recogniser()
        pcm = b"".join(frame.pcm for frame in frames)[turn.begin * SAMPLE_BYTES : turn.end * SAMPLE_BYTES]
        began = last = time.process_time()
        found: list[Any] = []
        for at in range(0, len(pcm), PIECE):
            last = time.process_time()
            if kaldi.AcceptWaveform(pcm[at : at + PIECE]):
                found.append(json.loads(kaldi.Result()))
        found.append(json.loads(kaldi.FinalResult()))
        over = time.process_time()
        shift = turn.begin / SAMPLE_RATE
        said = (one for part in found for one in part.get("result", ()))
        words = tuple(Word(one["word"], one["start"] + shift, one["end"] + shift, one["conf"]) for one in said)
        return TurnTranscript(words, over - began, over - last)
