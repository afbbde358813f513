"""Who sits on a panel, on which terms, and what comes of asking one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from edge.config import Mode
from edge.ports import Interpreter
from edge.records import Reading, Usage
from edge.understand.panel.costs import Prices, cost_usd


class Came(StrEnum):
    """When an answer came, seen from the verdict."""

    IN_TIME = "in time"
    LATE = "late"
    """After the verdict."""
    DEFERRED = "deferred"
    """To an utterance that was kept for later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model gave for one utterance: something to keep, something to count, or both."""

    utterance_id: str
    interpreter: str
    came: Came
    reading: Reading | None
    """None where what came was no reading, and was charged for all the same."""
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Member:
    """An interpreter beside the device's own recogniser, and what it costs."""

    interpreter: Interpreter
    prices: Prices | None = None
    is_beyond: bool = True
    """Whether it may be out of reach: false for a second reader on this device."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the panel works."""

    mode: Mode
    deadline_s: float
    hedge_s: float | None
    """With no answer after so long another request is sent; None: never."""
    sure_from: float
    """The confidence that `agree` demands."""


def priced(reading: Reading, prices: Prices | None) -> Reading:
    """The reading with what it cost, where somebody charges for it and a price is set."""
    return reading if reading.usage is None else replace(reading, usage=with_cost(reading.usage, prices))


def with_cost(usage: Usage, prices: Prices | None) -> Usage:
    """What was taken, with its price; where whoever took it has set one already, with that."""
    if usage.cost_usd is not None or prices is None:
        return usage
    return replace(usage, cost_usd=cost_usd(usage, prices))


def local_day() -> date:
    """The day at the site, by the clock of this machine."""
    return datetime.now(UTC).astimezone().date()
