"""What devices say of recordings: dealt with where nothing else waits."""

from __future__ import annotations

from collections import deque

from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.mqtt import Delivered
from inventory.ingest.ports import ClipsDesk
from inventory.ingest.receipts import CLIP


class ClipNews:
    """What came on the topics of recordings. Without a desk nothing comes."""

    def __init__(self, desk: ClipsDesk | None, prefix: str, largest: int) -> None:
        self._desk = desk
        self._prefix = prefix
        self._largest = largest
        self._came = deque[Delivered]()

    @property
    def first(self) -> Delivered | None:
        """What came first of what is not settled."""
        return self._came[0] if self._came else None

    def add(self, message: Delivered) -> None:
        """A device says something of a recording."""
        self._came.append(message)

    def settled(self) -> None:
        """The first is dealt with."""
        self._came.popleft()

    def forget(self) -> None:
        """The broker is lost, and sends all of it anew."""
        self._came.clear()

    def beat(self) -> None:
        """Remove recordings that have outlived their time. Raises Unavailable."""
        if self._desk is not None:
            self._desk.beat()

    def answer(self, message: Delivered) -> tuple[str, bytes, str] | None:
        """Keep what it says: topic, payload and tag of the answer. Raises MalformedMessage, SiteFault, Unavailable."""
        sender = Topics.parse(self._prefix, message.topic)
        if len(message.payload) > self._largest:
            raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
        said = None if self._desk is None else self._desk.receive(message.payload, sender)
        return None if said is None else (sender.clip_receipts, said, f"{CLIP}{sender.source}")
