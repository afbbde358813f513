"""What the dialogue wants done. What is to be on disk comes first in its list, and is one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge.records import Durable
from edge.records.speech import Adjust, Hush, Say, Sound


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Tell `Deadline` in so many seconds from the end of what is being said; one timer only, this one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Tell no deadline any more."""


class Law(StrEnum):
    """The laws of `claims`."""

    ATTRIBUTION = "attribution"
    CONSERVATION = "conservation"


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that a step would have broken, and the claims that were put aside instead."""

    law: Law
    claims: tuple[str, ...] = field(repr=False)  # The utterances that began them.


@dataclass(frozen=True, slots=True)
class LawAlarm:
    """A law of the conversation would have been broken: to be logged with the step that would have broken it."""

    breach: Breach
    trace: str = field(repr=False)  # The step: names of states, steps, prompts and reasons, no word of what was said.


Order = Durable | Say | Sound | Hush | StartTimer | StopTimer | Adjust | LawAlarm
