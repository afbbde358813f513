"""The simulator's own ledger: what each device said, and what became of it. Kept apart from what the devices send by.

It knows nothing of receipts that the product's relay has or has not understood: each answer is written down here as it
came, so that it can be counted against the inventory's database in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from dockvoice_protocol.records import Act, FieldValue

FINAL = frozenset({"applied", "duplicate", "refused"})
"""Outcomes that end a device's duty. The others, `early` and `untrusted`, settle nothing."""

DOCKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # What the form takes as a dock.


@dataclass(slots=True)
class SaidEntry:
    """One entry, and what was heard of it. Times are monotonic seconds; 0 is never."""

    event_id: str
    act: Act
    replaces: int
    """The number of the event that it amends or cancels; 0: none."""
    quantity: int
    owed_at_start: bool
    at: float
    sent_at: float = 0.0
    taken_at: float = 0.0
    answered_at: float = 0.0
    sendings: int = 0
    outcome: str = ""
    """The first final one that came; empty while there is none."""
    applied: int = 0
    """What tells one commit from another: the answer names its moment."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the inventory's table must say of one entry."""

    event_id: str
    state: str
    fields: dict[str, FieldValue]


@dataclass(frozen=True, slots=True)
class AnswerHeard:
    """What the inventory said to one event, as it came."""

    event_id: str
    sequence: int
    outcome: str
    reasons: tuple[str, ...]
    time: str


class DeviceLedger:
    """What one device said, by its numbers, which begin at 1."""

    def __init__(self, device: int) -> None:
        """`device` is its number among the simulated ones: pallets and docks are made of it."""
        self._device = device
        self.said: list[SaidEntry] = []

    def __len__(self) -> int:
        return len(self.said)

    def entry(self, sequence: int) -> SaidEntry:
        """The entry with this number."""
        return self.said[sequence - 1]

    def fields(self, sequence: int) -> dict[str, FieldValue]:
        """What stands in the entry's form; a correction keeps the pallet and the dock of what it corrects."""
        first = sequence
        while (before := self.entry(first).replaces) and self.entry(first).act is Act.AMEND:
            first = before
        dock = DOCKS[self._device % len(DOCKS)]
        return {"pallet_id": f"{self._device:06d}{first:06d}", "quantity": self.entry(sequence).quantity, "dock": dock}

    def record_answer(self, answer: AnswerHeard, now: float) -> str | None:
        """Record an answer; return its fault, if any: `stray`, `twice` or `contradicted`."""
        if not (0 < answer.sequence <= len(self.said)):
            return "stray"
        said = self.entry(answer.sequence)
        if said.event_id != answer.event_id:
            return "stray"
        if answer.outcome not in FINAL:
            return None
        if answer.outcome == "applied":
            moment = crc32(answer.time.encode()) or 1
            if said.applied and said.applied != moment:
                return "twice"  # the same answer may well come twice: with QoS 1 the broker sends again
            said.applied = moment
        if not said.outcome:
            said.outcome, said.answered_at = answer.outcome, now
        elif (said.outcome == "refused") != (answer.outcome == "refused"):
            return "contradicted"
        return None

    def unanswered(self) -> int:
        """How many have no final receipt."""
        return sum(not one.outcome for one in self.said)

    def outcomes(self) -> Counter[str]:
        """How many of each first final receipt."""
        return Counter(one.outcome for one in self.said if one.outcome)

    def expected(self) -> Iterator[Expected]:
        """What the inventory's table must hold of this device: of all that was answered and not refused."""
        ended: dict[int, str] = {}
        for one in self.said:
            if one.replaces and _stands(one):
                ended[one.replaces] = "amended" if one.act is Act.AMEND else "cancelled"
        for sequence, one in enumerate(self.said, 1):
            if _stands(one) and one.act is not Act.CANCEL:
                yield Expected(one.event_id, ended.get(sequence, "current"), self.fields(sequence))


def _stands(one: SaidEntry) -> bool:
    return one.outcome in {"applied", "duplicate"}
