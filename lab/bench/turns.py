"""Compares the wait from last word to decision with other pipelines: `python -m lab.bench.turns [MANIFEST...]`.

Clean dictated clips run through the product as in production, and through the others (`lab/bench/pipelines.py`) with
the product's recogniser, grammar and parser in one pass; their complete readings are recorded. All in one run, each
clip followed by the same silence. Waits are time of the sound; computing is CPU time, which load on the machine changes
least. Only the product's includes its record on disk; no transport is included. The others' recogniser reads a turn
when it is over, and for comparison as the sound arrives; their end-of-turn model runs concurrently with it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import FieldValue, Word
from edge.agent import dictation, ear
from edge.agent.parts import assemble_interpretation
from edge.agree.decide import Rules
from edge.audio.pcm import FRAME_SAMPLES
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.ports import Source
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Frame
from edge.understand.reading_builder import parse_without_initial_noise
from lab.bench.command import REPOSITORY, make_parser
from lab.bench.pipelines import (
    OTHERS,
    DetectedTurn,
    FixedPause,
    SinglePassTurnRecogniser,
    TurnPipeline,
    TurnTranscript,
    installed_pipelines,
)
from lab.evaluate import ClipSource, evaluate
from lab.evaluate_command import show_progress
from lab.floor import BaselineRecogniser
from lab.report.comparing import NONE, Table, format_share, to_markdown
from lab.report.measures import percentile
from lab.scoring import Clip, ClipResult, Mark, are_fields_equal, read_manifest

CLIPS = REPOSITORY / "tests" / "data" / "speech" / "set" / "manifest.jsonl"

_EVERY = 4  # Of the repository's own clips, where nothing else is asked for: two dozen.

_OURS = "dockvoice"

_PAUSES_MS = (600, 800)  # Pauses of devices with fixed endpointing.

_SILENCE_S = 4.0
"""Silence appended to each clip: more than the longest wait of any pipeline here, which is three seconds."""

_QUARTER = 4  # The product is to have at most one cut where the fastest of the others has so many.


@dataclass(frozen=True, slots=True)
class _TurnEnd:
    """How the turn of one clip ended, with times."""

    pipeline: str
    waited_ms: float | None  # Milliseconds of sound after the last word; None if no turn ended there.
    whole_ms: float = 0.0  # Computing time after that, for a recogniser that gets the whole turn then.
    along_ms: float = 0.0  # The same for a recogniser fed as the sound arrived.
    cut: bool = False  # Whether a turn ended before the last word.
    mark: Mark = Mark.ASKED


class _PaddedSource(Source):
    """A recording followed by _SILENCE_S of silence."""

    live = False

    def __init__(self, recording: Source) -> None:
        self.name = recording.name
        self._recording = recording

    def frames(self) -> Iterator[Frame]:
        """The recording in frames of 20 ms, then silence."""
        end = 0
        for frame in self._recording.frames():
            yield frame
            end = frame.end
        for _ in range(round(_SILENCE_S * SAMPLE_RATE) // FRAME_SAMPLES):
            yield Frame(end, bytes(FRAME_SAMPLES * SAMPLE_BYTES))
            end += FRAME_SAMPLES


def source_with_trailing_silence(clip: Clip) -> _PaddedSource:
    """The clip's recording, then _SILENCE_S of silence: its times stay valid."""
    return _PaddedSource(RecordedSource(clip.audio))


@contextmanager
def _use_processor_time() -> Iterator[None]:
    """Within, the product's timings are CPU time."""
    with ExitStack() as restored:
        for module in (ear, dictation):
            restored.callback(setattr, module, "time", time)
            vars(module)["time"] = SimpleNamespace(perf_counter=time.process_time)
        yield


async def _measure_product(settings: Settings, clips: Sequence[Clip]) -> list[_TurnEnd]:
    """How the product's endpointing ended the turn of each clip, and when."""
    with _use_processor_time(), show_progress(_OURS, len(clips)) as tick:
        scored = await evaluate(
            settings, [ClipSource(clip, partial(source_with_trailing_silence, clip)) for clip in clips], tick
        )
    return [_product_turn_end(one.result) for one in scored]


def _product_turn_end(result: ClipResult) -> _TurnEnd:
    said_s = result.clip.speech_end or 0.0
    cut = any(one.utterance.segment.closed < said_s * SAMPLE_RATE for one in result.decisions)
    if result.decision_ms is None:
        return _TurnEnd(_OURS, None, cut=cut, mark=result.mark)
    last = result.decisions[-1]
    computed = last.compute_s * 1000
    return _TurnEnd(_OURS, result.decision_ms - computed, computed, computed, cut, result.mark)


async def _measure_pipeline(
    pipeline: TurnPipeline, baseline: BaselineRecogniser, rules: Rules, clips: Sequence[Clip]
) -> list[_TurnEnd]:
    """How another pipeline ended the turn of each clip, with the product's recogniser."""
    recogniser = SinglePassTurnRecogniser(baseline)
    found = []
    with show_progress(pipeline.name, len(clips)) as tick:
        for clip in clips:
            turns = await pipeline.detect_turns(source_with_trailing_silence(clip))
            frames = list(source_with_trailing_silence(clip).frames())
            transcribed_turns = [(turn, recogniser.recognise_turn(frames, turn)) for turn in turns]
            found.append(pipeline_turn_end(pipeline.name, clip, transcribed_turns, rules))
            tick()
    return found


def pipeline_turn_end(
    name: str, clip: Clip, transcribed_turns: Sequence[tuple[DetectedTurn, TurnTranscript]], rules: Rules
) -> _TurnEnd:
    """The result of a clip with these turns, whose words are parsed as one sentence."""
    words = [word for _, one in transcribed_turns for word in one.words]
    outcome = _mark_entry(_accepted_fields(words, rules), clip.fields or {})
    said = round((clip.speech_end or 0.0) * SAMPLE_RATE)
    cut = any(turn.closed < said for turn, _ in transcribed_turns)
    behind = next((both for both in transcribed_turns if both[0].closed >= said), None)
    if behind is None:
        return _TurnEnd(name, None, cut=cut, mark=outcome)
    turn, one = behind
    waited = (turn.closed - said) / SAMPLE_RATE
    whole, along = (1000 * max(turn.thought_s, spent) for spent in (one.whole_s, one.behind_s))
    return _TurnEnd(name, 1000 * waited, whole, along, cut, outcome)


def _accepted_fields(words: Sequence[Word], rules: Rules) -> Mapping[str, FieldValue] | None:
    """The entry parsed from the words, if all required fields have one value; confidence is ignored."""
    form, catalogue = rules.form, rules.catalogue
    _, fields = parse_without_initial_noise(words, form, catalogue)
    values = {name: one.value for name, one in fields.items() if one.value is not None and not one.rivals}
    known = all(catalogue.has_values(form[name].catalogue, value) for name, value in values.items())
    whole = len(values) == len(fields) and form.required_fields <= values.keys()
    return values if whole and known and not form.faults(values) else None


def _mark_entry(entry: Mapping[str, FieldValue] | None, truth: Mapping[str, FieldValue]) -> Mark:
    if entry is None:
        return Mark.ASKED
    return Mark.RIGHT if are_fields_equal(entry, truth) else Mark.WRONG


_COLUMNS = (
    "end of the turn",
    "n",
    "median ms",
    "95 % ms",
    "computed",
    "fed along: median ms",
    "95 % ms",
    "cut %",
    "right %",
    "wrong",
)


def _tabulate_turn_ends(found: Mapping[str, Sequence[_TurnEnd]], title: str) -> Table:
    """Delays and cuts, a row for each pipeline."""
    rows = tuple((name, *_turn_end_cells(some)) for name, some in found.items())
    note = (
        "From the last word to the decision. Cut: a turn ended before the last word. Right and wrong: of others, what "
        "the product's reader makes of all pieces of a sentence together, everything whole recorded; a pipeline that "
        "records each turn would record pieces. In brackets: 95 % intervals (Wilson)."
    )
    return Table(title, _COLUMNS, rows, note)


def _turn_end_cells(some: Sequence[_TurnEnd]) -> Iterator[str]:
    yield str(len(some))
    timed = [(one.waited_ms, one) for one in some if one.waited_ms is not None]
    whole = [waited + one.whole_ms for waited, one in timed]
    along = [waited + one.along_ms for waited, one in timed]
    yield from _format_percentiles(whole)
    yield f"{median(one.whole_ms for _, one in timed):.0f}" if timed else NONE
    yield from _format_percentiles(along)
    yield format_share(sum(one.cut for one in some), len(some))
    yield format_share(sum(one.mark is Mark.RIGHT for one in some), len(some))
    yield str(sum(one.mark is Mark.WRONG for one in some))


def _format_percentiles(times: Sequence[float]) -> tuple[str, str]:
    return (f"{percentile(times, 50):.0f}", f"{percentile(times, 95):.0f}") if times else (NONE, NONE)


def _compare_with_fastest(found: Mapping[str, Sequence[_TurnEnd]]) -> str:
    """Say whether the product is as fast as the fastest other, with a quarter of its cuts."""
    times = {
        name: [one.waited_ms + one.whole_ms for one in some if one.waited_ms is not None]
        for name, some in found.items()
    }
    others = [name for name in found if name != _OURS and times[name]]
    if not others or not times.get(_OURS):
        return "Nothing to compare with."
    fastest = min(others, key=lambda name: percentile(times[name], 50))
    both = {at: [percentile(times[name], at) for name in (_OURS, fastest)] for at in (50, 95)}
    figures = [f"of {at} % within {ours:.0f} ms for {theirs:.0f}" for at, (ours, theirs) in both.items()]
    met = all(ours <= theirs for ours, theirs in both.values())
    cut, cut_there = (sum(one.cut for one in found[name]) for name in (_OURS, fastest))
    fewer = _QUARTER * cut <= cut_there
    return (
        f"The fastest of the others is {fastest}. As fast as it: {'met' if met else 'missed'} ({', '.join(figures)}). "
        f"At a quarter of its cuts: {'met' if fewer else 'missed'} ({cut} for {cut_there})."
    )


def select_clips(manifests: Sequence[Path], every: int) -> dict[str, list[Clip]]:
    """By manifest, every `every`-th clean dictated clip with a known end of speech; of these only the first one's form.

    A manifest without any is left out.
    """
    clips = {
        str(manifest): [
            clip
            for clip in read_manifest(manifest)
            if clip.fields is not None and clip.speech_end is not None and "clean" in clip.condition
        ][::every]
        for manifest in manifests
    }
    return {name: [clip for clip in some if clip.form == some[0].form] for name, some in clips.items() if some}


async def _measure_all(settings: Settings, clips: Sequence[Clip]) -> dict[str, list[_TurnEnd]]:
    """Turn ends of all pipelines over the same clips, the product's first."""
    parts = assemble_interpretation(settings, clips[0].form)
    baseline = BaselineRecogniser(settings, parts.form, parts.catalogue)
    pipelines = [*(made() for made in installed_pipelines()), *(FixedPause(settings, pause) for pause in _PAUSES_MS)]
    found = {_OURS: await _measure_product(settings, clips)}
    for pipeline in pipelines:
        found[pipeline.name] = await _measure_pipeline(pipeline, baseline, parts.rules, clips)
    return found


def main() -> None:
    """Print the delays and cuts of each pipeline, a table for each manifest."""
    parser = make_parser("lab.bench.turns", __doc__)
    parser.add_argument("manifests", type=Path, nargs="*", metavar="MANIFEST", help="default: the repository's clips")
    parser.add_argument("--every", type=int, metavar="N", help=f"every Nth clip; default 1, of our own {_EVERY}")
    options = parser.parse_args()
    own = not options.manifests
    of_all = select_clips(options.manifests or [CLIPS], options.every or (_EVERY if own else 1))
    settings = load_settings(Settings, None)
    missing = [] if len(list(installed_pipelines())) == len(OTHERS) else ["Not all of ./lab[beside] is installed here."]
    for name, clips in of_all.items():
        before = os.getloadavg()[0]
        found = asyncio.run(_measure_all(settings, clips))
        print(to_markdown(_tabulate_turn_ends(found, f"Last word to decision, {Path(name).parent.name}")))
        load_note = f"The machine's load was {before:.1f} before, {os.getloadavg()[0]:.1f} after."
        print(" ".join([_compare_with_fastest(found), load_note, *missing]) + "\n")


if __name__ == "__main__":
    main()
