"""What devices say of recordings, and what they are asked for: dealt with where nothing else waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.mqtt import Delivered
from inventory.ingest.ports import Broker, ClipsDesk
from inventory.ingest.receipts import CLIP

REQUESTS_S = 30.0  # How often it is looked for requests that somebody else could not hand to the broker.


class ClipNews:
    """What came on the topics of recordings. Without a desk nothing is asked for, and nothing comes."""

    def __init__(
        self, broker: Broker, desk: ClipsDesk | None, prefix: str, largest: int, clock: Callable[[], float]
    ) -> None:
        self._broker = broker
        self._desk = desk
        self._prefix = prefix
        self._largest = largest
        self._clock = clock
        self._came = deque[Delivered]()
        self._requests_at: float | None = None
        self._again = False

    @property
    def first(self) -> Delivered | None:
        """What came first of what is not settled."""
        return self._came[0] if self._came else None

    def take(self, message: Delivered) -> None:
        """A device says something of a recording."""
        self._came.append(message)

    def settled(self) -> None:
        """The first is dealt with."""
        self._came.popleft()

    def connected(self) -> None:
        """Requests may have been lost with the connection before."""
        self._requests_at, self._again = self._clock(), True

    def forget(self) -> None:
        """The broker is lost, and sends all of it anew."""
        self._came.clear()
        self._requests_at = None

    def ask(self) -> None:
        """Send the requests that are due. Raises Unavailable."""
        if self._desk is None or self._requests_at is None or self._clock() < self._requests_at:
            return
        for one in self._desk.to_send(again=self._again):
            if self._broker.publish(one.topic, one.body, tag=f"{CLIP}{one.request}"):
                self._desk.sent(one.request)
        self._requests_at, self._again = self._clock() + REQUESTS_S, False
        self._desk.beat()

    def answer(self, message: Delivered) -> tuple[str, bytes, str] | None:
        """Keep what it says: topic, payload and tag of the answer. Raises MalformedMessage, SiteFault, Unavailable."""
        sender = Topics.of(self._prefix, message.topic)
        if len(message.payload) > self._largest:
            raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
        said = None if self._desk is None else self._desk.take(message.payload, sender)
        return None if said is None else (sender.clip_receipts, said, f"{CLIP}{sender.source}")
