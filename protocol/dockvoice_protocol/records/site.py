"""Records of a site: expected receipts, operators and their shifts, receipts for events, loudness limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dockvoice_protocol.trailer_count import ExpectedLine


class PlaceKind(StrEnum):
    """The kind of a receiving place: trailer or door."""

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
class ExpectedList:
    """The latest published list of what is expected at one place."""

    site: str
    place: ReceivingPlace
    version: int  # Higher each time.
    lines: tuple[ExpectedLine, ...]

    @property
    def is_withdrawn(self) -> bool:
        """Whether the list was withdrawn."""
        return not self.lines


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may sign on."""

    name: str = field(repr=False)  # As it goes on record.
    number: str | None = field(default=None, repr=False)  # Two to six digits, said one by one.
    spoken: tuple[str, ...] = field(
        default=(), repr=False
    )  # Spoken names; for the settings' operators possibly a number too.
    language: str | None = None  # ISO 639-1; None: that of the device.
    forms: tuple[str, ...] | None = field(default=None, repr=False)  # The permitted forms; None: all.


class ShiftChange(StrEnum):
    """A sign-on, a sign-off, or a break."""

    ON = "on"
    BREAK = "break"
    BACK = "back"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ShiftEvent:
    """A sign-on, a sign-off, or the begin or end of an operator's break."""

    operator: str  # By the name on record.
    change: ShiftChange
    reason: str | None = None  # Why the break, or the end of the shift, as a code.


@dataclass(frozen=True, slots=True)
class Roster:
    """The latest published list of operators of a site."""

    site: str
    version: int  # Higher each time.
    operators: tuple[Operator, ...]

    @property
    def is_withdrawn(self) -> bool:
        """Whether the roster was withdrawn."""
        return not self.operators


def make_operators(recorded_by_spoken: Mapping[str, str]) -> tuple[Operator, ...]:
    """Make operators of the settings' table: the name as spoken, to the one on record."""
    return tuple(
        Operator(name, spoken=tuple(spoken for spoken, one in recorded_by_spoken.items() if one == name))
        for name in dict.fromkeys(recorded_by_spoken.values())
    )


QUIET_DB = -40.0  # Dictation into a headset is at -30 to -12 dBFS.
LOUD_DB = -6.0  # Louder, and the next shout is clipped.
NOISY_DB = 12.0  # A headset's boom 2 cm from the mouth gives 20 dB and more amid machines.
"""Limits from which a voice counts as too quiet, too loud, or too noisy, for `dockvoice audio test` and the console."""


class ReceiptOutcome(StrEnum):
    """The result of an event in the inventory."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inventory's answer to one event, sent after its commit."""

    event_id: str
    outcome: ReceiptOutcome
    reasons: tuple[str, ...] = ()
    handled: int = 0  # The last handled number of this device; 0 where it is not given.
    latest: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """The event of that number in the inventory, where it is given."""

    @property
    def is_rejected(self) -> bool:
        """Whether the entry was refused, or was a duplicate of a different event, with a reason.

        A duplicate without a reason is a repeated delivery of the same event: the entry counts.
        """
        return bool(self.reasons) and self.outcome is not ReceiptOutcome.APPLIED
