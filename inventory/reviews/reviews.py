"""Reviews: utterances put under review by devices, and the reported decisions.

Of each utterance only the latest message counts, by journal instance and number, in whatever order messages arrive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from dockvoice_protocol.events import MalformedMessage, Topics, parse_review, parse_time, to_json_bytes
from dockvoice_protocol.hash_chain import INSTANCE, Signer
from dockvoice_protocol.signed import ReviewDecision, sign_decision
from inventory.records import Applied, Duplicate
from inventory.store import outbox
from inventory.store.outbox import Message, MessageKind
from inventory.store.tables import reviews


@dataclass(frozen=True, slots=True)
class Review:
    """A device's message about one utterance."""

    site: str
    device: str
    utterance_id: str
    event_id: str
    life: int  # Number of the journal's instance.
    sequence: int  # Number among the device's reviews.
    state: str  # As in schemas/review.schema.json: open, recorded, answered, dropped, retried.
    form: str
    operator: str | None
    reason: str | None  # Why it is under review.
    decided_by: str | None  # The operator or the office, if decided.
    entry: str | None  # The event of the resulting entry.
    fields: Mapping[str, Any] = field(repr=False)
    doubtful: Mapping[str, str] = field(repr=False)  # Why each missing or doubtful field is so.
    audio_sha256: str
    told_at: datetime
    body: str = field(repr=False)  # As received.


def read_review(payload: bytes, sender: Topics) -> Review:
    """Parse a message of the device `sender`. Raises MalformedMessage."""
    event = parse_review(payload)
    if event["source"] != sender.source:
        raise MalformedMessage("/source: names another device than the topic")
    event_time = parse_time(event["time"])
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
        told_at=event_time,
        body=payload.decode(),
    )


def store_review_and_settle_decision(transaction: Connection, review: Review, now: datetime) -> Applied | Duplicate:
    """Store the message if it is the latest; delete the confirmed decision from the outbox, or repeat a lost one."""
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
            # A device repeats its open reviews at each connection, so it lacks the decision that the broker
            # acknowledged.
            outbox.schedule_republish(
                transaction, MessageKind.DECISION, review.site, review.device, review.event_id, now
            )
        return Duplicate()
    else:
        transaction.execute(update(reviews).where(*its).values(row))
        outbox.delete_confirmed(transaction, MessageKind.DECISION, review.site, review.device, known.event_id)
    return Applied()


def load_reviews(transaction: Connection, *, every: bool) -> list[Review]:
    """Open reviews, the oldest first; with `every`, decided ones too."""
    wanted = select(reviews).order_by(reviews.c.told_at, reviews.c.event_id)
    return _load(transaction, wanted if every else wanted.where(reviews.c.state == "open"))


def load_review(transaction: Connection, site: str, device: str, utterance_id: str) -> Review | None:
    """The latest message about one utterance."""
    its = (reviews.c.site == site, reviews.c.device == device, reviews.c.utterance_id == utterance_id)
    found = _load(transaction, select(reviews).where(*its))
    return found[0] if found else None


def _load(transaction: Connection, wanted: Select[Any]) -> list[Review]:
    rows = transaction.execute(wanted).mappings()
    return [Review(**{name: row[name] for name in Review.__dataclass_fields__}) for row in rows]


def review_to_json(review: Review) -> dict[str, Any]:
    """All fields except the event's body and the instance, for JSON."""
    content = {name: getattr(review, name) for name in Review.__dataclass_fields__ if name not in {"body", "life"}}
    return json.loads(json.dumps(content, default=lambda moment: moment.isoformat()))  # type: ignore[no-any-return]


def build_decision_message(
    review: Review,
    decision: str,
    values: Mapping[str, str],
    who: str,
    reason: str,
    signer: Signer,
    prefix: str,
    now: datetime,
) -> Message:
    """Build the signed message with a decision about a review, for the outbox.

    `decision` is accept, correct or discard; `values` override the recognised ones, in the form's text format.
    """
    topics = Topics(prefix, review.site, review.device)
    content = ReviewDecision(topics.source, review.event_id, review.utterance_id, decision, values, who, reason)
    its = (review.site, review.device, review.event_id, topics.decisions)
    return Message(MessageKind.DECISION, *its, to_json_bytes(sign_decision(content, signer, now)), signer.public)
