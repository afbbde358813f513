"""`python -m lab.scribe.compare`: seconds and words a pallet of receiving, beside prompts and beside scan and key.

The same trailers each time. Ours is the agent's dialogue with its reader and its journal, and an inventory behind it;
the others are small models of what vendors describe (docs/rivals.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from random import Random
from statistics import mean, stdev
from tempfile import TemporaryDirectory

from edge.agent.parts import form_named, rules
from edge.agree.decide import Rules
from edge.agree.dialogue.orders import Prompt, Say
from edge.config import Settings
from edge.forms.catalogue import Catalogue
from edge.speak.wording import Phrasing
from lab.report.statistics import Z_95
from lab.scribe.arrivals import USUAL, arrival
from lab.scribe.clock import Clock, Reply, Said, Spent, Turn
from lab.scribe.device import PALLETS, DeviceAtHand, Ledger, LineSaid
from lab.scribe.keyed import HUNG, WORN, Keyed, Terminal
from lab.scribe.mishearing import Noise, NoisyEar
from lab.scribe.prompted import SHORTEST, Manner, Prompted
from lab.scribe.prompted import USUAL as AS_USUAL
from lab.scribe.receiving import FORM, Receiving

BESIDE = frozenset({"talk", "talk of pallets"})
"""Lines to colleagues: they take as long whatever the device is. What it answers to them is counted."""

PAUSES = frozenset({Prompt.PAUSED, Prompt.RESUMED})


@dataclass(frozen=True, slots=True)
class Day:
    """What is the same for all of them."""

    seed: str
    trailers: int
    noise: Noise
    exceptions: float = USUAL
    pallets: int = PALLETS

    def names(self) -> Iterator[str]:
        """The seed of each trailer."""
        return (f"{self.seed}/{number}" for number in range(self.trailers))


@dataclass(frozen=True, slots=True)
class Tried:
    """What one way of working came to."""

    name: str
    ledger: Ledger
    trailers: tuple[Spent, ...]
    """A pallet's share of each trailer."""

    def seconds(self) -> tuple[float, float]:
        """A pallet, with half of the 95 % interval of the mean, by trailer."""
        return _mean([one.seconds for one in self.trailers])


def _mean(values: Sequence[float]) -> tuple[float, float]:
    return mean(values), Z_95 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def receiving() -> Rules:
    """The rules of an agent as shipped that receives against notices."""
    settings = Settings()
    return rules(settings, form_named(settings, FORM), Catalogue.load(settings.catalogue_directory))


def chance(seed: str) -> Random:
    """The same for the same seed."""
    return Random(seed)  # noqa: S311 - chance, not secrecy


def ours(day: Day, with_: Rules, clock: Clock) -> Tried:
    """The product."""
    phrasing = Phrasing(with_.form, "en")
    total, trailers = Ledger(), []
    for name in day.names():
        with TemporaryDirectory(prefix="dockvoice-scribe-") as kept:
            ear = NoisyEar(with_, day.noise, chance(f"{name} ear"))
            device = DeviceAtHand(with_, Path(kept) / "device", ear)
            total.add(Receiving(device, Path(kept), chance(name), day.exceptions).unload(day.pallets))
        trailers.append(_each(clock.spent(_turns(device.turns, phrasing)), day))
    return Tried("Dockvoice", total, tuple(trailers))


def _turns(turns: Iterable[LineSaid | Say], phrasing: Phrasing) -> Iterator[Turn]:
    """What is timed of it: pauses are the operator's own."""
    for turn in turns:
        if isinstance(turn, Say):
            if turn.prompt not in PAUSES:
                yield Reply(phrasing.clauses(turn))
        elif turn.kind not in BESIDE and turn.text not in {"pause", "resume"}:
            yield Said(turn.text, first=turn.first)


def _each(spent: Spent, day: Day) -> Spent:
    return Spent(spent.seconds / day.pallets, spent.last_told / day.pallets, spent.words)


def prompted(name: str, manner: Manner, day: Day, clock: Clock) -> Tried:
    """A prompt for each value."""
    total, trailers = Ledger(), []
    for seed in day.names():
        coming = arrival(day.pallets, chance(seed), day.exceptions)
        other = Prompted(coming, manner, day.noise, chance(f"{seed} prompted"))
        total.add(other.unload())
        trailers.append(_each(clock.spent(other.turns), day))
    return Tried(name, total, tuple(trailers))


def keyed(name: str, terminal: Terminal, day: Day) -> Tried:
    """No noise disturbs it."""
    total, trailers = Ledger(), []
    for seed in day.names():
        coming = arrival(day.pallets, chance(seed), day.exceptions)
        other = Keyed(coming, terminal, chance(f"{seed} keyed"))
        total.add(other.unload())
        trailers.append(_each(Spent(other.seconds), day))
    return Tried(name, total, tuple(trailers))


def every(day: Day, with_: Rules, clock: Clock) -> list[Tried]:
    """All ways of working, on the same trailers."""
    return [
        ours(day, with_, clock),
        prompted("prompts, as usual", AS_USUAL, day, clock),
        prompted("prompts, as short as can be", SHORTEST, day, clock),
        keyed("scan and key, hung", HUNG, day),
        keyed("scan and key, worn", WORN, day),
    ]
