"""Publishing expected receipts: lists are signed, kept for dossiers, and entered in the outbox, retained."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.records import ExpectedList
from dockvoice_protocol.signed import signed_list
from inventory.site.expected import note_signed
from inventory.store import outbox
from inventory.store.outbox import HELD, Message, MessageKind


def enter(
    transaction: Connection,
    prefix: str,
    lists: Iterable[ExpectedList],
    signer: Signer,
    now: datetime,
    *,
    held: timedelta = HELD,
) -> list[int]:
    """Enter them in the outbox, in the transaction that made them; the ids, for `publish_entered`."""
    messages = []
    for one in lists:
        body = signed_list(one, signer, now)
        note_signed(transaction, one, body, signer.public)
        topic = Topics.expected(prefix, one.site, str(one.place))
        its = (one.site, "", str(one.place), topic)
        messages.append(Message(MessageKind.EXPECTED, *its, body, signer.public, retain=True))
    return outbox.enter(transaction, messages, now, held=held)
