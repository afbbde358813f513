"""Measures benefit and cost of the second recogniser in the undo window: `python -m lab.bench.witness MANIFEST...`.

What is recorded without a question is recognised again by the second recogniser ("witness"). Counted are wrong entries
that it questions, and right ones questioned in vain; the same for the baseline's entries (`lab/floor.py`), more of
which are wrong.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import FieldValue
from edge.agent.parts import assemble_interpretation
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.records import Outcome
from edge.understand.local.second_recogniser_process import SecondRecogniserProcess
from edge.understand.second_recogniser import find_contradictions
from lab.bench.command import make_parser
from lab.evaluate import evaluate, load_clip_sources
from lab.evaluate_command import show_progress
from lab.floor import BaselineRecogniser, parse_words
from lab.report.comparing import Table, format_share, to_markdown
from lab.scoring import Clip, are_fields_equal, read_manifest

_WHOSE = ("product", "floor")


@dataclass(frozen=True, slots=True)
class _WitnessedEntry:
    """The record of a clip, and the second recogniser's result for it."""

    whose: str
    condition: str
    right: bool
    doubted: bool
    offered: bool  # Whether the values it offers instead are the true ones.


async def _judge_entries_and_peak_mb(settings: Settings, clips: Sequence[Clip]) -> tuple[list[_WitnessedEntry], float]:
    """Every entry recorded of the clips by product and baseline, and the second recogniser's peak memory, MB."""
    parts, witness = assemble_interpretation(settings, clips[0].form), SecondRecogniserProcess()
    floor = BaselineRecogniser(settings, parts.form, parts.catalogue)
    found: list[_WitnessedEntry] = []
    with show_progress("hearing", 2 * len(clips)) as tick:
        for one in await evaluate(settings, load_clip_sources(clips), tick):
            clip = one.result.clip
            sound = b"".join(frame.pcm for frame in RecordedSource(clip.audio).frames())
            words = floor.recognise_words(RecordedSource(clip.audio))
            plain = parse_words([word.text for word in words], parts.form, parts.catalogue)
            taken = [("floor", words, plain, sound)] if plain is not None else []
            taken += [
                ("product", decided.reading.words, decided.verdict.fields, decided.utterance.segment.pcm)
                for decided in one.result.decisions
                if decided.verdict.outcome is Outcome.ACCEPT
            ]
            for whose, said, fields, pcm in taken:
                contradictions = find_contradictions(said, await witness.recognise(pcm), parts.form, parts.catalogue)
                found.append(_judge_entry(whose, clip, fields, contradictions))
            tick()
    memory = _peak_mb(witness.pid)
    await witness.end()
    return found, memory


def _peak_mb(pid: int | None) -> float:
    """Peak memory as Linux counts it from the program's own start; getrusage includes the parent's."""
    lines = [] if pid is None else Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _judge_entry(
    whose: str, clip: Clip, fields: Mapping[str, FieldValue], otherwise: Mapping[str, tuple[FieldValue, FieldValue]]
) -> _WitnessedEntry:
    """Compare one record with the second recogniser's values and the truth."""
    truth = clip.fields or {}
    asked = {name: other for name, (value, other) in otherwise.items() if fields.get(name) == value}
    offered = are_fields_equal({**fields, **asked}, truth)
    return _WitnessedEntry(whose, clip.condition, are_fields_equal(fields, truth), bool(asked), bool(asked) and offered)


def _tabulate_entries(found: Sequence[_WitnessedEntry]) -> Table:
    """Questions about wrong and right entries, by recorder and condition."""
    groups: dict[tuple[str, str], list[_WitnessedEntry]] = {(one.whose, one.condition): [] for one in found}
    for one in found:
        groups[one.whose, one.condition].append(one)
    for whose in _WHOSE:
        groups[whose, "together"] = [one for one in found if one.whose == whose]
    rows = tuple(
        (f"{whose}: {name}", *_doubted_share_cells(some)) for (whose, name), some in sorted(groups.items()) if some
    )
    columns = ("entries", "wrong", "of these asked %", "the true value offered", "right", "asked in vain %")
    return Table("A witness in the undo window", columns, rows, "In brackets: 95 % intervals (Wilson).")


def _doubted_share_cells(some: Sequence[_WitnessedEntry]) -> Iterator[str]:
    for right in (False, True):
        of = [one for one in some if one.right is right]
        asked = [one for one in of if one.doubted]
        yield str(len(of))
        yield format_share(len(asked), len(of))
        if not right:
            yield str(sum(one.offered for one in asked))


def main() -> None:
    """Recognise clips with both recognisers; print benefit, CPU time and memory."""
    parser = make_parser("lab.bench.witness", __doc__)
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth clip of each set")
    options = parser.parse_args()
    clips = [
        clip
        for manifest in options.manifests
        for clip in [one for one in read_manifest(manifest) if one.fields is not None][:: options.every]
    ]
    found, memory_mb = asyncio.run(_judge_entries_and_peak_mb(load_settings(Settings, None), clips))
    print(to_markdown(_tabulate_entries(found)))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = (spent.ru_utime + spent.ru_stime) / max(1, len(found))
    print(f"The witness: {memory_mb:.0f} MB, {cpu_s:.2f} s of a processor an entry, its start included.")


if __name__ == "__main__":
    main()
