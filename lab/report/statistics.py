"""Statistics: confidence intervals of shares and rates, paired tests of two runs, speakers in two halves."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lab.scoring import Clip


class SpeakerHalf(StrEnum):
    """Which half of a set's speakers a speaker belongs to: for tuning, or for reporting."""

    TRAIN = "train"  # Speakers on whom rules and thresholds may be tuned.
    REPORT = "report"  # Speakers that must not be used for tuning.


def speaker_half(speaker: str) -> SpeakerHalf:
    """The half that a speaker belongs to, by a hash of the name: stable as a set grows."""
    return SpeakerHalf.REPORT if hashlib.sha256(speaker.encode()).digest()[0] % 2 else SpeakerHalf.TRAIN


def clips_of_half(clips: Sequence[Clip], half: SpeakerHalf) -> tuple[Clip, ...]:
    """The clips of one half's speakers; those without a speaker belong to both."""
    return tuple(clip for clip in clips if clip.speaker is None or speaker_half(clip.speaker) is half)


Z_95 = 1.959964  # Standard deviations that hold 95 % of a normal distribution, both tails cut.

_ONE_SIDED = 0.05  # Probability beyond a one-sided upper bound.


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with the 95 % confidence interval of the true share, all 0 to 1."""

    share: float
    least: float
    most: float


def wilson_interval(hits: int, of: int) -> Interval | None:
    """The share `hits / of` with Wilson's score interval, right for few and for extreme counts; None of nothing.

    E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not of:
        return None
    share = hits / of
    shrink = 1 + Z_95**2 / of
    middle = (share + Z_95**2 / (2 * of)) / shrink
    reach = Z_95 / shrink * math.sqrt(share * (1 - share) / of + Z_95**2 / (4 * of**2))
    # At the ends the formula gives exactly 0 and 1; rounding must not hide that.
    return Interval(share, max(0.0, middle - reach) if hits else 0.0, min(1.0, middle + reach) if hits < of else 1.0)


def poisson_upper_bound(events: int) -> float:
    """Upper 95 % bound of a Poisson mean, given the count `events`.

    With none it is 3.0, the "rule of three". Found by bisection.
    """
    low, high = float(events), events + 10 * math.sqrt(events + 1)
    while high - low > 1e-6 * high:
        mean = (low + high) / 2
        low, high = (mean, high) if _poisson_cdf(events, mean) > _ONE_SIDED else (low, mean)
    return high


def _poisson_cdf(events: int, mean: float) -> float:
    return sum(math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(events + 1))


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """p-value of McNemar's exact test for two runs over the same clips.

    Only clips that one run had right and the other had not count: as many coin tosses.
    """
    tosses = only_first + only_second
    fewer = min(only_first, only_second)
    one_tail = sum(math.comb(tosses, count) for count in range(fewer + 1)) / 2**tosses
    return min(1.0, float(2 * one_tail))
