"""The simulator's own ledger: each device's entries and their answers, independent of the code that sends them.

It stores each answer as it arrives, whether or not the product's relay accepts it, so that the answers can be compared
with the inventory's database at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from dockvoice_protocol.records import Act, FieldValue

_FINAL = frozenset({"applied", "duplicate", "refused"})
"""Final outcomes of an event. The others, `early` and `untrusted`, settle nothing."""

_DOCKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # The values that the form accepts as a dock.


@dataclass(slots=True)
class SaidEntry:
    """One entry and its answers. Times are monotonic seconds; 0 is never."""

    event_id: str
    act: Act
    replaces: int  # The number of the event that it amends or cancels; 0: none.
    quantity: int
    owed_at_start: bool
    at: float
    sent_at: float = 0.0
    taken_at: float = 0.0
    answered_at: float = 0.0
    sendings: int = 0
    outcome: str = ""  # The first final outcome; empty while there is none.
    applied: int = 0  # Microseconds in the receipt, which distinguish one commit from another.


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """The row that the inventory's table must have for one entry."""

    event_id: str
    state: str
    fields: dict[str, FieldValue]


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """The inventory's receipt for one event, as received."""

    event_id: str
    sequence: int
    outcome: str
    reasons: tuple[str, ...]
    time: str


class DeviceLedger:
    """The entries of one device, by number from 1."""

    def __init__(self, device: int) -> None:
        """`device` is its number, which determines its pallets and dock."""
        self._device = device
        self.said: list[SaidEntry] = []

    def __len__(self) -> int:
        return len(self.said)

    def entry(self, sequence: int) -> SaidEntry:
        """The entry with this sequence number."""
        return self.said[sequence - 1]

    def fields(self, sequence: int) -> dict[str, FieldValue]:
        """The entry's form values; a correction keeps the pallet and the dock of the corrected entry."""
        first = sequence
        while (before := self.entry(first).replaces) and self.entry(first).act is Act.AMEND:
            first = before
        dock = _DOCKS[self._device % len(_DOCKS)]
        return {"pallet_id": f"{self._device:06d}{first:06d}", "quantity": self.entry(sequence).quantity, "dock": dock}

    def record_and_check_answer(self, answer: ReceivedAnswer, now: float) -> str | None:
        """Record an answer; return its fault, if any: `stray`, `twice` or `contradicted`."""
        if not (0 < answer.sequence <= len(self.said)):
            return "stray"
        said = self.entry(answer.sequence)
        if said.event_id != answer.event_id:
            return "stray"
        if answer.outcome not in _FINAL:
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

    def count_unanswered(self) -> int:
        """Number of entries without a final receipt."""
        return sum(not one.outcome for one in self.said)

    def outcomes(self) -> Counter[str]:
        """Number of entries by first final outcome."""
        return Counter(one.outcome for one in self.said if one.outcome)

    def expected_rows(self) -> Iterator[ExpectedRow]:
        """The rows that the inventory's table must have of this device: of all entries answered and not rejected."""
        ended: dict[int, str] = {}
        for one in self.said:
            if one.replaces and _is_applied(one):
                ended[one.replaces] = "amended" if one.act is Act.AMEND else "cancelled"
        for sequence, one in enumerate(self.said, 1):
            if _is_applied(one) and one.act is not Act.CANCEL:
                yield ExpectedRow(one.event_id, ended.get(sequence, "current"), self.fields(sequence))


def _is_applied(one: SaidEntry) -> bool:
    return one.outcome in {"applied", "duplicate"}
