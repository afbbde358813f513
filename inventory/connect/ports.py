"""The interface of a connector to another system: post, find, reverse and pull.

A connector needs to know nothing of events, devices or retries: the loop (`engine`) decides what is due, in which order
and how often, and records it. It makes one call at a time and may be killed between any two. So each call may be
repeated, and is given what the call before it may have left.
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
    """One entry to be posted, as its operator recorded it.

    A correction is a posting of its own, with `amends`; the loop reverses what it replaces first.
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
    """The type of a record for systems without documents: a line of a file, or a message."""

    RECEIPT = "receipt"
    CORRECTION = "correction"  # A receipt in the place of one that was taken back before.
    REVERSAL = "reversal"  # What a receipt or a correction said is taken back.


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Why a posting is reversed: its entry was cancelled or replaced."""

    reference: str  # The id of the event that says so: also unique for ever.
    amended: bool  # Whether a posting follows in its place; else it was cancelled.
    operator: str | None
    at: datetime


class DocumentState(StrEnum):
    """The state of a document in the other system."""

    DRAFT = "draft"  # It is there, and has moved no stock: `post` goes on with it.
    DONE = "done"
    REVERSED = "reversed"  # It was done, and the document that takes it back is done too; or it was a draft, cancelled.


@dataclass(frozen=True, slots=True)
class Document:
    """What the other system has for a posting."""

    id: str  # As that system knows it: `stock.shipment.in,17`.
    number: str  # As its people know it: `SH-0017`.
    state: DocumentState


class Connector(Protocol):
    """Another system. Created when first needed; used by one thread; every call may block, up to its timeout.

    Each call raises `Away`, `Declined` or `dockvoice_protocol.errors.Misconfigured`.
    """

    @property
    def looks(self) -> bool:
        """Whether `find` works. If not, the other side must itself drop a second message with the same reference."""
        ...

    def find(self, posting: Posting) -> Sequence[Document]:
        """Every document with the posting's reference, the oldest first, in its current state.

        Called before and after each change, since an answer alone proves nothing. Several documents are
        duplicates by the system: the loop keeps one and reverses the others.
        """
        ...

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Post it under its reference, or complete the `draft`; the resulting document."""
        ...

    def reverse(self, posting: Posting, document: Document, why: TakenBack) -> Document:
        """Reverse what was posted; the resulting document.

        Completes what an earlier call began. A draft is removed or cancelled.
        """
        ...

    def pull(self) -> Pulled:
        """Open orders, items and operators. Changes nothing."""
        ...

    def hand_over(self) -> None:
        """Called between two rounds, also where nothing is due: flush a batch that is old enough."""
        ...

    def tells(self) -> str:
        """One line about the other system: product, version, address, user. No secret."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


# What is pulled


@dataclass(frozen=True, slots=True)
class PulledUnit:
    """A unit of an item."""

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
    """Something that cannot be pulled, and why."""

    what: str  # `item A100`, `shipment SH-0017, line 2`
    why: str


def left_out(omitted: Iterable[Omitted]) -> list[str]:
    """One line for each reason, since one unit without a code may omit thousands of items."""
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
    """What the other system has. None: it has no such data, and what is published stays."""

    expected: Mapping[ReceivingPlace, Sequence[ExpectedLine]] | None
    """By trailer or door, all that is still open; what stands at none any more is withdrawn."""
    items: Sequence[PulledItem] | None
    operators: Sequence[Operator] | None
    omitted: Sequence[Omitted] = ()


# What goes wrong


class Away(DockvoiceError):
    """The other system is unreachable, too slow or failing: retry later. Exit code 69."""

    exit_code = 69

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        """`wait_s`: its Retry-After, if any."""
        super().__init__(message)
        self.wait_s = wait_s


class Why(StrEnum):
    """Why a posting was declined: a code of a signed message, which the device words in its own language."""

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
    """The other system, or the mapping, refuses this one posting: a person must look. Exit code 65.

    Other postings go on; this one is not retried, and is reported to the operator and on the console.
    """

    exit_code = 65

    def __init__(self, why: Why, message: str) -> None:
        """`message`: for the console, in the other system's own words; no secret."""
        super().__init__(message)
        self.why = why


class Unset(Declined):
    """The connector's settings lack something for this posting: only their administrator must look.

    It is retried, and posted once the settings have it: neither the entry nor the pallet is wrong.
    """
