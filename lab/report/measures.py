"""Measures computed from the lines of a run: groups, calibration, risk against coverage, character confusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, starmap
from statistics import fmean, quantiles
from typing import TypeVar

from lab.report.lines import ClipLine
from lab.report.statistics import Interval, poisson_upper_bound, wilson_interval
from lab.scoring import Mark

NOTHING = ""  # The missing half of a pair whose character only one side has.

Pair = tuple[str, str]  # A character of the truth, and the character recognised for it.


def align_characters(truth: str, recognised: str) -> tuple[Pair, ...]:
    """Align the recognised value with the true one by minimum edit distance; replacements are preferred among equals.

    Levenshtein distance by the Wagner-Fischer table, read backwards.
    """
    costs = _edit_distances(truth, recognised)
    pairs: list[Pair] = []
    row, column = len(truth), len(recognised)
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + (truth[row - 1] != recognised[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((truth[row], recognised[column]))
        elif row and here == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((truth[row], NOTHING))
        else:
            column -= 1
            pairs.append((NOTHING, recognised[column]))
    return tuple(reversed(pairs))


def _edit_distances(truth: str, recognised: str) -> list[list[int]]:
    table = [list(range(len(recognised) + 1))]
    for row, wanted in enumerate(truth, 1):
        above = table[-1]
        line = [row]
        for column, found in enumerate(recognised, 1):
            line.append(min(above[column - 1] + (wanted != found), above[column] + 1, line[-1] + 1))
        table.append(line)
    return table


def count_confusions(values: Iterable[Pair]) -> tuple[Counter[Pair], Counter[Pair]]:
    """Count digit and letter confusions over pairs of true and recognised values."""
    digits, letters = Counter[Pair](), Counter[Pair]()
    for pair in chain.from_iterable(starmap(align_characters, values)):
        if any(character.isdigit() for character in pair):
            digits[pair] += 1
        else:
            letters[pair] += 1
    return digits, letters


_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


def group_by(items: Iterable[_Item], key: Callable[[_Item], _Key | None]) -> dict[_Key, list[_Item]]:
    """The items grouped by `key`, in order of first appearance; without those for which it is None."""
    groups: dict[_Key, list[_Item]] = {}
    for one in items:
        name = key(one)
        if name is not None:
            groups.setdefault(name, []).append(one)
    return groups


def group_by_condition(lines: Iterable[ClipLine]) -> dict[str, list[ClipLine]]:
    """Group the lines by condition."""
    return group_by(lines, lambda one: one.condition)


def group_by_condition_with_total(lines: Iterable[ClipLine]) -> dict[str, list[ClipLine]]:
    """Group the lines by condition; if there are several conditions, all lines follow as "together"."""
    every = list(lines)
    groups = group_by_condition(every)
    return {**groups, "together": every} if len(groups) > 1 else groups


def count_marks(lines: Iterable[ClipLine]) -> Counter[Mark]:
    """The number of clips by mark."""
    return Counter(one.mark for one in lines)


def percentile(values: Sequence[float], hundredths: int) -> float:
    """The percentile `hundredths` (1 to 99) of one or more `values`, interpolated linearly between ranks."""
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[hundredths - 1]


@dataclass(frozen=True, slots=True)
class FieldResult:
    """One field of a clip with truth: the true value and the recognised one."""

    name: str
    truth: str
    recognised: str | None
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the recognised value is the true one."""
        return self.recognised == self.truth


def field_results(lines: Iterable[ClipLine]) -> Iterator[FieldResult]:
    """Every field of every clip with truth, as recognised in the utterance with most fields."""
    for one in lines:
        best = one.fullest_utterance
        for name, value in (one.truth or {}).items():
            read = best.readings.get(name) if best else None
            found = None if read is None or read.value is None else str(read.value)
            yield FieldResult(name, str(value), found, read.confidence if read else 0.0)


def count_character_confusions(lines: Iterable[ClipLine]) -> tuple[Counter[Pair], Counter[Pair]]:
    """Count digit and letter confusions over the fields of all clips."""
    return count_confusions((one.truth, one.recognised) for one in field_results(lines) if one.recognised is not None)


@dataclass(frozen=True, slots=True)
class _ConfidenceBin:
    """Count, mean confidence and share right of the fields in one range of confidence."""

    confidence: float  # Mean confidence.
    right: Interval
    count: int


_BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Lower bounds of the confidence bins; narrow at the top, where decisions and most readings lie."""


def bin_by_confidence(results: Sequence[FieldResult]) -> tuple[_ConfidenceBin, ...]:
    """Bin the fields by confidence, with each bin's share right (a reliability diagram)."""
    bins = []
    for least, beyond in zip(_BINS, (*_BINS[1:], 2.0), strict=True):
        inside = [one for one in results if one.recognised is not None and least <= one.confidence < beyond]
        right = wilson_interval(sum(one.is_right for one in inside), len(inside))
        if right is not None:
            bins.append(_ConfidenceBin(fmean(one.confidence for one in inside), right, len(inside)))
    return tuple(bins)


def risk_coverage_curve(lines: Iterable[ClipLine]) -> list[tuple[float, float]]:
    """Points of coverage (share of clips accepted) and risk (share of these that is wrong), most confident first.

    Assumes that every complete reading above a confidence is accepted; equal confidences are one point. Clips without a
    complete reading are never accepted, so the curve ends before 1. (El-Yaniv and Wiener, "On the foundations of
    noise-free selective classification", Journal of Machine Learning Research 11, 2010.)
    """
    every = list(lines)
    taken = wrong = 0
    points = []
    levels = group_by(every, lambda one: one.lowest_confidence_if_complete)
    for _, some in sorted(levels.items(), reverse=True):
        taken += len(some)
        wrong += sum(not one.would_be_right for one in some)
        points.append((taken / len(every), wrong / taken))
    return points


@dataclass(frozen=True, slots=True)
class _SilenceResult:
    """Hours of sound without speech, and the false detections in it."""

    hours: float
    utterances: int
    invented: int

    def as_json(self) -> dict[str, float | int]:
        """Hours and false detections as JSON, with the upper 95 % limit of each rate per hour."""
        return {
            "hours": round(self.hours, 4),
            "false_utterances": self.utterances,
            "invented": self.invented,
            "false_utterances_per_hour_at_most": round(self.per_hour_at_most(self.utterances), 2),
            "invented_per_hour_at_most": round(self.per_hour_at_most(self.invented), 2),
        }

    def per_hour_at_most(self, events: int) -> float:
        """Upper 95 % bound of a rate per hour, from the number of events counted."""
        return poisson_upper_bound(events) / self.hours


def measure_silence(lines: Iterable[ClipLine]) -> _SilenceResult | None:
    """Sum up the clips without speech and their false detections; None if there are none."""
    silent = [one for one in lines if one.truth is None and one.speech_end_s is None]
    if not silent:
        return None
    invented = sum(utterance.verdict == "accept" for one in silent for utterance in one.heard)
    return _SilenceResult(sum(one.audio_s for one in silent) / 3600, sum(one.utterances for one in silent), invented)
