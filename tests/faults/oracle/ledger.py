"""The ledger outside the system: every utterance handed in has a number, and at the end the numbers are counted.

An utterance is *handed in* before the agent gets its first sound, and *kept* when the agent's journal said that it is
safe. What is kept must be in the inventory exactly once. What was handed in and not kept (a kill came between) may be
there once or not at all.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dockvoice_protocol.records import FieldValue

DOCKS = "ABCDEFGH"  # Docks that the shipped catalogue knows.


def fields(number: int) -> dict[str, FieldValue]:
    """What the utterance with this number says: each field depends on it, so that no mixture of two looks right.

    All is usual, as the form calls it: what is not would be asked for.
    """
    return {"pallet_id": f"{number:06}", "quantity": number * 7919 % 4_999 + 1, "dock": DOCKS[number % len(DOCKS)]}


class Ledger:
    """A file of lines `handed NUMBER` and `kept NUMBER`, written by the process that is killed, read by the oracle."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC)

    def handed_in(self, number: int) -> None:
        """Note that the agent is about to get this utterance."""
        self._note("handed", number)

    def kept(self, number: int) -> None:
        """Note that the agent's journal said this utterance is safe."""
        self._note("kept", number)

    def read(self) -> Noted:
        """Everything noted so far."""
        lines = [line.split() for line in self._path.read_text(encoding="ascii").splitlines()]
        return Noted(*(tuple(int(number) for what, number in lines if what == which) for which in ("handed", "kept")))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _note(self, what: str, number: int) -> None:
        # One system call per line, which no kill can halve; and writev because no fault is injected into that one.
        os.writev(self._descriptor, [f"{what} {number}\n".encode("ascii")])


@dataclass(frozen=True)
class Noted:
    """What a ledger holds, in the order in which it was noted."""

    handed_in: tuple[int, ...]
    kept: tuple[int, ...]

    @property
    def next(self) -> int:
        """A number that was not handed in yet."""
        return 1 + max(self.handed_in, default=0)


@dataclass(frozen=True)
class Tally:
    """The count at the end. All of the last five must be 0."""

    handed_in: int = 0
    kept: int = 0
    applied: int = 0
    lost: int = 0  # Kept, and not in the inventory.
    twice: int = 0  # Rows beyond the first of one utterance.
    altered: int = 0  # Rows that say what no utterance handed in says.
    out_of_order: int = 0
    """Rows that did not come right after the row with the sequence before theirs, or not in the order of speaking."""
    unproven: int = 0
    """Recordings that are gone and should not be, events that the audit cannot show to be whole, forgeries it does not
    find; counted where evidence is what the fault is about."""

    @property
    def exact(self) -> bool:
        """Whether the inventory equals the ledger, and there was something to lose."""
        return self.applied > 0 and not any((self.lost, self.twice, self.altered, self.out_of_order, self.unproven))

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        return (
            f"handed in {self.handed_in:6}  kept {self.kept:6}  applied {self.applied:6}  lost {self.lost}  "
            f"twice {self.twice}  altered {self.altered}  out of order {self.out_of_order}"
            f"{f'  unproven {self.unproven}' if self.unproven else ''}"
        )


def count(noted: Noted, rows: Iterable[Mapping[str, Any]]) -> Tally:
    """Compare what one device's ledger noted with the rows of that device, in the order in which they came."""
    rows = list(rows)
    handed_in = set(noted.handed_in)
    spoken = [(row["sequence"], number) for row in rows if (number := _number(row)) in handed_in]
    applied = Counter(number for _, number in spoken)
    return Tally(
        handed_in=len(noted.handed_in),
        kept=len(noted.kept),
        applied=len(rows),
        lost=sum(number not in applied for number in noted.kept),
        twice=sum(applied.values()) - len(applied),
        altered=len(rows) - len(spoken),
        out_of_order=sum(b[0] != a[0] + 1 or b[1] < a[1] for a, b in pairwise([(0, 0), *spoken])),
    )


def _number(row: Mapping[str, Any]) -> int | None:
    """Which utterance a row is; None if what it says is not exactly what that utterance says."""
    number = int(row["fields"]["pallet_id"])
    return number if row["fields"] == fields(number) else None
