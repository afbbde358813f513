"""Users' decisions about reviews: the queue, and the decisions, each inserted into the outbox once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, case, func, insert, or_, select, tuple_
from sqlalchemy.exc import IntegrityError

from dockvoice_protocol.instants import parse_iso, to_utc
from inventory.reviews.reviews import Review
from inventory.store.console_tables import decisions
from inventory.store.outbox import Message, MessageKind, insert_messages
from inventory.store.tables import outbox, reviews

_PAGE = 50  # Reviews of one page.
_RECENT = 20  # Decisions that are shown beside it.

_SEPARATOR = "~"  # Between the moment and the id of a page's cursor; neither contains it.

_RETRY_AFTER = timedelta(minutes=10)
"""A connected device answers within seconds: one that has not for so long may never have received the decision."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A user's decision."""

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
    sent_at: datetime | None  # When the broker confirmed it.
    trouble: str | None  # The error of the last attempt to publish it.

    def may_be_decided_anew(self, now: datetime) -> bool:
        """Whether another decision is allowed, since this one was published _RETRY_AFTER ago without an answer."""
        return self.sent_at is not None and now - self.sent_at >= _RETRY_AFTER


class AlreadyDecided(Exception):
    """Another decision about this review came first."""

    def __init__(self, first: Decision) -> None:
        super().__init__(first.review)
        self.first = first


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A decision and what the device answered."""

    decided: Decision
    state: str | None  # Of the review now; None where it is unknown by now.
    entry: str | None  # The event of the entry that it became.


def load_latest_decisions(transaction: Connection, found: Iterable[Review]) -> dict[str, Decision]:
    """The last decision about each of these reviews, by the review's event."""
    keys = [(one.site, one.device, one.event_id) for one in found]
    wanted = _select_decisions_with_outbox().where(
        tuple_(decisions.c.site, decisions.c.device, decisions.c.review).in_(keys)
    )
    return {
        row["review"]: _to_decision(row) for row in transaction.execute(wanted.order_by(decisions.c.turn)).mappings()
    }


def load_decisions(transaction: Connection, site: str, device: str, utterance_id: str) -> list[Decision]:
    """Every decision about an utterance, the latest first."""
    its = (decisions.c.site == site, decisions.c.device == device, decisions.c.utterance_id == utterance_id)
    wanted = _select_decisions_with_outbox().where(*its).order_by(decisions.c.decided_at.desc())
    return [_to_decision(row) for row in transaction.execute(wanted).mappings()]


def record_decision(
    transaction: Connection,
    review: Review,
    decision: str,
    values: Mapping[str, str],
    who: str,
    reason: str,
    message: Message,
    now: datetime,
) -> None:
    """Insert a decision, and its message into the outbox. Raises AlreadyDecided."""
    before = load_latest_decisions(transaction, [review]).get(review.event_id)
    if before is not None and not before.may_be_decided_anew(now):
        raise AlreadyDecided(before)
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
    except IntegrityError:  # a concurrent insert, which PostgreSQL has waited for
        raise AlreadyDecided(load_latest_decisions(transaction, [review])[review.event_id]) from None
    insert_messages(transaction, [message], now)


def count_open_reviews(transaction: Connection) -> int:
    """The number of open reviews."""
    counted = select(func.count()).select_from(reviews).where(reviews.c.state == "open")
    return int(transaction.execute(counted).scalar_one())


def load_open_reviews_page(transaction: Connection, after: str | None) -> tuple[list[Review], str | None]:
    """A page of open reviews, the oldest first, and the cursor of the next page, if any."""
    wanted = select(reviews).where(reviews.c.state == "open").order_by(reviews.c.told_at, reviews.c.event_id)
    moment, _, event_id = (after or "").partition(_SEPARATOR)
    if (cursor_time := parse_iso(moment)) is not None:
        cursor_time = to_utc(cursor_time)
        later = reviews.c.told_at > cursor_time
        wanted = wanted.where(or_(later, (reviews.c.told_at == cursor_time) & (reviews.c.event_id > event_id)))
    rows = transaction.execute(wanted.limit(_PAGE + 1)).mappings().all()
    found = [Review(**{name: row[name] for name in Review.__dataclass_fields__}) for row in rows[:_PAGE]]
    last = found[-1] if len(rows) > _PAGE else None
    return found, None if last is None else f"{last.told_at.isoformat()}{_SEPARATOR}{last.event_id}"


def load_recent_outcomes(transaction: Connection) -> list[_Outcome]:
    """The latest decisions, each with its review's state."""
    recent = _select_decisions_with_outbox().order_by(decisions.c.decided_at.desc()).limit(_RECENT)
    decided = [_to_decision(row) for row in transaction.execute(recent).mappings()]
    keys = [(one.site, one.device, one.utterance_id) for one in decided]
    review = tuple_(reviews.c.site, reviews.c.device, reviews.c.utterance_id)
    wanted = select(reviews.c.utterance_id, reviews.c.state, reviews.c.entry).where(review.in_(keys))
    now = {row.utterance_id: (row.state, row.entry) for row in transaction.execute(wanted)}
    return [_Outcome(one, *now.get(one.utterance_id, (None, None))) for one in decided]


def _select_decisions_with_outbox() -> Select[Any]:
    """Decisions joined with their outbox messages; a message that the device confirmed is deleted."""
    same = (outbox.c[name] == decisions.c[name] for name in ("site", "device"))
    its = and_(*same, outbox.c.kind == MessageKind.DECISION.value, outbox.c.key == decisions.c.review)
    sent_at = case((outbox.c.id.is_(None), decisions.c.decided_at), else_=outbox.c.published_at)
    columns = (decisions, sent_at.label("sent_at"), outbox.c.error.label("trouble"))
    return select(*columns).outerjoin(outbox, its)


def _to_decision(row: RowMapping) -> Decision:
    return Decision(**{name: row[name] for name in Decision.__dataclass_fields__})
