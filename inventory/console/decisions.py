"""Decisions: what somebody decided about a review, entered in the outbox, and decided once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, case, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from inventory.reviews.reviews import Review
from inventory.store.console_tables import decisions
from inventory.store.outbox import Message, MessageKind, enter
from inventory.store.tables import outbox

AGAIN = timedelta(minutes=10)
"""A device that is there answers within seconds. One that has not for so long may never have taken it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided."""

    site: str
    device: str
    review: str
    turn: int
    utterance_id: str
    decision: str
    values: Mapping[str, str] = field(repr=False)
    reason: str
    who: str
    decided_at: datetime
    sent_at: datetime | None  # When a broker took it.
    trouble: str | None  # Why the broker does not take it.

    def may_be_again(self, now: datetime) -> bool:
        """Whether somebody may decide anew, since no device answers. What is not sent yet, still will be."""
        return self.sent_at is not None and now - self.sent_at >= AGAIN


class Taken(Exception):
    """Somebody else was sooner."""

    def __init__(self, first: Decided) -> None:
        """`first` is what he decided."""
        super().__init__(first.review)
        self.first = first


def about(transaction: Connection, found: Iterable[Review]) -> dict[str, Decided]:
    """What was decided last about each of these reviews, by the event that says that it waits."""
    keys = [(one.site, one.device, one.event_id) for one in found]
    wanted = _select().where(tuple_(decisions.c.site, decisions.c.device, decisions.c.review).in_(keys))
    return {row["review"]: _decided(row) for row in transaction.execute(wanted.order_by(decisions.c.turn)).mappings()}


def of_utterance(transaction: Connection, site: str, device: str, utterance_id: str) -> list[Decided]:
    """All that was ever decided about an utterance, the latest first."""
    its = (decisions.c.site == site, decisions.c.device == device, decisions.c.utterance_id == utterance_id)
    wanted = _select().where(*its).order_by(decisions.c.decided_at.desc())
    return [_decided(row) for row in transaction.execute(wanted).mappings()]


def lately(transaction: Connection, limit: int) -> list[Decided]:
    """What was decided last here, the latest first."""
    wanted = _select().order_by(decisions.c.decided_at.desc()).limit(limit)
    return [_decided(row) for row in transaction.execute(wanted).mappings()]


def keep(
    transaction: Connection,
    review: Review,
    decision: str,
    values: Mapping[str, str],
    who: str,
    reason: str,
    message: Message,
    now: datetime,
) -> None:
    """Keep what somebody decides, and enter its message. Raises Taken where it was decided before, by whomever."""
    before = about(transaction, [review]).get(review.event_id)
    if before is not None and not before.may_be_again(now):
        raise Taken(before)
    row = {
        "site": review.site,
        "device": review.device,
        "review": review.event_id,
        "turn": 1 if before is None else before.turn + 1,
        "utterance_id": review.utterance_id,
        "decision": decision,
        "values": dict(values),
        "reason": reason,
        "who": who,
        "decided_at": now,
    }
    try:
        with transaction.begin_nested():
            transaction.execute(insert(decisions).values(row))
    except IntegrityError:  # at the same moment; PostgreSQL has waited until he was done
        raise Taken(about(transaction, [review])[review.event_id]) from None
    enter(transaction, [message], now)


def _select() -> Select[Any]:
    """Decisions with how far their messages have come. One that the device confirmed has none any more."""
    same = (outbox.c[name] == decisions.c[name] for name in ("site", "device"))
    its = and_(*same, outbox.c.kind == MessageKind.DECISION.value, outbox.c.key == decisions.c.review)
    sent_at = case((outbox.c.id.is_(None), decisions.c.decided_at), else_=outbox.c.published_at)
    columns = (decisions, sent_at.label("sent_at"), outbox.c.error.label("trouble"))
    return select(*columns).outerjoin(outbox, its)


def _decided(row: RowMapping) -> Decided:
    return Decided(**{name: row[name] for name in Decided.__dataclass_fields__})
