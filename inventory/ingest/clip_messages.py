"""Devices' messages about recordings, which are handled only while no other message waits."""

from __future__ import annotations

from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.mqtt import MessageReceived
from inventory.ingest.ports import ClipMessageHandler
from inventory.ingest.receipts import CLIP_TAG_PREFIX


class ClipMessages:
    """Stores messages about recordings; without a clip receiver none are subscribed."""

    def __init__(self, handler: ClipMessageHandler | None, prefix: str, largest: int) -> None:
        self._handler = handler
        self._prefix = prefix
        self._largest = largest

    def expire_due_clips(self) -> None:
        """Remove expired recordings, where their interval is over. Raises Unavailable."""
        if self._handler is not None:
            self._handler.expire_due_clips()

    def store_and_answer(self, message: MessageReceived) -> tuple[str, bytes, str] | None:
        """Store a message; its answer's topic, payload, tag. Raises MalformedMessage, SiteFault, Unavailable."""
        sender = Topics.parse(self._prefix, message.topic)
        if len(message.payload) > self._largest:
            raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
        answer = None if self._handler is None else self._handler.handle_message(message.payload, sender)
        return None if answer is None else (sender.clip_receipts, answer, f"{CLIP_TAG_PREFIX}{sender.source}")
