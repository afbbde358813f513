"""An event on its way: the identity an entry is given, the debt to the inventory, and the receipt."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Minted:
    """The identity an entry receives inside the transaction that commits it, never changed afterwards."""

    event_id: str
    """UUIDv7: the idempotency key of the whole way."""
    sequence: int
    """1, 2, 3 … per device, without gaps."""
    chain: str
    """The audit link this event continues: SHA-256 in hex of everything committed before it; 64 zeros at the start."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that is owed to the inventory until a receipt (or, if so configured, the broker) settles it."""

    event_id: str
    sequence: int
    body: str = field(repr=False)
    """The event as published, byte for byte the same at every sending."""


class ReceiptOutcome(StrEnum):
    """What the inventory did with an event."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inventory's answer to one event, sent after its commit."""

    event_id: str
    outcome: ReceiptOutcome
    reasons: tuple[str, ...] = ()

    @property
    def turned_down(self) -> bool:
        """Whether the entry is of no avail: refused, or there already by somebody else's doing, with a reason for it.

        A duplicate without a reason is this very event, which came twice because a receipt was lost: it counts.
        """
        return bool(self.reasons) and self.outcome is not ReceiptOutcome.APPLIED
