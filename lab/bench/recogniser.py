"""Measures accuracy and speed of the on-device recognisers: `python -m lab.bench.recogniser MANIFEST [options]`.

Each clip is recognised whole, without endpointing. A reading is complete if it gives one valid value for every required
field; for a clip from which nothing may be recorded, every complete reading is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import sample_sentences
from dockvoice_protocol.records import Reading
from edge.config import RecogniserKind, Settings
from edge.ports import Interpreter
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, ClosedBy, Segment, Utterance
from edge.understand.local.factory import locate_vosk_weights, make_recogniser, recogniser_language
from edge.understand.local.vosk import UnmeasuredVosk, VoskInterpreter
from lab.bench.command import make_parser

_FRAME = SAMPLE_RATE // 50 * SAMPLE_BYTES  # Bytes in a frame of 20 ms.

_DEMANDS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)  # Candidate values of `agree.minimum_confidence`.


@dataclass
class _ConditionTally:
    """Counts over the clips of one condition."""

    sure: list[tuple[float, bool]] = field(default_factory=list)
    """For each complete reading, its lowest confidence and whether it is exact."""
    clips: int = 0

    def format_shares(self) -> str:
        """Share of clips, %, with right and with wrong complete readings at each threshold."""
        shares = []
        for demand in _DEMANDS:
            right = sum(exact for confidence, exact in self.sure if confidence >= demand)
            wrong = sum(not exact for confidence, exact in self.sure if confidence >= demand)
            shares.append(f"{100 * right / self.clips:5.1f}/{100 * wrong / self.clips:4.1f}")
        return f"{self.clips:4d}  " + "  ".join(shares)


def main() -> None:
    """Recognise the clips of a manifest; print accuracy, memory and times."""
    options = _parse_options()
    settings = load_settings(Settings, None, understand={"engine": options.engine})
    form = load_forms(settings.forms_directory)["pallet-move"]
    catalogue = Catalogue.load(settings.catalogue_directory)
    before = resident_mb()
    reader, seconds = _time_call(lambda: _build_recogniser(settings, form, catalogue, options.phrases))
    print(f"{reader.name}: made in {seconds * 1000:.0f} ms, {resident_mb() - before:.0f} MB, {options.phrases} phrases")
    _, seconds = _time_call(reader.listen)
    print(f"one attention made in {seconds * 1000:.1f} ms")
    tallies: defaultdict[str, _ConditionTally] = defaultdict(_ConditionTally)
    waits, work, sound = [], 0.0, 0.0
    for clip in _read_clips(options.manifest, options.kinds, options.conditions):
        pcm = _read_pcm(options.manifest.parent / clip["audio"])
        reading, wait, all_of_it = asyncio.run(recognise_clip(reader, form.name, pcm))
        waits.append(wait)
        work, sound = work + all_of_it, sound + len(pcm) / SAMPLE_BYTES / SAMPLE_RATE
        _add_clip(tallies[f"{clip['kind']} {clip['condition']}"], form, clip, reading, options.details)
    if not waits:
        raise SystemExit(f"{options.manifest}: no clip of these kinds and conditions")
    print(f"after the last frame: p50 {np.median(waits) * 1000:.0f} ms, p95 {np.quantile(waits, 0.95) * 1000:.0f} ms")
    print(f"work: {work / sound:.3f} s per second of sound; {resident_mb() - before:.0f} MB at the end")
    print(f"{'complete, right/wrong in % of the clips':49}  " + "  ".join(f">={demand:8}" for demand in _DEMANDS))
    for name, tally in tallies.items():
        print(f"{name:43}  {tally.format_shares()}")


def _build_recogniser(settings: Settings, form: Form, catalogue: Catalogue, sentences: int) -> Interpreter:
    """The interpreter of the settings; of vosk's grammar, only the number of sentences is not a setting."""
    if settings.understand.engine is not RecogniserKind.VOSK:
        return make_recogniser(settings, form, catalogue)
    if sentences == 0:
        return UnmeasuredVosk(locate_vosk_weights(settings), form, catalogue, recogniser_language(settings))
    return VoskInterpreter(
        locate_vosk_weights(settings), form, catalogue, sample_sentences(form, catalogue, count=sentences)
    )


def _parse_options() -> argparse.Namespace:
    parser = make_parser("lab.bench.recogniser", __doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--engine", default="vosk", choices=["vosk", "pocketsphinx"])
    parser.add_argument(
        "--phrases",
        type=int,
        default=6000,
        help="sentences sampled for vosk's grammar; 0: rough ones, as in languages for which none are sampled",
    )
    parser.add_argument("--kinds", nargs="+", default=["plain"])
    parser.add_argument("--conditions", nargs="+", default=[], help="all, unless some are named")
    parser.add_argument("--details", action="store_true", help="print each reading that is not exact")
    return parser.parse_args()


def _read_clips(manifest: Path, kinds: list[str], conditions: list[str]) -> Iterator[dict[str, Any]]:
    for line in manifest.read_text(encoding="utf-8").splitlines():
        clip = json.loads(line)
        if clip["kind"] in kinds and (not conditions or clip["condition"] in conditions):
            yield clip


def _read_pcm(path: Path) -> bytes:
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == SAMPLE_RATE, path  # noqa: S101 - a benchmark may refuse what it was not made for
    return bytes(samples.tobytes())


class _TimedReading(NamedTuple):
    """A reading, and wall-clock seconds."""

    reading: Reading
    wait_s: float  # After the last frame.
    total_s: float


async def recognise_clip(reader: Interpreter, form: str, pcm: bytes) -> _TimedReading:
    """Recognise a whole clip, fed as fast as it is taken."""
    segment = Segment(0, 0, len(pcm) // SAMPLE_BYTES, len(pcm) // SAMPLE_BYTES, ClosedBy.SOURCE_ENDED, pcm)
    utterance = Utterance("lab.bench", form, "lab.bench", datetime.now(UTC), segment)
    attention = reader.listen()
    began = time.perf_counter()
    for at in range(0, len(pcm), _FRAME):
        attention.hear(pcm[at : at + _FRAME])
    last_frame_at = time.perf_counter()
    reading = await attention.finish(utterance)
    return _TimedReading(reading, time.perf_counter() - last_frame_at, time.perf_counter() - began)


def _add_clip(tally: _ConditionTally, form: Form, clip: Mapping[str, Any], reading: Reading, details: bool) -> None:
    """Count a clip's reading; with `details`, print it unless it is exact."""
    fields = {name: one.value for name, one in reading.fields.items() if not one.rivals}
    exact = fields == clip["fields"]
    tally.clips += 1
    if not form.faults(fields):
        tally.sure.append((min(one.confidence for one in reading.fields.values()), exact))
    if details and not exact:
        heard = " ".join(f"{word.text}:{word.confidence:.2f}" for word in reading.words)
        print(f"  {clip['audio']}: said {clip['text']!r}\n    heard {heard}, so {fields}")


def _time_call(make: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return make(), time.perf_counter() - began


def resident_mb() -> float:
    """Resident memory of this process, MB."""
    return float(psutil.Process().memory_info().rss) / 1e6


if __name__ == "__main__":
    main()
