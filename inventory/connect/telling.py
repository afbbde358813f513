"""Telling what was declined: a signed word to the device whose operator said it. It stands there until it is heard."""

from __future__ import annotations

from dockvoice_protocol.events import Topics, encode
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.signed import PostingDeclined, signed_declined
from inventory.connect.ledger import Ledger
from inventory.settings import InventorySettings
from inventory.site.sending import send


def tell_declined(settings: InventorySettings, ledger: Ledger, signer: Signer) -> int:
    """Send every word that is owed; how many were. Raises Unavailable, Misconfigured: then they are owed still.

    The broker keeps each for a device that is away. A word that goes twice, after a crash in here, is the same word: it
    says the time of the refusal, and a device takes what is signed alike once.
    """
    told = 0
    for row in ledger.untold():
        topics = Topics(settings.prefix, row.site, row.device)
        word = PostingDeclined(topics.source, row.event_id, row.why, ledger.name)
        send(
            settings,
            f"connect-{ledger.name}",
            {topics.decisions: encode(signed_declined(word, signer, row.changed_at))},
        )
        ledger.told(row.event_id)
        told += 1
    return told
