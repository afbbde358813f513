"""Decision: the inventory's signed word on what a device has put aside. Made there, checked on the device. Pure.

It names the very review that it is about: what was decided since, or has changed, is another one. So a decision that
comes again, or late, is about nothing that is still open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edge.deliver.events import MalformedMessage, timestamp
from edge.deliver.signed import opened, sealed
from edge.hash_chain import PublicKey, Signer

SIGNED_AS = "dockvoice.decision.v1"
"""What the signed text begins with: no signature of anything else can be taken for one of a decision."""


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What is to become of one utterance that was put aside."""

    source: str  # The device, as events name it.
    review: str  # The event that says that it waits.
    utterance_id: str
    decision: str  # accept, correct or discard.
    values: Mapping[str, str] = field(repr=False)  # Over what was understood, as the form's fields take them.
    who: str
    reason: str


def signed(decision: ReviewDecision, signer: Signer, time: datetime) -> dict[str, Any]:
    """The message, signed."""
    said = {
        "source": decision.source,
        "review": decision.review,
        "utterance_id": decision.utterance_id,
        "decision": decision.decision,
        "values": dict(decision.values),
        "who": decision.who,
        "reason": decision.reason,
        "time": timestamp(time),
    }
    return sealed(said, SIGNED_AS, signer)


def read_decision(payload: bytes, source: str, key: PublicKey) -> ReviewDecision:
    """The decision for the device `source`, signed with `key`. Raises MalformedMessage, Forged."""
    message = opened(payload, SIGNED_AS, "decision.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    return ReviewDecision(**{name: message[name] for name in ReviewDecision.__dataclass_fields__})
