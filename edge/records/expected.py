"""Expected receipts: what a notice or an order announces for a trailer or a door, pallet by pallet."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class PlaceKind(StrEnum):
    """What a list is for."""

    TRAILER = "trailer"
    DOOR = "door"


@dataclass(frozen=True, slots=True, order=True)
class ReceivingPlace:
    """The trailer, or the door, at which something is expected."""

    kind: PlaceKind
    name: str

    def __str__(self) -> str:
        """As in topics and on the command line: `trailer/5501`."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One item on one pallet."""

    notice: str  # The number of the notice or the order.
    pallet: str
    item: str
    quantity: int | float = field(repr=False)
    """Never told to whoever counts: a count that knows what it should come to is none."""
    uom: str  # The unit's code.
    lot_needed: bool
    received: bool = False  # By any device, as far as the inventory had heard when it published the list.


@dataclass(frozen=True, slots=True)
class ExpectedList:
    """What is expected at one place, as the inventory published it last."""

    site: str
    place: ReceivingPlace
    version: int  # Higher each time.
    lines: tuple[ExpectedLine, ...]

    @property
    def withdrawn(self) -> bool:
        """Whether nothing is expected there any more."""
        return not self.lines
