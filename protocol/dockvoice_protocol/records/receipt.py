"""Receipts: what the inventory answers to an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    handled: int = 0  # The last number of this device that the inventory has handled; 0 where it does not say.
    latest: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """The event of that number as the inventory has it, where it shows one."""

    @property
    def turned_down(self) -> bool:
        """Whether the entry is of no avail: refused, or there already by somebody else's doing, with a reason for it.

        A duplicate without a reason is this very event, which came twice because a receipt was lost: it counts.
        """
        return bool(self.reasons) and self.outcome is not ReceiptOutcome.APPLIED
