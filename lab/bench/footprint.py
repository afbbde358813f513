"""Measures CPU time and memory of on-device recognition: `python -m lab.bench.footprint [MANIFEST]`.

CPU time is given in seconds per hour of sound, in all and by part. `--beside` measures the installed third-party
pipelines too (`lab/bench/pipelines.py`), each turn recognised once with the same weights and sentences; the minimum for
any pipeline is Silero and that.

Memory is the resident set size before the recogniser is loaded, after, and at most. The share of one core is the CPU
time of all threads divided by the duration of the sound, which is fed as fast as it is taken. The journal is on disk as
in production; delivery, which mostly sleeps, is left out.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from vosk import KaldiRecognizer

from dockvoice_protocol.config import load_settings
from edge.agent import dictation as concluding
from edge.agent.events import DictationEvent, SourceEnded, UtteranceDecided
from edge.agent.parts import Parts, assemble_interpretation, dictate_sources, make_dictation
from edge.config import Settings, Vad, VadKind
from edge.hear.recording import RecordedSource
from edge.hear.speech_detection import GatedSilero
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import SAMPLE_RATE
from edge.understand.local import vosk
from edge.understand.local.incremental import SpeculationCounters
from edge.understand.local.noise_suppression import NoiseSuppressor
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.wearer_loudness import Loudness
from lab.bench.command import REPOSITORY, make_parser
from lab.bench.pipelines import FixedPause, SinglePassTurnRecogniser, TurnPipeline, installed_pipelines
from lab.bench.recogniser import resident_mb
from lab.floor import BaselineRecogniser
from lab.noises import generate_noise
from lab.operator_speech import SyntheticSpeech
from lab.scoring import read_manifest

_CLIPS = REPOSITORY / "tests/data/speech/set/manifest.jsonl"  # Speech that the repository has.

_NOISES = ("forklift_engine", "wind", "reversing_beeper", "clang")  # Played one after the other as "noise".

_LEAST_PAUSE_MS = 500  # Pause of the simplest endpointing compared, a common value.

_HOUR_S = 3600

_M_ARENA_MAX = -8  # Of mallopt(3): how many heaps glibc makes for the threads.

_ARENAS = 2  # As systemd/dockvoice@.service has it, MALLOC_ARENA_MAX; else the memory told is not a site's.

SPEECH_BAR, MEMORY_BAR = 140, 300  # Limits of recognition: processor seconds per hour of speech, and MB.

PARTS: Mapping[str, tuple[tuple[object, str], ...]] = {
    "voice activity": ((GatedSilero, "is_speech"),),
    "recogniser": tuple((KaldiRecognizer, name) for name in ("AcceptWaveform", "PartialResult", "FinalResult")),
    "reader": tuple(
        (vosk, name) for name in ("likeliest_meaning", "parse_without_initial_noise", "parse_meaning", "build_reading")
    ),
    "noise suppression": tuple((NoiseSuppressor, name) for name in ("suppress", "suppress_begun")),
    "measures of the sound": ((Loudness, "accept"), (concluding, "measure_acoustics")),
    "journal": tuple((Journal, name) for name in ("store_utterance", "conclude", "commit")),
}
"""Functions timed for each part; nested calls count for the outermost."""

_REST = "the rest"


class PartTimer:
    """Measures CPU time by part, by wrapping the functions of PARTS."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._within = threading.local()

    @contextmanager
    def timing_all_parts(self) -> Iterator[None]:
        """Measure while the block lasts."""
        with ExitStack() as restored:
            for part, places in PARTS.items():
                for owner, name in places:
                    plain = getattr(owner, name)
                    restored.callback(setattr, owner, name, plain)
                    setattr(owner, name, self._timed(part, plain))
            yield

    def _timed(self, part: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(plain)
        def timed(*given: Any, **named: Any) -> Any:
            if getattr(self._within, "any", False):
                return plain(*given, **named)
            self._within.any, began = True, time.thread_time()
            try:
                return plain(*given, **named)
            finally:
                self.spent[part] = self.spent.get(part, 0.0) + time.thread_time() - began
                self._within.any = False

        return timed


@dataclass(frozen=True, slots=True)
class RecognitionCost:
    """The cost of recognising one kind of sound."""

    sound: str
    seconds: float  # Duration of the sound.
    utterances: int
    processor: float  # Share of one core, 1 being all of it.
    parts: Mapping[str, float] = field(default_factory=dict)  # Share of each part in that.

    @property
    def hourly_cpu(self) -> float:
        """CPU seconds per hour of sound."""
        return self.processor * _HOUR_S


def main() -> None:
    """Measure and print memory and CPU time."""
    parser = make_parser("lab.bench.footprint", __doc__)
    parser.add_argument("manifest", type=Path, nargs="?", default=_CLIPS, help="speech; default: the repository's own")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of each noise, and four times as much silence; default 60"
    )
    parser.add_argument("--forms", nargs="*", default=[], help="further forms at hand, which are made ready too")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth clip")
    parser.add_argument("--beside", action="store_true", help="Silero and one hearing beside it, and what is installed")
    options = parser.parse_args()
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    settings = load_settings(Settings, None, forms={"at_hand": options.forms})
    started = resident_mb()
    parts = assemble_interpretation(settings, operator_present=bool(options.forms))
    asyncio.run(parts.workplaces().prepare_recognisers())
    loaded = resident_mb()
    clips = [RecordedSource(clip.audio) for clip in read_manifest(options.manifest)[:: options.every]]
    speech, most = _measure_hearing(parts, "speech", clips)
    # Made when the memory is known: these sounds, at hand as a whole, would be some 40 MB of it.
    made = [SyntheticSpeech(generate_noise(kind, options.seconds, seed=0), kind) for kind in _NOISES]
    silence = SyntheticSpeech(np.zeros(int(len(_NOISES) * options.seconds * SAMPLE_RATE)), "silence")
    kinds: Mapping[str, Sequence[Source]] = {"speech": clips, "noise": made, "silence": [silence]}
    costs = [speech, *(_measure_hearing(parts, name, kinds[name])[0] for name in ("noise", "silence"))]
    speculation = (
        parts.interpreter.speculation if isinstance(parts.interpreter, VoskInterpreter) else SpeculationCounters()
    )
    if options.beside:
        baseline = BaselineRecogniser(settings, parts.form, parts.catalogue)
        bare = settings.model_copy(update={"hear": settings.hear.model_copy(update={"vad": Vad(kind=VadKind.SILERO)})})
        others = [FixedPause(bare, _LEAST_PAUSE_MS), *(made() for made in installed_pipelines())]
        costs += [
            asyncio.run(_measure_other_pipeline(pipeline, baseline, name, sources))
            for pipeline in others
            for name, sources in kinds.items()
        ]
    _print_figures(parts, (started, loaded, most), costs, speculation)


def _measure_hearing(parts: Parts, name: str, sources: Sequence[Source]) -> tuple[RecognitionCost, float]:
    """Recognise the sources as in production; return the CPU cost and the most memory at any event, MB."""
    memory_mb = [resident_mb()]
    utterances = 0
    samples = 0

    def count_event(event: DictationEvent) -> None:
        nonlocal utterances, samples
        utterances += isinstance(event, UtteranceDecided)
        samples += event.samples if isinstance(event, SourceEnded) else 0
        memory_mb.append(resident_mb())

    watch = PartTimer()
    with (
        TemporaryDirectory(prefix="dockvoice-footprint-") as scratch,
        JournalThread(Path(scratch)) as executor,
        watch.timing_all_parts(),
    ):
        began = time.process_time()
        asyncio.run(dictate_sources(make_dictation(parts, executor, count_event), sources))
        spent = time.process_time() - began
    seconds = samples / SAMPLE_RATE
    by_part = {**watch.spent, _REST: spent - sum(watch.spent.values())}
    shares = {part: one / seconds for part, one in by_part.items()}
    return RecognitionCost(name, seconds, utterances, spent / seconds, shares), max(memory_mb)


async def _measure_other_pipeline(
    pipeline: TurnPipeline, baseline: BaselineRecogniser, name: str, sources: Sequence[Source]
) -> RecognitionCost:
    """Detect turns with another pipeline and recognise each once; return the CPU cost."""
    recogniser = SinglePassTurnRecogniser(baseline)
    samples = turns = 0
    began = time.process_time()
    for source in sources:
        frames = list(source.frames())
        samples += sum(frame.samples for frame in frames)
        for turn in await pipeline.detect_turns(source):
            recogniser.recognise_turn(frames, turn)
            turns += 1
    seconds = samples / SAMPLE_RATE
    return RecognitionCost(f"{pipeline.name}: {name}", seconds, turns, (time.process_time() - began) / seconds)


def _print_figures(
    parts: Parts,
    memory_mb: tuple[float, float, float],
    costs: Sequence[RecognitionCost],
    speculation: SpeculationCounters,
) -> None:
    """Print the figures as text; `memory_mb` before the recogniser, when it was ready, and at most."""
    started, loaded, most = memory_mb
    print(f"{parts.interpreter.name}: {loaded:.0f} MB when ready, {most:.0f} MB at most", end=" ")
    print(f"({started:.0f} MB before the recogniser)")
    for one in costs:
        by_part = ", ".join(f"{part} {share * _HOUR_S:.1f}" for part, share in one.parts.items())
        print(
            f"{one.sound:>8}: {one.hourly_cpu:.1f} processor seconds an hour, {one.processor:.1%} of a core, over "
            f"{one.seconds:.0f} s with {one.utterances} utterances{f' ({by_part})' if by_part else ''}"
        )
    speech = next(one for one in costs if one.sound == "speech")
    print(
        f"at most {SPEECH_BAR} s an hour of speech: {'met' if speech.hourly_cpu <= SPEECH_BAR else 'missed'}; at most "
        f"{MEMORY_BAR} MB: {'met' if most <= MEMORY_BAR else 'missed'}"
    )
    print(
        f"readings at pauses: {speculation.made}, of which thrown away {speculation.discarded}; they and hearing "
        f"again took {speculation.wasted_s:.1f} s, {speculation.wasted_share:.1%} of the recogniser's time"
    )


if __name__ == "__main__":
    main()
