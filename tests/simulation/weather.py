"""The faults of one run: which kinds there are and how often they come, drawn from the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

LATENCY_S = 0.03  # A message takes between nothing and so long, each for itself: one can overtake another.

CODES = (16, 128, 131, 135, 144, 149, 151, 153)  # What a broker may answer to a publication besides 0.


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances from 0 to 1, of a message where nothing else is said. Without any fault unless one is named."""

    lost: float = 0
    doubled: float = 0
    late: float = 0
    late_s: float = 0  # How late at most.
    refused: float = 0  # Of a publication, for any reason there is.
    cut: float = 0  # Of a publication: the connection ends over it.
    crash: float = 0  # Of a life of the agent, or of the inventory.
    slow_disk: float = 0  # Of a piece of work on the journal: it takes its time, and news come in between.

    @classmethod
    def drawn(cls, chance: random.Random) -> Weather:
        """Each kind of fault is there in some runs only: where everything fails nothing is ever tried."""

        def maybe(most: float) -> float:
            return chance.random() * most if chance.random() < 0.5 else 0

        return cls(
            lost=maybe(0.3),
            doubled=maybe(0.3),
            late=maybe(0.2),
            late_s=chance.choice((1, 10, 60)),
            refused=maybe(0.3),
            cut=maybe(0.1),
            crash=maybe(1),
            slow_disk=maybe(0.3),
        )

    def calm(self) -> Weather:
        """The faults have stopped; the disk is as slow as ever."""
        return replace(Weather(), slow_disk=self.slow_disk)
