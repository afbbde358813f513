"""What the consumer asks of the world outside, as Protocols; the fakes of the tests implement them too."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from dockvoice_protocol.events import Topics
from dockvoice_protocol.mqtt import Delivered
from inventory.records import Applied, Applying, Became, Duplicate, Event, Unfit, Waiting
from inventory.reviews.reviews import Review
from inventory.store.statuses import StatusWord


class Broker(Protocol):
    """The part of `dockvoice_protocol.mqtt.Session` that a consumer needs."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        ...

    @property
    def welcomed(self) -> bool:
        """Whether the broker has taken the connection; what it kept may come before messages can be sent."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why the last try to connect failed."""
        ...

    def start(self) -> None:
        """Connect, and stay connected."""
        ...

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        """Send at QoS 1; False where there is no connection."""
        ...

    def acknowledge(self, delivered: Delivered) -> None:
        """Tell the broker that the message need not come again."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Send what is waiting, and disconnect."""
        ...


class ReviewShelf(Protocol):
    """Where a consumer keeps what devices say of reviews."""

    def review(self, review: Review) -> Applied | Duplicate:
        """Keep it; raises Unavailable."""
        ...


class StatusShelf(Protocol):
    """Where a consumer keeps what devices say of themselves."""

    def record(self, words: Sequence[StatusWord]) -> None:
        """Keep all of it, in this order. Raises Unavailable."""
        ...

    def missed(self, heard: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Take for away all that were linked and are not among these. Raises Unavailable."""
        ...


class ClipsDesk(Protocol):
    """Where a consumer keeps what devices say of recordings."""

    def receive(self, payload: bytes, sender: Topics) -> bytes | None:
        """Keep it; the answer, if there is one. Raises MalformedMessage, Unavailable."""
        ...

    def beat(self) -> None:
        """To be called now and then. Raises Unavailable."""
        ...


class Dossiers(Protocol):
    """Who writes what a trailer brought, when it is closed, and again when more is known of it."""

    def applied(self, form: str) -> None:
        """An event of this form was applied."""
        ...

    def reviewed(self, review: Review) -> None:
        """A device said what waits for a person, or what became of it."""
        ...

    def beat(self) -> None:
        """To be called at every turn: never waits, never fails."""
        ...


class Shelf(Protocol):
    """The part of `inventory.repository.Store` that a consumer needs."""

    def apply(self, event: Event | Unfit) -> Applying:
        """Apply the event once, in its turn, or refuse it; raises Unavailable, and SiteFault for this event alone."""
        ...

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        """Keep what cannot be answered; raises Unavailable."""
        ...

    def answers(self) -> None:
        """Raises Unavailable where the database is away."""
        ...


class BatchShelf(Protocol):
    """The part of the store that a consumer needs to apply many events at once."""

    def apply_all(self, given: Sequence[Event | Unfit], *, hold: bool) -> list[Became] | None:
        """What becomes of these, and behind them of what waited for one; None: one by one. Raises Unavailable."""
        ...

    def overdue(self, patience: timedelta) -> list[Became]:
        """What waited for so long in vain, and what need not wait any longer. Raises Unavailable."""
        ...

    def waiting(self) -> Waiting:
        """What waits for its turn. Raises Unavailable."""
        ...
