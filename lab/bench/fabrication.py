"""Measures how many identifiers invented by a model are recorded: `python -m lab.bench.fabrication MANIFEST [options]`.

Audio models invent identifiers in 8 % of answers, by a published test. The stand-in does so on order: its honest
answers are stored first, so that any other identifier is known to be invented. Then the clips are evaluated in
`cloud-first` mode, where the model alone decides, and in `panel` mode, where the on-device recogniser must agree.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import FieldValue
from edge.config import Settings, UnderstandingMode
from edge.records import Outcome
from lab.bench.command import make_parser
from lab.evaluate import evaluate, load_clip_sources
from lab.scoring import Clip, ClipResult, Mark, read_manifest

_PATIENT_MS = 30_000  # Deadline, generous since this measures acceptance, not speed.

_KEY = "standin-key"

_Ids = Mapping[str, FieldValue]  # Identifiers by field, as a model read them from one clip.


@dataclass(frozen=True, slots=True)
class FabricationResult:
    """Counts of invented and accepted identifiers in one mode."""

    mode: str
    clips: int
    invented: int  # Clips with a model's answer that holds an invented identifier.
    accepted: int  # Of those, clips whose record holds the invented identifier.
    right: int
    wrong: int
    asked: int


def settings_with_standin(url: str, mode: UnderstandingMode) -> Settings:
    """The default settings with the stand-in at `url` as the model."""
    understand: dict[str, Any] = {
        "mode": mode,
        "first": "standin",
        "deadline_ms": _PATIENT_MS,
        "clients": {"standin": {"kind": "openai", "url": url, "key": _KEY}},
        "interpreters": {"standin": {"kind": "chat-audio", "client": "standin", "model": "gpt-audio-mini"}},
    }
    understand["interpreters"]["standin"]["within_s"] = _PATIENT_MS / 1000
    return load_settings(Settings, None, understand=understand)


def measure_modes(url: str, clips: Sequence[Clip], share: float, seed: int) -> Iterator[FabricationResult]:
    """Evaluate the clips honestly, then in each mode with inventions in `share` % of the answers."""
    set_behaviour(url, None)
    honest = [
        _read_identifiers(result)
        for result in evaluate_clips_with(settings_with_standin(url, UnderstandingMode.CLOUD_FIRST), clips)
    ]
    for mode in (UnderstandingMode.CLOUD_FIRST, UnderstandingMode.PANEL):
        set_behaviour(url, {"path": "/v1/chat/completions", "answer": "fabricate", "share": share, "seed": seed})
        yield _count_fabrications(mode, honest, evaluate_clips_with(settings_with_standin(url, mode), clips))


def evaluate_clips_with(settings: Settings, clips: Sequence[Clip]) -> tuple[ClipResult, ...]:
    """Evaluate each clip with these settings."""
    return tuple(scored.result for scored in asyncio.run(evaluate(settings, load_clip_sources(clips), lambda: None)))


def _count_fabrications(
    mode: UnderstandingMode, honest: Sequence[list[_Ids]], results: Sequence[ClipResult]
) -> FabricationResult:
    """Count the clips with invented identifiers, those recorded with them, and all by mark."""
    marks = [result.mark for result in results]
    lies = [_invented_identifiers(before, result) for before, result in zip(honest, results, strict=True)]
    return FabricationResult(
        mode=mode,
        clips=len(results),
        invented=sum(bool(lie) for lie in lies),
        accepted=sum(_is_recorded(lie, result) for lie, result in zip(lies, results, strict=True)),
        right=marks.count(Mark.RIGHT),
        wrong=marks.count(Mark.WRONG) + marks.count(Mark.INVENTED),
        asked=marks.count(Mark.ASKED),
    )


def _invented_identifiers(honest: Sequence[_Ids], result: ClipResult) -> list[tuple[str, FieldValue]]:
    """The identifiers in the model's answers that no honest answer had."""
    known = {item for ids in honest for item in ids.items()}
    return [item for ids in _read_identifiers(result) for item in ids.items() if item not in known]


def _is_recorded(lies: Sequence[tuple[str, FieldValue]], result: ClipResult) -> bool:
    entries = [one.verdict.fields for one in result.decisions if one.verdict.outcome is Outcome.ACCEPT]
    return any(entry.get(name) == value for name, value in lies for entry in entries)


def _read_identifiers(result: ClipResult) -> list[_Ids]:
    """The identifiers that the model read, for each utterance of the clip and each answer."""
    return [
        {name: field.value for name, field in reading.fields.items() if isinstance(field.value, str)}
        for one in result.decisions
        for reading in (one.reading, *one.reading.opinions)
        if reading.interpreter.startswith("standin/")
    ]


def set_behaviour(url: str, behaviour: Mapping[str, Any] | None) -> None:
    """Remove the stand-in's added behaviours, then add this one unless it is None."""
    httpx.post(f"{url}/standin/reset", json={}).raise_for_status()
    if behaviour is not None:
        httpx.post(f"{url}/standin/behave", json=behaviour).raise_for_status()


@contextmanager
def run_standin() -> Iterator[str]:
    """Run `dockvoice standin` while the block lasts; yield its URL."""
    command = [sys.executable, "-m", "edge", "standin", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own program
        try:
            assert running.stdout is not None  # noqa: S101 - it was asked for
            greeted = (re.search(r"http://\S+:\d+", line) for line in running.stdout)
            found = next((address for address in greeted if address is not None), None)
            if found is None:
                raise SystemExit("the stand-in did not start; try `dockvoice standin`")
            yield found[0]
        finally:
            running.terminate()


def main() -> None:
    """Count the fabrications in each mode, and print a table."""
    parser = make_parser("lab.bench.fabrication", __doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--share", type=float, default=8.0, help="answers with an invented identifier, %%")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    clips = read_manifest(options.manifest)
    with run_standin() as url:
        counts = list(measure_modes(url, clips, options.share, options.seed))
    print(f"{'mode':<12} {'clips':>5} {'invented':>9} {'accepted':>9} {'right':>6} {'wrong':>6} {'asked':>6}")
    for one in counts:
        figures = f"{one.clips:>5} {one.invented:>9} {one.accepted:>9} {one.right:>6} {one.wrong:>6} {one.asked:>6}"
        print(f"{one.mode:<12} {figures}")


if __name__ == "__main__":
    main()
