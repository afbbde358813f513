"""Log odds of probabilities that are never believed to be 0 or 1. Pure."""

from __future__ import annotations

import math


def log_odds(probability: float, least: float, most: float) -> float:
    """The natural logarithm of the odds of a probability, which is clamped to `least` .. `most`."""
    clamped = min(max(probability, least), most)
    return math.log(clamped / (1 - clamped))
