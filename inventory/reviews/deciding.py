"""Deciding: what somebody decides about a review, as the message that its device takes. The only way that there is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dockvoice_protocol.events import Topics, encode
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.signed import ReviewDecision, signed_decision
from inventory.reviews.reviews import Review
from inventory.store.outbox import Message, MessageKind


def message(
    review: Review,
    decision: str,
    values: Mapping[str, str],
    who: str,
    reason: str,
    signer: Signer,
    prefix: str,
    now: datetime,
) -> Message:
    """The message for the outbox.

    `decision` is accept, correct or discard; `values` go over what was understood, as the form's fields take them.
    """
    topics = Topics(prefix, review.site, review.device)
    told = ReviewDecision(topics.source, review.event_id, review.utterance_id, decision, values, who, reason)
    its = (review.site, review.device, review.event_id, topics.decisions)
    return Message(MessageKind.DECISION, *its, encode(signed_decision(told, signer, now)), signer.public)
