"""Measures computed from the lines of a run: groups, reliability, risk, confusions of characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import TypeVar

from lab.report.lines import ClipLine
from lab.report.statistics import Interval, poisson_upper_bound, wilson_interval
from lab.scoring import Mark

NOTHING = ""
"""Paired with a character that only one side has."""

Pair = tuple[str, str]
"""A character of the truth, and the character recognised for it."""


def align_characters(truth: str, heard: str) -> tuple[Pair, ...]:
    """The fewest replacements, losses and additions that make `heard` of `truth`; replacements first among equals.

    Levenshtein's distance by the table of Wagner and Fischer, read backwards.
    """
    costs = _edit_distances(truth, heard)
    pairs: list[Pair] = []
    row, column = len(truth), len(heard)
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + (truth[row - 1] != heard[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((truth[row], heard[column]))
        elif row and here == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((truth[row], NOTHING))
        else:
            column -= 1
            pairs.append((NOTHING, heard[column]))
    return tuple(reversed(pairs))


def _edit_distances(truth: str, heard: str) -> list[list[int]]:
    table = [list(range(len(heard) + 1))]
    for row, wanted in enumerate(truth, 1):
        above = table[-1]
        line = [row]
        for column, found in enumerate(heard, 1):
            line.append(min(above[column - 1] + (wanted != found), above[column] + 1, line[-1] + 1))
        table.append(line)
    return table


def count_confusions(values: Iterable[Pair]) -> tuple[Counter[Pair], Counter[Pair]]:
    """How often which digit, and which letter, was heard as which, over pairs of true and heard values."""
    digits, letters = Counter[Pair](), Counter[Pair]()
    for pair in _aligned_pairs(values):
        if any(character.isdigit() for character in pair):
            digits[pair] += 1
        else:
            letters[pair] += 1
    return digits, letters


def _aligned_pairs(values: Iterable[Pair]) -> Iterator[Pair]:
    for truth, heard in values:
        yield from align_characters(truth, heard)


Key = TypeVar("Key", bound=Hashable)


def group_lines(lines: Iterable[ClipLine], key: Callable[[ClipLine], Key | None]) -> dict[Key, list[ClipLine]]:
    """The lines grouped by `key`, in order of first appearance; without those for which it is None."""
    groups: dict[Key, list[ClipLine]] = {}
    for one in lines:
        name = key(one)
        if name is not None:
            groups.setdefault(name, []).append(one)
    return groups


def group_by_condition(lines: Iterable[ClipLine]) -> dict[str, list[ClipLine]]:
    """The lines of each condition."""
    return group_lines(lines, lambda one: one.condition)


def count_marks(lines: Iterable[ClipLine]) -> Counter[Mark]:
    """The number of clips by mark."""
    return Counter(one.mark for one in lines)


def percentile(values: Sequence[float], hundredths: int) -> float:
    """The percentile `hundredths` (1 to 99) of one or more `values`, interpolated linearly between ranks."""
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[hundredths - 1]


@dataclass(frozen=True, slots=True)
class FieldResult:
    """One field of one clip with truth: the true value and the value read."""

    name: str
    truth: str
    heard: str | None
    confidence: float

    @property
    def right(self) -> bool:
        """Whether the value read is the true one."""
        return self.heard == self.truth


def field_results(lines: Iterable[ClipLine]) -> Iterator[FieldResult]:
    """Every field of every clip with truth, as the utterance that says most of it was read."""
    for one in lines:
        best = one.proposed
        for name, value in (one.truth or {}).items():
            read = best.readings.get(name) if best else None
            found = None if read is None or read.value is None else str(read.value)
            yield FieldResult(name, str(value), found, read.confidence if read else 0.0)


def count_character_confusions(lines: Iterable[ClipLine]) -> tuple[Counter[Pair], Counter[Pair]]:
    """Which digit and which letter of a value was read as which."""
    return count_confusions((one.truth, one.heard) for one in field_results(lines) if one.heard is not None)


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Fields whose confidence lies near each other."""

    confidence: float
    """The mean."""
    right: Interval
    count: int


BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Where bins of confidence begin. Narrow at the top: decisions fall there, and most readings lie there."""


def bin_by_confidence(heard: Sequence[FieldResult]) -> tuple[ConfidenceBin, ...]:
    """How often values are right, by their confidence; where the two agree, confidence is calibrated."""
    bins = []
    for least, beyond in zip(BINS, (*BINS[1:], 2.0), strict=True):
        inside = [one for one in heard if one.heard is not None and least <= one.confidence < beyond]
        right = wilson_interval(sum(one.right for one in inside), len(inside))
        if right is not None:
            bins.append(ConfidenceBin(fmean(one.confidence for one in inside), right, len(inside)))
    return tuple(bins)


def risk_coverage_curve(lines: Iterable[ClipLine]) -> list[tuple[float, float]]:
    """Coverage and risk, surest first: the share of clips taken, and the share of these whose entry would be wrong.

    As if everything complete were accepted down to a confidence; what is equally sure is taken together. Clips that
    give nothing complete are never taken, so that the curve ends before 1. (El-Yaniv and Wiener, "On the foundations
    of noise-free selective classification", Journal of Machine Learning Research 11, 2010.)
    """
    every = list(lines)
    taken = wrong = 0
    points = []
    levels = group_lines(every, lambda one: one.complete)
    for _, some in sorted(levels.items(), reverse=True):
        taken += len(some)
        wrong += sum(not one.would_be_right for one in some)
        points.append((taken / len(every), wrong / taken))
    return points


@dataclass(frozen=True, slots=True)
class SilenceResult:
    """Sound without speech, and the false detections of speech in it."""

    hours: float
    utterances: int
    invented: int

    def as_json(self) -> dict[str, float | int]:
        """The figures, with the upper 95 % confidence limit per hour."""
        return {
            "hours": round(self.hours, 4),
            "false_utterances": self.utterances,
            "invented": self.invented,
            "false_utterances_per_hour_at_most": round(self.per_hour_at_most(self.utterances), 2),
            "invented_per_hour_at_most": round(self.per_hour_at_most(self.invented), 2),
        }

    def per_hour_at_most(self, events: int) -> float:
        """The upper bound of the rate at which such events come."""
        return poisson_upper_bound(events) / self.hours


def measure_silence(lines: Iterable[ClipLine]) -> SilenceResult | None:
    """All sound without speech: clips from which nothing may be recorded, and in which no word ends. None of none."""
    silent = [one for one in lines if one.truth is None and one.speech_end_s is None]
    if not silent:
        return None
    invented = sum(heard.verdict == "accept" for one in silent for heard in one.heard)
    return SilenceResult(sum(one.audio_s for one in silent) / 3600, sum(one.utterances for one in silent), invented)
