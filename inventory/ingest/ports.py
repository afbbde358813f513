"""The consumer's ports, as Protocols; the fakes of the tests implement them too."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from dockvoice_protocol.events import Topics
from dockvoice_protocol.mqtt import MessageReceived
from inventory.records import Applied, BufferSize, Duplicate, Event, HandledEvent, InvalidEvent, Outcome
from inventory.reviews.reviews import Review
from inventory.store.statuses import StatusMessage


class Broker(Protocol):
    """The part of `dockvoice_protocol.mqtt.Session` that a consumer needs."""

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent now."""

    @property
    def is_accepted(self) -> bool:
        """Whether the broker has accepted the connection; retained messages may arrive before sending is possible."""

    @property
    def trouble(self) -> str | None:
        """Error of the last failed attempt to connect."""

    def start(self) -> None:
        """Connect, and reconnect when the connection is lost."""

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        """Publish at QoS 1; False without a connection."""

    def acknowledge(self, delivered: MessageReceived) -> None:
        """Acknowledge to the broker, which then does not redeliver the message."""

    def stop(self, timeout_s: float) -> None:
        """Send pending messages, and disconnect."""


class ReviewStore(Protocol):
    """Stores devices' messages about reviews."""

    def review(self, review: Review) -> Applied | Duplicate:
        """Store a device's message about a review. Raises Unavailable."""


class StatusStore(Protocol):
    """Stores devices' statuses."""

    def record(self, messages: Sequence[StatusMessage]) -> None:
        """Store all, in this order. Raises Unavailable."""

    def mark_missing_offline(self, online: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Mark online devices that are not among these offline; their names. Raises Unavailable."""


class ClipMessageHandler(Protocol):
    """Stores recordings that devices send."""

    def handle_message(self, payload: bytes, sender: Topics) -> bytes | None:
        """Store a message; the receipt, None where none is due. Raises MalformedMessage, Unavailable."""

    def expire_due_clips(self) -> None:
        """Remove expired clips; called at every turn of the loop. Raises Unavailable."""


class Dossiers(Protocol):
    """Writes a trailer's dossier when it is closed, and again when its data changes."""

    def note_applied(self, form: str) -> None:
        """Called when an event of this form was applied."""

    def note_reviewed(self, review: Review) -> None:
        """Called when a device's review was stored."""

    def start_due_writing(self) -> None:
        """Start writing what is due; called at every turn of the loop. Must not block or raise."""


class EventStore(Protocol):
    """The part of `inventory.repository.Store` that a consumer needs."""

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        """Apply the event once, in its turn, or refuse it. Raises Unavailable, and SiteFault for this event alone."""

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        """Store a message that cannot be answered. Raises Unavailable."""

    def ping(self) -> None:
        """Raise Unavailable if the database does not answer."""


class BatchStore(Protocol):
    """The part of the store that a consumer needs to apply events in batches."""

    def try_apply_all(self, given: Sequence[Event | InvalidEvent], *, hold: bool) -> list[HandledEvent] | None:
        """The outcomes of these, then those of buffered events; None: apply one by one. Raises Unavailable."""

    def drop_expired_and_apply_due(self, patience: timedelta) -> list[HandledEvent]:
        """The outcomes of events that left the reorder buffer. Raises Unavailable."""

    def count_waiting(self) -> BufferSize:
        """The number of events that wait in the reorder buffer now, and the age of the oldest. Raises Unavailable."""
