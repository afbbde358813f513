"""Measures how long operators wait for a decision: `python -m lab.bench.latency MANIFEST [options]`.

The stand-in's answer times follow the published figures of audio models (log-normal, median 350 ms, 95 % within 1.2 s).
In each mode, the time from the utterance's end to the record on disk is measured. The panel falls back at its deadline,
so its times must not exceed it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edge.config import Settings, UnderstandingMode
from edge.records import Outcome
from lab.bench.command import make_parser
from lab.bench.fabrication import evaluate_clips_with, run_standin, set_behaviour, settings_with_standin
from lab.report.measures import percentile
from lab.scoring import Clip, read_manifest

_MODES = (UnderstandingMode.ON_DEVICE, UnderstandingMode.CLOUD_FIRST, UnderstandingMode.PANEL)

_ALLOWED_MS = 50  # Allowance beyond the deadline: for the decision and the record on disk.

_COLOURS = {
    UnderstandingMode.ON_DEVICE: "#2a9d8f",
    UnderstandingMode.CLOUD_FIRST: "#e9a23b",
    UnderstandingMode.PANEL: "#264653",
}


@dataclass(frozen=True, slots=True)
class _WaitTimes:
    """The wait times in one mode."""

    mode: UnderstandingMode
    ms: list[float]  # Milliseconds from the end of each utterance to the record on disk, sorted.
    decided_alone: int  # Number of decisions at the deadline without a model's answer.
    accepted: int


def _measure_waits(url: str, clips: Sequence[Clip], least: int, deadline_ms: int, seed: int) -> Iterator[_WaitTimes]:
    """Recognise the clips in each mode until at least `least` utterances were decided.

    The first pass is without delay and not measured: the stand-in caches each sound's transcript.
    """
    set_behaviour(url, None)
    _decision_waits(settings_with_standin(url, UnderstandingMode.CLOUD_FIRST), clips)
    for mode in _MODES:
        set_behaviour(url, {"path": "/v1/chat/completions", "latency": "published", "seed": seed})
        settings = settings_with_standin(url, mode)
        limited = settings.understand.model_copy(update={"deadline_ms": deadline_ms})
        waits: list[_DecisionWait] = []
        while len(waits) < least:
            waits += _decision_waits(settings.model_copy(update={"understand": limited}), clips)
        alone, accepted = sum(one.alone for one in waits), sum(one.accepted for one in waits)
        yield _WaitTimes(mode, sorted(one.ms for one in waits), alone, accepted)


class _DecisionWait(NamedTuple):
    """The time of one decision, and how it was made."""

    ms: float
    alone: bool  # Without a model's answer.
    accepted: bool


def _decision_waits(settings: Settings, clips: Sequence[Clip]) -> list[_DecisionWait]:
    """Evaluate the clips once; return the wait of each utterance."""
    return [
        _DecisionWait(one.compute_s * 1000, one.reading.deferrable, one.verdict.outcome is Outcome.ACCEPT)
        for one in itertools.chain.from_iterable(result.decisions for result in evaluate_clips_with(settings, clips))
    ]


def _draw_waits_svg(measured: Sequence[_WaitTimes], deadline_ms: int) -> str:
    """SVG of the share of utterances decided within a time, one line for each mode."""
    width, height, left, below = 720, 360, 60, 40
    longest = max(deadline_ms * 1.5, *(one.ms[-1] for one in measured))

    def x(ms: float) -> float:
        return left + ms / longest * (width - left - 20)

    def y(share: float) -> float:
        return 20 + (1 - share) * (height - below - 20)

    lines = [f'<text x="{left}" y="14">decided, share of utterances, by milliseconds since the utterance closed</text>']
    for share in (0.0, 0.5, 0.95, 1.0):
        lines.append(f'<path d="M{left} {y(share):.1f}H{width - 20}" stroke="#ddd"/>')
        lines.append(f'<text x="10" y="{y(share) + 4:.1f}">{share:.0%}</text>')
    ticks = range(0, int(longest) + 1, 250)
    lines.extend(f'<text x="{x(ms) - 12:.1f}" y="{height - 20}">{ms}</text>' for ms in ticks)
    lines.append(f'<path d="M{x(deadline_ms):.1f} 20V{height - below}" stroke="#c1121f" stroke-dasharray="4 3"/>')
    lines.append(f'<text x="{x(deadline_ms) + 4:.1f}" y="{y(0.03):.1f}" fill="#c1121f">deadline</text>')
    for number, one in enumerate(measured):
        points = " ".join(f"{x(ms):.1f},{y((at + 1) / len(one.ms)):.1f}" for at, ms in enumerate(one.ms))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[one.mode]}" stroke-width="2"/>')
        lines.append(
            f'<text x="{width - 140}" y="{y(0.4) + 18 * number:.1f}" fill="{_COLOURS[one.mode]}">{one.mode}</text>'
        )
    body = "\n".join(lines)
    letters = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {letters}>'
    return f'{head}\n<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'


def main() -> None:
    """Measure, print a table, and write the plot."""
    parser = make_parser("lab.bench.latency", __doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--utterances", type=int, default=200, help="decided in each mode, at least")
    parser.add_argument("--deadline-ms", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="write the picture to this file, as SVG")
    options = parser.parse_args()
    clips = read_manifest(options.manifest)
    with run_standin() as url:
        measured = list(_measure_waits(url, clips, options.utterances, options.deadline_ms, options.seed))
    if options.plot:
        options.plot.write_text(_draw_waits_svg(measured, options.deadline_ms), encoding="utf-8")
    print(
        f"{'mode':<12} {'n':>5} {'p50':>6} {'p95':>6} {'p99':>6} {'longest':>8} {'past deadline':>14} {'recorded':>9}"
    )
    for one in measured:
        figures = " ".join(f"{percentile(one.ms, percent):>6.0f}" for percent in (50, 95, 99))
        print(f"{one.mode:<12} {len(one.ms):>5} {figures} {one.ms[-1]:>8.0f} {one.decided_alone:>14} {one.accepted:>9}")
    worst = max(percentile(one.ms, 95) for one in measured)
    print(
        f"p95 is {'within' if worst <= options.deadline_ms + _ALLOWED_MS else 'PAST'} the deadline + {_ALLOWED_MS} ms"
    )


if __name__ == "__main__":
    main()
