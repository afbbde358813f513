"""Does a figure grow, and by more than it may: robust slopes, and the limits that they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

HOUR_S = 3600.0

MOST_POINTS = 200  # A line of so many is thinned out first: the slope takes every pair of them.


@dataclass(frozen=True)
class Point:
    """One measurement."""

    at: float  # Seconds, of whichever clock all points of a line share.
    value: float


Line = Sequence[Point]  # The measurements of one life of a process, in order.


@dataclass(frozen=True)
class Limit:
    """How much a figure may grow, and why just that."""

    name: str
    unit: str
    at_once: float  # So much in all, however short the time.
    hourly: float  # And so much an hour besides.
    reason: str

    def __str__(self) -> str:
        return f"    {self.name:16} {self.at_once:g} {self.unit} and {self.hourly:g} an hour besides ({self.reason})"

    def allows(self, trend: Trend) -> bool:
        """Whether the growth that the slope comes to over the time it was seen is within the limit."""
        return trend.growth <= self.at_once + self.hourly * trend.seconds / HOUR_S


@dataclass(frozen=True)
class Trend:
    """What the lines of one figure come to."""

    first: float
    last: float
    slope: float  # Per second.
    seconds: float  # How long it was seen, without the warm-ups.

    @property
    def growth(self) -> float:
        """How much the slope comes to in the time seen: what one leap did, or one bad moment, is not in it."""
        return self.slope * self.seconds


def trend(lines: Sequence[Line]) -> Trend:
    """The Theil-Sen slope: the median of the slopes between any two points of the same life.

    Up to 29 % of the points may be anything, such as what a fault did for a while, before it moves the median
    (P. K. Sen, 1968, doi:10.1080/01621459.1968.10480934).
    """
    thinned = [points[:: 1 + len(points) // MOST_POINTS] for points in lines]
    rises = [(b.value - a.value) / (b.at - a.at) for line in thinned for a, b in combinations(line, 2) if b.at > a.at]
    assert rises, "there are not two measurements to compare"
    seen = [line for line in lines if line]
    seconds = sum(line[-1].at - line[0].at for line in seen)
    return Trend(seen[0][0].value, seen[-1][-1].value, median(rises), seconds)
