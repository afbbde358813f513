"""The port that a connector to another system fills: what is posted, found and taken back there, and what is pulled.

Whoever fills it needs to know nothing of events, devices or retries. What is due, in what order, how often it is tried
and what is written down lies with the loop (`engine`), which asks for one thing at a time and survives a kill between
any two of them. So each call of a connector may be repeated, and is told what the call before it may have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from dockvoice_protocol.errors import DockvoiceError
from dockvoice_protocol.records import ExpectedLine, FieldValue, Operator, ReceivingPlace

TEST = "test-"  # How the reference of a test receipt begins; behind it, as of all others, stands a UUID.
NAMED = 5  # Of what was left out for one reason, so many are named.


@dataclass(frozen=True, slots=True)
class Posting:
    """What stands in the inventory and shall stand in the other system: one entry, as its operator recorded it.

    A correction is a posting of its own, with `amends`; the loop has what it replaces taken back first.
    """

    reference: str  # Ours, unique for ever: the id of the event. The other system must keep it, so that it is found.
    amends: str | None  # The reference of the posting in whose place this one stands.
    site: str
    device: str
    sequence: int  # The number of its event; by site, device and sequence the postings of a device are in order.
    operator: str | None
    recorded_at: datetime
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)  # All of them, as they were recorded.
    # The fields by what they mean (`inventory.forms.CALLED`); None where the form has no such field, or nothing was
    # said. Nothing here was guessed: a connector that needs what is missing refuses the posting.
    pallet: str | None
    item: str | None
    quantity: Decimal | None = field(repr=False)  # Of good ones, in `unit`; never converted.
    unit: str | None  # The code that the form gives it: CS.
    lot: str | None
    expiry: str | None  # YYYY-MM-DD
    damaged: Decimal | None  # Beside the quantity, in the same unit.
    exception: str | None  # `wet`, `refused`, ...
    place: str | None  # The door or dock, as the sign has it.
    trailer: str | None
    order: str | None


class Deed(StrEnum):
    """What a line of a file, or a message, says that has no documents to keep."""

    RECEIPT = "receipt"
    CORRECTION = "correction"  # A receipt in the place of one that was taken back before.
    REVERSAL = "reversal"  # What a receipt or a correction said is taken back.


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Why a posting is to be taken back: its entry was cancelled, or another one stands in its place."""

    reference: str  # The id of the event that says so: also unique for ever.
    amended: bool  # Whether a posting follows in its place; else it was cancelled.
    operator: str | None
    at: datetime


class DocumentState(StrEnum):
    """How far a document in the other system has come."""

    DRAFT = "draft"  # It is there, and has moved no stock: `post` goes on with it.
    DONE = "done"
    REVERSED = "reversed"  # It was done, and the document that takes it back is done too; or it was a draft, cancelled.


@dataclass(frozen=True, slots=True)
class Document:
    """What stands in the other system for a posting."""

    id: str  # As that system knows it: `stock.shipment.in,17`.
    number: str  # As its people know it: `SH-0017`.
    state: DocumentState


class Connector(Protocol):
    """Another system. Made when it is first needed; used by one thread; every call may block, none without limit.

    Each call raises `Away`, `Declined` or `dockvoice_protocol.errors.Misconfigured`, and nothing else on purpose.
    """

    @property
    def looks(self) -> bool:
        """Whether `find` can look. If not, the other side itself must drop what comes twice under one reference."""
        ...

    def find(self, posting: Posting) -> Sequence[Document]:
        """Every document that carries the reference of the posting, the oldest first, its state as it is there now.

        Asked before anything is posted or taken back, and afterwards, for an answer alone proves nothing. More than one
        is what a system leaves that doubles: the loop keeps one, and has the others taken back.
        """
        ...

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Post it under its reference, or bring the `draft` to its end; what stands there then."""
        ...

    def reverse(self, posting: Posting, document: Document, why: TakenBack) -> Document:
        """Take back what was posted; what stands there then.

        What an earlier call has begun is found and brought to its end. A draft is removed or cancelled.
        """
        ...

    def pull(self) -> Pulled:
        """What the other system knows: orders that are to be received, items, operators. Changes nothing there."""
        ...

    def hand_over(self) -> None:
        """Called between two rounds, also where nothing is due: what was held back for company goes when it is time."""
        ...

    def tells(self) -> str:
        """Who answers there, for a person, in one line: product, version, address, user. No secret."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


# What is pulled


@dataclass(frozen=True, slots=True)
class PulledUnit:
    """A unit that an item is counted in."""

    code: str  # As the devices' forms have it: CS.
    factor: Decimal  # So many of the item's base unit.


@dataclass(frozen=True, slots=True)
class PulledItem:
    """An item."""

    code: str
    title: str
    base: str  # The unit in which its stock is kept.
    units: tuple[PulledUnit, ...]  # Others that it may be counted in; without the base.
    lot_needed: bool


@dataclass(frozen=True, slots=True)
class Omitted:
    """What is there and could not be pulled, and why: told to a person, never faked."""

    what: str  # `item A100`, `shipment SH-0017, line 2`
    why: str


def left_out(omitted: Iterable[Omitted]) -> list[str]:
    """For a person, in one line all that was left out for one reason: a unit without a code may leave out thousands."""
    by_why: dict[str, list[str]] = {}
    for one in omitted:
        by_why.setdefault(one.why, []).append(one.what)
    lines = []
    for why, what in by_why.items():
        more = f" and {len(what) - NAMED:,} more" if len(what) > NAMED else ""
        lines.append(f"left out: {', '.join(what[:NAMED])}{more}: {why}")
    return lines


@dataclass(frozen=True, slots=True)
class Pulled:
    """What the other system knows. None: it has no such thing, and what is published stays as it is."""

    expected: Mapping[ReceivingPlace, Sequence[ExpectedLine]] | None
    """By trailer or door, all that is still open; what stands at none any more is withdrawn."""
    items: Sequence[PulledItem] | None
    operators: Sequence[Operator] | None
    omitted: Sequence[Omitted] = ()


# What goes wrong


class Away(DockvoiceError):
    """The other system is not there, too slow, or in trouble of its own: try the same again later. Exit code 69."""

    exit_code = 69

    def __init__(self, told: str, *, wait_s: float | None = None) -> None:
        """`told`: what was met, for a person. `wait_s`: how long it asks to be left alone (Retry-After)."""
        super().__init__(told)
        self.wait_s = wait_s


class Why(StrEnum):
    """Why a posting was declined, as the operator's device can say it in its own language. Part of a signed message."""

    LOT_MISSING = "lot_missing"
    LOT_UNKNOWN = "lot_unknown"
    ITEM_MISSING = "item_missing"  # Nothing says what is on the pallet.
    ITEM_UNKNOWN = "item_unknown"
    UNIT_UNKNOWN = "unit_unknown"  # Or it cannot be converted into the item's.
    QUANTITY_WRONG = "quantity_wrong"
    PLACE_UNKNOWN = "place_unknown"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_CLOSED = "order_closed"  # The order, the trailer or the period takes nothing more.
    EXPIRED = "expired"  # The date that was said is missing, or has passed.
    OTHER = "other"  # The device says that it was refused; the console says why.


class Declined(DockvoiceError):
    """The other system, or the mapping to it, does not take this one posting. A person must look. Exit code 65.

    It holds up nothing else, is not tried again by itself, and goes to the operator's ear and to the console.
    """

    exit_code = 65

    def __init__(self, why: Why, told: str) -> None:
        """`told`: for a person at the console, in the other system's own words; no secret."""
        super().__init__(told)
        self.why = why


class Unset(Declined):
    """The connector's settings do not say what this one posting needs. Whoever keeps them must look, and nobody else.

    It waits, and goes by itself once the settings say so: no operator said anything wrong, and no pallet is amiss.
    """
