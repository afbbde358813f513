"""Reviews: what devices have put aside for a person, and what became of it, as far as they have told.

Of each utterance the latest word counts, whenever it comes: the one of the later life of the device's journal, and of
one life the one with the higher number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from dockvoice_protocol.events import MalformedMessage, Topics, check_review, encode, read_time
from dockvoice_protocol.hash_chain import INSTANCE, Signer
from dockvoice_protocol.signed import ReviewDecision, signed_decision
from inventory.records import Applied, Duplicate
from inventory.store import outbox
from inventory.store.outbox import Message, MessageKind
from inventory.store.tables import reviews


@dataclass(frozen=True, slots=True)
class Review:
    """What a device says of one utterance."""

    site: str
    device: str
    utterance_id: str
    event_id: str
    life: int  # Which life of the device's journal.
    sequence: int  # Of the reviews of the device.
    state: str  # As in schemas/review.schema.json: open, recorded, answered, dropped, retried.
    form: str
    operator: str | None
    reason: str | None  # Why it waits.
    decided_by: str | None  # The operator or the office, where it is decided.
    entry: str | None  # The event of the entry that it became.
    fields: Mapping[str, Any] = field(repr=False)
    doubtful: Mapping[str, str] = field(repr=False)  # Of each field that lacks a value or is in doubt, why.
    audio_sha256: str
    told_at: datetime
    body: str = field(repr=False)  # As it was received.


def read_review(payload: bytes, sender: Topics) -> Review:
    """What the device `sender` says. Raises MalformedMessage."""
    event = check_review(payload)
    if event["source"] != sender.source:
        raise MalformedMessage("/source: names another device than the topic")
    told_at = read_time(event["time"])
    data = event["data"]
    return Review(
        site=sender.site,
        device=sender.device,
        utterance_id=data["utterance"]["id"],
        event_id=event["id"],
        life=int(str(event.get(INSTANCE, "0")).partition("-")[0]),
        sequence=int(event["sequence"]),
        state=data["state"],
        form=data["form"],
        operator=data["operator"],
        reason=data.get("reason"),
        decided_by=data.get("by"),
        entry=data.get("event_id"),
        fields=data["fields"],
        doubtful={one["field"]: one["reason"] for one in reversed(data.get("doubtful", []))},
        audio_sha256=data["utterance"]["audio_sha256"],
        told_at=told_at,
        body=payload.decode(),
    )


def keep(transaction: Connection, review: Review, now: datetime) -> Applied | Duplicate:
    """Keep the latest word on the utterance; by it the decision about the one before is confirmed, or lost."""
    its = (
        reviews.c.site == review.site,
        reviews.c.device == review.device,
        reviews.c.utterance_id == review.utterance_id,
    )
    row = {name: getattr(review, name) for name in Review.__dataclass_fields__}
    row |= {"fields": dict(review.fields), "doubtful": dict(review.doubtful)}
    wanted = select(reviews.c.life, reviews.c.sequence, reviews.c.event_id)
    known = transaction.execute(wanted.where(*its).with_for_update()).one_or_none()
    if known is None:
        transaction.execute(insert(reviews).values(row))
    elif (known.life, known.sequence) >= (review.life, review.sequence):
        if (known.life, known.sequence) == (review.life, review.sequence):
            # A device repeats at each connection what is open: it lacks the decision that the broker took.
            outbox.repeated(transaction, MessageKind.DECISION, review.site, review.device, review.event_id, now)
        return Duplicate()
    else:
        transaction.execute(update(reviews).where(*its).values(row))
        outbox.confirmed(transaction, MessageKind.DECISION, review.site, review.device, known.event_id)
    return Applied()


def load(transaction: Connection, *, every: bool) -> list[Review]:
    """What waits for a person, the oldest first; with `every`, what was decided too."""
    wanted = select(reviews).order_by(reviews.c.told_at, reviews.c.event_id)
    return _read(transaction, wanted if every else wanted.where(reviews.c.state == "open"))


def one(transaction: Connection, site: str, device: str, utterance_id: str) -> Review | None:
    """The latest word on one utterance."""
    its = (reviews.c.site == site, reviews.c.device == device, reviews.c.utterance_id == utterance_id)
    found = _read(transaction, select(reviews).where(*its))
    return found[0] if found else None


def _read(transaction: Connection, wanted: Select[Any]) -> list[Review]:
    rows = transaction.execute(wanted).mappings()
    return [Review(**{name: row[name] for name in Review.__dataclass_fields__}) for row in rows]


def as_json(review: Review) -> dict[str, Any]:
    """For programs: all but the event itself."""
    told = {name: getattr(review, name) for name in Review.__dataclass_fields__ if name not in {"body", "life"}}
    return json.loads(json.dumps(told, default=lambda moment: moment.isoformat()))  # type: ignore[no-any-return]


def decision_message(
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
