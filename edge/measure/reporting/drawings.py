"""Which plots a run is shown in, and what each of them tells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from edge.measure.reporting.alignment import Pair
from edge.measure.reporting.intervals import wilson
from edge.measure.reporting.lines import Line
from edge.measure.reporting.markup import Element
from edge.measure.reporting.measures import (
    Bin,
    by_condition,
    characters,
    fields_heard,
    marks,
    percentile,
    reliability,
    risk,
)
from edge.measure.reporting.plots import Axis, Bar, Curve, bars, matrix
from edge.measure.reporting.plots import curves as drawn
from edge.measure.scoring import Mark

Told = tuple[Element, str]
"""A plot and what stands below it."""

STEPS_MS = 400
"""Axes of time end at a whole number of these, so that their four parts are round figures."""

STEPS_OF_RISK = 0.04
"""The same for shares that should be small."""


def outcomes(lines: Sequence[Line]) -> Element:
    """What became of the clips, a bar for each condition."""
    shown = []
    for name, some in by_condition(lines).items():
        counted = marks(some)
        dictated = any(one.truth is not None for one in some)
        good = counted[Mark.RIGHT] if dictated else len(some) - counted[Mark.INVENTED]
        shown.append(Bar(name, {mark.value: counted[mark] for mark in ORDER}, wilson(good, len(some))))
    return bars("Outcomes by condition", shown)


ORDER = (Mark.RIGHT, Mark.SILENT, Mark.ASKED, Mark.MISSED, Mark.WRONG, Mark.INVENTED)
"""From the left: what is well, what costs time, what must not be."""


def curves(lines: Sequence[Line]) -> Iterator[Told]:
    """Risk, latency, reliability: those of them that there is something to draw of."""
    dictated = by_condition(one for one in lines if one.truth is not None)
    if dictated:
        yield _risk(dictated), "Risk against coverage: as if everything complete were accepted, surest first."
    timed = {name: times for name, some in dictated.items() if (times := _times(some))}
    if timed:
        yield _latency(timed), "Share of decisions made within a time, from the last word to the record on disk."
    read = list(fields_heard(lines))
    if read:
        told = (
            "Confidence against the share that is right: on the dashed line it keeps what it promises. Bars: 95 %; "
            f"of {FEWEST} values and more."
        )
        shown = [
            Curve(name, [(one.confidence, one.right.share) for one in bins], True, False, [one.right for one in bins])
            for name in dict.fromkeys(one.name for one in read)
            if (bins := _telling(reliability([one for one in read if one.name == name])))
        ]
        yield drawn("Reliability", _share("confidence"), _share("right"), shown, diagonal=True), told


FEWEST = 5
"""Of fewer values a share is drawn from top to bottom, and tells nothing."""


def _telling(bins: Sequence[Bin]) -> list[Bin]:
    return [one for one in bins if one.count >= FEWEST]


def _risk(groups: dict[str, list[Line]]) -> Element:
    shown = [Curve(name, points, dots=True) for name, some in groups.items() if (points := risk(some))]
    worst = max((share for curve in shown for _, share in curve.points), default=0.0)
    most = STEPS_OF_RISK * max(1, math.ceil(worst / STEPS_OF_RISK))
    up = Axis("wrong among accepted", 0, most, lambda share: f"{share:.0%}")
    return drawn("Risk against coverage", _share("accepted"), up, shown)


def _latency(times: dict[str, list[float]]) -> Element:
    latest = max(percentile(some, 98) for some in times.values())
    across = Axis("ms", 0, STEPS_MS * (latest // STEPS_MS + 1), lambda value: f"{value:.0f}")
    shown = [
        Curve(f"{name}: {percentile(some, 50):.0f} ms, at 95 % {percentile(some, 95):.0f} ms", _steps(some))
        for name, some in times.items()
    ]
    return drawn("Latency", across, _share("decisions"), shown)


def _steps(times: Sequence[float]) -> list[tuple[float, float]]:
    ordered = sorted(times)
    return [(0.0, 0.0), *((value, (number + 1) / len(ordered)) for number, value in enumerate(ordered))]


def _times(lines: Sequence[Line]) -> list[float]:
    return [one.decision_ms for one in lines if one.decision_ms is not None]


def _share(name: str) -> Axis:
    return Axis(name, 0, 1, lambda share: f"{share:.0%}")


def confusions(lines: Sequence[Line]) -> Iterator[Told]:
    """Digits and letters as they were heard."""
    for name, counts in zip(("Digits", "Letters"), characters(lines), strict=True):
        if counts:
            differing = sum(count for (said, heard), count in counts.items() if said != heard)
            of = f"{differing} of {counts.total()}"
            told = f"{name} of values read: {of} differ. Red: heard as another one; -: as nothing."
            yield matrix(f"{name} heard as", *_names(counts), counts), told


def _names(counts: Counter[Pair]) -> tuple[list[str], list[str]]:
    # "Nothing" comes last on both sides.
    said, heard = ({pair[side] for pair in counts} for side in (0, 1))
    return sorted(said, key=_last), sorted(heard, key=_last)


def _last(character: str) -> tuple[bool, str]:
    return not character, character
