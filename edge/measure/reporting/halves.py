"""A set's speakers in two halves: one to tune on, one to report on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from edge.measure.scoring import Clip


class Half(StrEnum):
    """The two halves of a set's speakers."""

    TRAIN = "train"
    """Those that rules and thresholds may be tuned on."""
    REPORT = "report"
    """Those that nobody shall tune on."""


def half(speaker: str) -> Half:
    """Which half a speaker belongs to: by a hash of the name, so that a speaker never changes sides as a set grows."""
    return Half.REPORT if hashlib.sha256(speaker.encode()).digest()[0] % 2 else Half.TRAIN


def of_half(clips: Sequence[Clip], wanted: Half) -> tuple[Clip, ...]:
    """The clips of one half's speakers; those without a speaker belong to both."""
    return tuple(clip for clip in clips if clip.speaker is None or half(clip.speaker) is wanted)
