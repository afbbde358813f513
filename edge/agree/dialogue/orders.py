"""The dialogue's orders. Durable ones come first in a list, and are written in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge.records import Durable
from edge.records.speech import Adjust, Hush, Say, Sound


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Start the one timer: `Deadline` follows this many seconds after the current prompt ends."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Stop the timer."""


class Law(StrEnum):
    """The laws of `claims`."""

    ATTRIBUTION = "attribution"
    CONSERVATION = "conservation"


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that a step would have broken, and the claims that were parked to keep it."""

    law: Law
    claims: tuple[str, ...] = field(repr=False)  # Their first utterances.


@dataclass(frozen=True, slots=True)
class LawAlarm:
    """Log a breach, with the step that caused it."""

    breach: Breach
    trace: str = field(repr=False)  # The step's `StepTrace`: no spoken words.


Order = Durable | Say | Sound | Hush | StartTimer | StopTimer | Adjust | LawAlarm
