"""What the agent takes of a machine that hears by itself: `python -m lab.bench.footprint [MANIFEST]`.

Memory is what the kernel counts as resident, before the recogniser is loaded, after, and at most. The share of the
processor is that of one core, if the same were heard at the pace of real time: sound is fed as fast as it is taken,
and the processor time of all threads divided by the length of the sound. The journal is on disk as in production;
delivery is left out, which sleeps but for the moments in which it sends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from edge.agent.events import Decided, DictationEvent, SourceEnded
from edge.agent.parts import Parts, assemble, dictation, take
from edge.audio.pcm import FRAME_BYTES, FRAME_SAMPLES
from edge.config import Settings, load
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import SAMPLE_RATE, Frame
from edge.understand.local.incremental import Speculation
from edge.understand.local.vosk import VoskInterpreter
from lab.noises import noise, pcm
from lab.scoring import read_manifest

CLIPS = Path(__file__).parents[2] / "tests/data/speech/set/manifest.jsonl"
"""Speech that the repository has."""

NOISES = ("forklift_engine", "wind", "reversing_beeper", "clang")
"""Heard one after the other as "noise"."""

MB = 1_000_000


class NoiseSource(Source):
    """Made sound as a source."""

    live = False

    def __init__(self, name: str, sound: bytes) -> None:
        self.name = name
        self._sound = sound

    def frames(self) -> Iterator[Frame]:
        """The sound, 20 ms at a time."""
        for number in range(len(self._sound) // FRAME_BYTES):
            yield Frame(number * FRAME_SAMPLES, self._sound[number * FRAME_BYTES : (number + 1) * FRAME_BYTES])


@dataclass(frozen=True, slots=True)
class Heard:
    """What hearing one kind of sound took."""

    sound: str
    seconds: float
    """Of sound."""
    utterances: int
    processor: float
    """The share of one core, 1 is all of it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of the process, MB."""

    started: float
    loaded: float
    most: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench.footprint", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path, nargs="?", default=CLIPS, help="speech; default: the repository's own")
    parser.add_argument("--seconds", type=float, default=60.0, help="of silence, and of each noise; default 60")
    parser.add_argument("--forms", nargs="*", default=[], help="further forms at hand, which are made ready too")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    settings = load(Settings, None, forms={"at_hand": asked.forms})
    started = resident()
    parts = assemble(settings, live=bool(asked.forms))
    asyncio.run(parts.workplaces().prepare())
    loaded = resident()
    most = [loaded]
    clips = [RecordedSource(clip.audio) for clip in read_manifest(asked.manifest)]
    made = [NoiseSource(kind, pcm(noise(kind, asked.seconds, seed=0))) for kind in NOISES]
    silence = NoiseSource("silence", bytes(int(asked.seconds * SAMPLE_RATE) * 2))
    heard = [
        hear(parts, name, sources, most)
        for name, sources in (("silence", [silence]), ("noise", made), ("speech", clips))
    ]
    memory = Memory(started, loaded, max(most))
    speculation = parts.interpreter.speculation if isinstance(parts.interpreter, VoskInterpreter) else Speculation()
    if asked.json:
        print(json.dumps(as_json(parts, memory, heard, speculation), indent=2))
    else:
        show(parts, memory, heard, speculation)


def hear(parts: Parts, name: str, sources: Sequence[Source], most: list[float]) -> Heard:
    """Hear the sources the production way; `most` gathers how much memory was taken."""
    utterances = 0
    samples = 0

    def told(what: DictationEvent) -> None:
        nonlocal utterances, samples
        utterances += isinstance(what, Decided)
        samples += what.samples if isinstance(what, SourceEnded) else 0
        most.append(resident())

    with TemporaryDirectory(prefix="dockvoice-footprint-") as scratch, JournalThread(Path(scratch)) as desk:
        began = time.process_time()
        asyncio.run(take(dictation(parts, desk, told), sources))
        spent = time.process_time() - began
    seconds = samples / SAMPLE_RATE
    return Heard(name, seconds, utterances, spent / seconds)


def resident() -> float:
    """The memory this process holds now, MB."""
    return float(psutil.Process().memory_info().rss) / MB


def as_json(parts: Parts, memory: Memory, heard: Sequence[Heard], speculation: Speculation) -> dict[str, object]:
    """The figures by name; memory in MB, times in seconds."""
    counted = asdict(speculation) | {"thrown_away": speculation.thrown_away, "share": round(speculation.share, 4)}
    return {
        "interpreter": parts.interpreter.name,
        "memory_mb": asdict(memory),
        "heard": [asdict(one) for one in heard],
        "speculation": counted,
    }


def show(parts: Parts, memory: Memory, heard: Sequence[Heard], speculation: Speculation) -> None:
    """The figures for people."""
    print(f"{parts.interpreter.name}: {memory.loaded:.0f} MB when ready, {memory.most:.0f} MB at most", end=" ")
    print(f"({memory.started:.0f} MB before the recogniser)")
    for one in heard:
        print(f"{one.sound:>8}: {one.processor:6.1%} of a core over {one.seconds:.0f} s, {one.utterances} utterances")
    print(
        f"readings at pauses: {speculation.made}, of which thrown away {speculation.thrown_away}; they and hearing "
        f"again took {speculation.wasted_s:.1f} s, {speculation.share:.1%} of the recogniser's time"
    )


if __name__ == "__main__":
    main()
