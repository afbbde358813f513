"""Publishing expected receipts: lists go to the devices, signed and retained; what the broker took is noted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.records import ExpectedList
from dockvoice_protocol.signed import signed_list
from inventory.settings import InventorySettings
from inventory.site.expected import ExpectedLists
from inventory.site.sending import send


def publish(
    settings: InventorySettings,
    kept: ExpectedLists,
    lists: Sequence[ExpectedList],
    signer: Signer,
    sender: str = "expect",
) -> None:
    """Send them, and note which the broker took: what it did not take goes with the next `expect --received`.

    `sender` is part of the name of the connection. Raises Unavailable, Misconfigured.
    """
    now = datetime.now(UTC)
    messages = {
        Topics.expected(settings.prefix, one.site, str(one.place)): signed_list(one, signer, now) for one in lists
    }
    for one, message in zip(lists, messages.values(), strict=True):
        kept.note_signed(one, message, signer.public)
    send(settings, sender, messages, retain=True)
    kept.note_sent(lists)
