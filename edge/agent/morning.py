"""The morning list: the entries of a day that are most likely wrong, by all readings of what was said for them.

A better model reads the recordings again, where the settings name one: those in most doubt first, for as long as there
is money for it. Nothing on record is touched: a person looks at what is listed, and listens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from edge.agent.parts import form_named
from edge.config import InterpreterSettings, Settings
from edge.errors import Misconfigured, StorageFailed, Unavailable
from edge.forms.catalogue import Catalogue
from edge.keep.readings import ModelReadings, PastSaying, StandingRecord
from edge.ports import Interpreter
from edge.records import Reading, Usage
from edge.understand.doubt import Doubt, SaidFor, doubt
from edge.understand.factory import Surroundings, interpreter
from edge.understand.prices import cost_usd
from edge.understand.remote.client import Clients
from edge.understand.remote.failures import Barred

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry, what was read of what was said for it, and how likely it is wrong."""

    entry: StandingRecord
    said: tuple[SaidFor, ...]
    doubt: Doubt


@dataclass(slots=True)
class MorningList:
    """What one look at a day came to."""

    entries: list[Listed] = field(default_factory=list)
    """All that stand, those first that are most likely wrong."""
    read_again: int = 0  # Utterances that a model has read again.
    unread: int = 0  # Those it has not: no recording, no answer, no money.
    spent_usd: float = 0.0

    def sort(self) -> None:
        """The most doubtful first; of equal ones the oldest."""
        self.entries.sort(key=lambda one: (-one.doubt.measure, one.entry.sequence))


def known(readings: ModelReadings, since: datetime) -> MorningList:
    """The entries since then, by what has been read of them so far."""
    found = MorningList([_listed(one, tuple(map(_said, one.said))) for one in readings.standing(since)])
    found.sort()
    return found


async def read_again(
    settings: Settings,
    name: str,
    readings: ModelReadings,
    found: MorningList,
    most_usd: float,
    tell: Callable[[], None] = lambda: None,
) -> None:
    """Let the interpreter `name` read what was said for these, and put them in their new order.

    It begins with those in most doubt, and asks no more once `most_usd` is spent. `tell` hears of each entry. Raises
    Misconfigured for a name that the settings have not, Barred where the model refuses us for good.
    """
    prices = settings.understand.interpreters.get(name)
    if prices is None:
        names = ", ".join(settings.understand.interpreters) or "none"
        raise Misconfigured(f"{name!r}: is not in understand.interpreters; there are: {names}")
    catalogue, readers = Catalogue.load(settings.catalogue_directory), dict[str, Interpreter]()
    async with Clients(settings.understand.clients) as clients:
        for at, one in enumerate(found.entries):
            form = one.entry.form
            if form not in readers:
                around = Surroundings(settings, form_named(settings, form), catalogue, clients)
                readers[form] = interpreter(name, around)
            said = []
            for saying in one.said:
                reading = None
                if found.spent_usd < most_usd:
                    reading = await _read(readings, saying.utterance_id, readers[form])
                found.read_again += reading is not None
                found.unread += reading is None
                found.spent_usd += _cost(None if reading is None else reading.usage, prices)
                said.append(saying if reading is None else saying.read_by(reading))
            found.entries[at] = _listed(one.entry, tuple(said))
            tell()
    found.sort()


def _listed(entry: StandingRecord, said: tuple[SaidFor, ...]) -> Listed:
    return Listed(entry, said, doubt(entry.fields, said))


def _said(saying: PastSaying) -> SaidFor:
    opinions = () if saying.reading is None else saying.reading.opinions
    return SaidFor(saying.utterance_id, saying.reading, (*opinions, *saying.late))


async def _read(readings: ModelReadings, utterance_id: str, reads: Interpreter) -> Reading | None:
    try:
        utterance = readings.sound(utterance_id)
        return None if utterance is None else await reads.attend().finish(utterance)
    except Barred:
        raise
    except (Unavailable, StorageFailed) as fault:
        log.warning("%s: is not read again: %s", utterance_id, fault)
        return None


def _cost(usage: Usage | None, prices: InterpreterSettings) -> float:
    if usage is None:
        return 0.0  # nobody was paid
    cost = cost_usd(usage, prices) if usage.cost_usd is None else usage.cost_usd
    return cost or 0.0
