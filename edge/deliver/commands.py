"""What the relay wants done: it decides, and `edge.delivery` carries out, in the order given."""

from __future__ import annotations

from dataclasses import dataclass

from edge.deliver.answers import Meaning
from edge.records import OutboxRow, Receipt


@dataclass(frozen=True, slots=True)
class WantRows:
    """Read the oldest unsettled rows from the journal, this many at most, and call `offered` with them."""

    at_most: int


@dataclass(frozen=True, slots=True)
class WantLast:
    """Read the last row of the journal, which is settled as all are, and call `asked` with it."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the row, tagged with its event id; where there is no room for it, call `unsent`."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Sent:
    """The broker has the event. Worth noting, proves nothing: brokers lose what they acknowledged."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Settle:
    """The debt is paid: by this receipt, or by the broker's PUBACK where there are no receipts (None)."""

    event_id: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Reopen:
    """The inventory lacks this event, which was settled here: owe it again, with all that follow it."""

    sequence: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The inventory will never get this event: set it aside, and let the journal offer what goes in its place."""

    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """The broker refuses events for this reason. Raised once, and again only after it took one in between."""

    reason_code: int
    meaning: Meaning


Command = WantRows | WantLast | Publish | Sent | Settle | Reopen | DeadLetter | Alarm
