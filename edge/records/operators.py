"""Operators: who may sign on at a site, as the inventory's roster or the device's settings name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
