"""Telling what was declined: a signed message to the device of the entry, for the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dockvoice_protocol.events import Topics, encode
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.signed import PostingDeclined, signed_declined
from inventory.store.outbox import Message, MessageKind


@dataclass(frozen=True, slots=True)
class DeclinedMessages:
    """Makes the messages of one connector."""

    prefix: str
    connector: str
    signer: Signer

    def message(self, site: str, device: str, event_id: str, why: str, at: datetime) -> Message:
        """That the entry of this event was declined. It is the same message whenever it is made."""
        topics = Topics(self.prefix, site, device)
        declined = PostingDeclined(topics.source, event_id, why, self.connector)
        body = encode(signed_declined(declined, self.signer, at))
        its = (site, device, key_of(self.connector, event_id), topics.decisions)
        return Message(MessageKind.DECLINED, *its, body, self.signer.public)


def key_of(connector: str, event_id: str) -> str:
    """Under which the outbox has it."""
    return f"{connector}/{event_id}"
