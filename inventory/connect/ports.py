"""The interface of a connector to another system: post, find, reverse and pull.

A connector needs to know nothing of events, devices or retries: the loop (`engine`) decides what is due, in which order
and how often, and records it. It makes one call at a time and may be killed between any two. So each call may be
repeated, and gets the document that an earlier call may have left.
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

TEST_REFERENCE_PREFIX = "test-"  # Prefix of a test receipt's reference, before a UUID as in all others.
_NAMED = 5  # Most things named of those omitted for one reason.


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry to be posted, as its operator recorded it.

    A correction is a posting of its own, with `amends`; the loop reverses what it replaces first.
    """

    reference: str  # Unique for ever: the event's id. The other system must store it, so that `find` works.
    amends: str | None  # The reference of the posting that this one replaces.
    site: str
    device: str
    sequence: int  # The event's number; site, device and sequence order a device's postings.
    operator: str | None
    recorded_at: datetime
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)  # All fields, as recorded.
    # The fields by role (`field_roles`); None without such a field, or if it was left empty. Nothing here is guessed: a
    # connector that needs a missing value declines the posting.
    pallet: str | None = None
    item: str | None = None
    quantity: Decimal | None = field(default=None, repr=False)  # Undamaged, in `unit`; never converted.
    unit: str | None = None  # The form's code of the unit: CS.
    lot: str | None = None
    expiry: str | None = None  # YYYY-MM-DD
    damaged: Decimal | None = None  # In addition to the quantity, in the same unit.
    exception: str | None = None  # `wet`, `refused`, ...
    place: str | None = None  # The door or dock, as on its sign.
    trailer: str | None = None
    order: str | None = None


class NoticeType(StrEnum):
    """The type of a record for systems without documents: a line of a file, or a message."""

    RECEIPT = "receipt"
    CORRECTION = "correction"  # A receipt that replaces one reversed before.
    REVERSAL = "reversal"  # Reverses a receipt or a correction.


@dataclass(frozen=True, slots=True)
class ReversalReason:
    """Why a posting is reversed: its entry was cancelled or replaced."""

    reference: str  # The id of the cancelling or replacing event, else made from the entry's; also unique.
    amended: bool  # Whether a replacement follows; else it was cancelled.
    operator: str | None
    at: datetime


class DocumentState(StrEnum):
    """The state of a document in the other system."""

    DRAFT = "draft"  # It exists and has moved no stock: `post` completes it.
    DONE = "done"
    REVERSED = "reversed"  # It was done and its reversing document is done too; or it was a draft, cancelled.


@dataclass(frozen=True, slots=True)
class Document:
    """The other system's document for a posting."""

    id: str  # The system's identifier: `stock.shipment.in,17`.
    number: str  # The number shown to its users: `SH-0017`.
    state: DocumentState


class Connector(Protocol):
    """Another system. Created when first needed; used by one thread; every call may block, up to its timeout.

    Each call raises `Away`, `Declined` or `dockvoice_protocol.errors.Misconfigured`.
    """

    @property
    def can_find(self) -> bool:
        """Whether `find` works. If not, the other side must itself drop a second message with the same reference."""
        return True

    def find(self, posting: Posting) -> Sequence[Document]:
        """Each document with the posting's reference, the oldest first, in its current state.

        Called before and after each change, since an answer alone proves nothing. Several documents are duplicates by
        the system: the loop keeps one and reverses the others.
        """

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Post the entry under its reference, or complete the `draft`; return the document."""

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        """Reverse the posted document; return it.

        Completes what an earlier call began. A draft is removed or cancelled.
        """

    def pull(self) -> PulledData:
        """Open orders, items and operators. Changes nothing in the other system; imported files are moved."""

    def flush_old_batch(self) -> None:
        """Flush a batch that is old enough; called between two rounds, even if nothing is due. Most have no batch."""
        return  # without a statement mypy takes it for abstract

    def describe_system(self) -> str:
        """One line about the other system: product, version, address, user. No secret."""

    def close(self) -> None:
        """Close connections."""


# Pulling


@dataclass(frozen=True, slots=True)
class PulledUnit:
    """A unit of an item."""

    code: str  # The devices' form's code: CS.
    factor: Decimal  # Its size in the item's base unit.


@dataclass(frozen=True, slots=True)
class PulledItem:
    """An item."""

    code: str
    title: str
    base: str  # The unit of its stock.
    units: tuple[PulledUnit, ...]  # Other units for counting, without the base.
    lot_needed: bool


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that cannot be pulled, and why."""

    what: str  # `item A100`, `shipment SH-0017, line 2`
    why: str


def describe_omitted(omitted: Iterable[Omission]) -> list[str]:
    """One line for each reason, with the first things omitted for it: one missing unit may omit thousands of items."""
    by_why: dict[str, list[str]] = {}
    for one in omitted:
        by_why.setdefault(one.why, []).append(one.what)
    lines = []
    for why, what in by_why.items():
        more = f" and {len(what) - _NAMED:,} more" if len(what) > _NAMED else ""
        lines.append(f"left out: {', '.join(what[:_NAMED])}{more}: {why}")
    return lines


@dataclass(frozen=True, slots=True)
class PulledData:
    """The other system's data. None: it has no such data, and the published lists stay."""

    expected: Mapping[ReceivingPlace, Sequence[ExpectedLine]] | None
    """All open lines by trailer or door; a place without lines is withdrawn."""
    items: Sequence[PulledItem] | None
    operators: Sequence[Operator] | None
    omitted: Sequence[Omission] = ()


# Errors


class Away(DockvoiceError):
    """The other system is unreachable, too slow or failing: retry later. Exit code 69."""

    exit_code = 69

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        """`wait_s`: its Retry-After, if any."""
        super().__init__(message)
        self.wait_s = wait_s


class DeclineReason(StrEnum):
    """Why a posting was declined: a code of a signed message, which the device words in its own language."""

    LOT_MISSING = "lot_missing"
    LOT_UNKNOWN = "lot_unknown"
    ITEM_MISSING = "item_missing"  # Neither the entry nor an expected list names an item.
    ITEM_UNKNOWN = "item_unknown"
    UNIT_UNKNOWN = "unit_unknown"  # Or the unit cannot be converted into the item's.
    QUANTITY_WRONG = "quantity_wrong"
    PLACE_UNKNOWN = "place_unknown"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_CLOSED = "order_closed"  # The order, the trailer or the period is closed.
    EXPIRED = "expired"  # The expiry date is missing or has passed.
    OTHER = "other"  # The device reports only the refusal; the console shows the reason.


class Declined(DockvoiceError):
    """The other system, or the mapping, refuses this one posting: a person must look. Exit code 65.

    Other postings go on; this one is not retried, and is reported to the operator and on the console.
    """

    exit_code = 65

    def __init__(self, why: DeclineReason, message: str) -> None:
        """`message`: for the console, in the other system's own words; no secret."""
        super().__init__(message)
        self.why = why


class SettingMissing(Declined):
    """The connector's settings lack something for this posting: only their administrator must look.

    It is retried, and posted once the settings have it: neither the entry nor the pallet is wrong.
    """
