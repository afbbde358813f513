"""Trace of a dialogue, step by step: what happened, what the table has for it, and what was ordered.

It has names of states, steps, prompts and reasons, and never a word of what was said, nor a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from edge.agree.dialogue.orders import Adjust, Order, Say, Sound, StartTimer
from edge.agree.dialogue.table import Event, State, Step
from edge.records import Commit, Note, Park

_TOLD: Mapping[type, str] = {
    Note: "verdict.outcome",
    Park: "why",
    Commit: "draft.act",
    Say: "prompt",
    Sound: "earcon",
    Adjust: "what",
    StartTimer: "seconds",
}
"""What is told of an order besides its name."""


@dataclass(frozen=True, slots=True)
class StepTrace:
    """One step of a dialogue."""

    event: Event  # What happened: the row of the table.
    before: State  # Where the dialogue stood: the column.
    step: Step  # What the table has there.
    after: State
    orders: tuple[Order, ...]

    def __str__(self) -> str:
        ordered = ", ".join(map(_named, self.orders)) or "nothing"
        return f"{self.event}: {self.before} -> {self.after}; {self.step}; ordered {ordered}"


def _named(order: Order) -> str:
    name = type(order).__name__
    return f"{name}({attrgetter(_TOLD[type(order)])(order)})" if type(order) in _TOLD else name
