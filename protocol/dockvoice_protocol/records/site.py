"""Sites: what is expected at one, pallet by pallet; who may sign on there, and what he does besides his work."""

from __future__ import annotations

from collections.abc import Mapping
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
