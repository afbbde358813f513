"""Commands of the relay and events of the MQTT session: what is to be done, what happened."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.deliver.reason_codes import Meaning
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


@dataclass(frozen=True)
class Connected:
    """The broker accepted the connection and every subscription."""

    protocol: str  # `5` or `3.1.1`.
    receive_maximum: int  # How many unacknowledged publications the broker takes.
    session_present: bool  # Whether the broker still knew this client.


@dataclass(frozen=True)
class Disconnected:
    """A connection that was reported as Connected has ended."""

    why: str


@dataclass(frozen=True)
class Acknowledged:
    """The broker's PUBACK for the publication with this tag; with MQTT 3.1.1, which has no codes, always 0.

    149 too where the broker hung up because the packet was too large; then Disconnected follows.
    """

    tag: str
    reason_code: int


@dataclass(frozen=True)
class Delivered:
    """A message that arrived for one of the subscriptions; always between Connected and Disconnected."""

    topic: str
    payload: bytes = field(repr=False)
    token: int  # What `Session.acknowledge` needs: the packet identifier, and the connection it is valid for.


SessionEvent = Connected | Disconnected | Acknowledged | Delivered
