"""One playing of a scenario: where its files go, the chance it is left to, how long it lasts, and who watches."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dockvoice_protocol.errors import DockvoiceError
from tests.faults.oracle.ledger import Tally

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What a scenario is given."""

    directory: Path
    chance: random.Random
    extent: int  # How often, or for how many seconds, it does its worst.
    tell: Callable[[str], None] = lambda _: None

    def rounds(self) -> Iterator[int]:
        """Count from 0 up to the extent, telling how far it has come."""
        for number in range(self.extent):
            self.tell(f"{number}/{self.extent}")
            yield number

    def sample(self, moments: Sequence[T]) -> Iterator[T]:
        """As many of `moments` as the extent allows, spread evenly from one left to chance, telling how far it is."""
        count = min(self.extent, len(moments))
        first = self.chance.randrange(len(moments) // count)
        for number in range(count):
            self.tell(f"{number}/{count}")
            yield moments[first + number * len(moments) // count]

    def pause(self, least_s: float, most_s: float) -> None:
        """Let things go on for a random while: the moment after it is what is tested, not a wait for anything."""
        time.sleep(self.chance.uniform(least_s, most_s))


@dataclass(frozen=True)
class Scenario:
    """A fault, staged, and what it is called."""

    name: str
    what: str  # What its extent counts.
    play: Callable[[Run], Tally]
    small: int  # The extent with which it is part of every test run: no share is less.
    full: int

    def played(
        self, directory: Path, seed: int, *, share: float = 0.0, tell: Callable[[str], None] = lambda _: None
    ) -> Played:
        """Play it with its files in `directory`, at this share of its full length, and see what became of it."""
        extent = max(self.small, round(share * self.full))
        began = time.monotonic()
        found: Tally | str
        try:
            found = self.play(Run(directory, random.Random(seed), extent, tell))
        except (AssertionError, OSError, subprocess.SubprocessError, DockvoiceError) as fault:
            found = str(fault) or repr(fault)
        return Played(self, extent, found, time.monotonic() - began)


@dataclass(frozen=True)
class Played:
    """What became of a scenario."""

    scenario: Scenario
    extent: int
    found: Tally | str  # The count at the end, or why it never came to one.
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether it came to its end and the inventory equals the ledger."""
        return isinstance(self.found, Tally) and self.found.exact

    def __str__(self) -> str:
        found = str(self.found) if isinstance(self.found, Tally) else "broke off"
        verdict = "ok" if self.exact else "FAILED"
        return f"{self.scenario.name:27}{found}  {self.seconds:6.1f} s  {verdict:7}({self.extent} {self.scenario.what})"
