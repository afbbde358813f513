"""Records of a site: expected receipts, operators and their shifts, receipts for events, loudness limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who may sign on."""

    name: str = field(repr=False)  # As it goes on record.
    number: str | None = field(default=None, repr=False)  # Two to six digits, said one by one.
    spoken: tuple[str, ...] = field(
        default=(), repr=False
    )  # What he is called; of the settings' operators, maybe a number too.
    language: str | None = None  # ISO 639-1; None: that of the device.
    forms: tuple[str, ...] | None = field(default=None, repr=False)  # The names of those that he may fill; None: all.


class ShiftChange(StrEnum):
    """What an operator does besides his work."""

    ON = "on"
    BREAK = "break"
    BACK = "back"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Shifted:
    """Put on record that somebody signed on or off, went or came back."""

    operator: str  # By the name on record.
    change: ShiftChange
    reason: str | None = None  # Why the break, or the end of the shift, as a code.


@dataclass(frozen=True, slots=True)
class Roster:
    """Who may sign on at a site, as the inventory published it last."""

    site: str
    version: int  # Higher each time.
    operators: tuple[Operator, ...]

    @property
    def withdrawn(self) -> bool:
        """Whether the inventory says no more who may sign on."""
        return not self.operators


def operators_of(names: Mapping[str, str]) -> tuple[Operator, ...]:
    """Those of the settings: what is spoken, to the name on record."""
    return tuple(
        Operator(name, spoken=tuple(spoken for spoken, one in names.items() if one == name))
        for name in dict.fromkeys(names.values())
    )


QUIET_DB = -40.0  # Dictation into a headset is at -30 to -12 dBFS.
LOUD_DB = -6.0  # Louder, and the next shout is clipped.
NOISY_DB = 12.0  # A headset's boom 2 cm from the mouth gives 20 dB and more amid machines.
"""From here on somebody is told that the voice is too quiet, too loud, or hardly stands out from what surrounds it: who
wears it by `dockvoice audio test`, the office by the console."""


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
