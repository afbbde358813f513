"""Decisions: what somebody decided about a review, kept signed before it goes out, and decided once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, exists, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from inventory.reviews.reviews import Review
from inventory.store.console_tables import decisions
from inventory.store.tables import reviews

AGAIN = timedelta(minutes=10)
"""A device that is there answers within seconds. One that has not for so long may never have taken it."""

UNDER_WAY = timedelta(seconds=5)
"""A broker that kept a decision hands it over as soon as the device connects, and what came of it follows at once."""


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
    topic: str
    body: bytes = field(repr=False)
    sent_at: datetime | None
    trouble: str | None

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
    wanted = select(decisions).where(tuple_(decisions.c.site, decisions.c.device, decisions.c.review).in_(keys))
    return {row["review"]: _decided(row) for row in transaction.execute(wanted.order_by(decisions.c.turn)).mappings()}


def of_utterance(transaction: Connection, site: str, device: str, utterance_id: str) -> list[Decided]:
    """All that was ever decided about an utterance, the latest first."""
    its = (decisions.c.site == site, decisions.c.device == device, decisions.c.utterance_id == utterance_id)
    wanted = select(decisions).where(*its).order_by(decisions.c.decided_at.desc())
    return [_decided(row) for row in transaction.execute(wanted).mappings()]


def lately(transaction: Connection, limit: int) -> list[Decided]:
    """What was decided last here, the latest first."""
    wanted = select(decisions).order_by(decisions.c.decided_at.desc()).limit(limit)
    return [_decided(row) for row in transaction.execute(wanted).mappings()]


def keep(
    transaction: Connection,
    review: Review,
    decision: str,
    values: Mapping[str, str],
    who: str,
    reason: str,
    message: tuple[str, bytes],
    now: datetime,
) -> None:
    """Keep what somebody decides, to be sent. Raises Taken where it was decided before, by whomever."""
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
        "topic": message[0],
        "body": message[1],
    }
    try:
        with transaction.begin_nested():
            transaction.execute(insert(decisions).values(row))
    except IntegrityError:  # at the same moment; PostgreSQL has waited until he was done
        raise Taken(about(transaction, [review])[review.event_id]) from None


def owed(transaction: Connection) -> list[Decided]:
    """What no broker has taken yet, the oldest first."""
    wanted = select(decisions).where(decisions.c.sent_at.is_(None)).order_by(decisions.c.decided_at)
    return [_decided(row) for row in transaction.execute(wanted).mappings()]


def forgotten(transaction: Connection, now: datetime) -> list[Decided]:
    """What a broker took and never handed over: the device said since, as at each connection, that it still waits.

    A device that has it already does it once. What was decided anew takes the place of what was decided before.
    """
    same = [reviews.c[name] == decisions.c[name] for name in ("site", "device", "utterance_id")]
    same.append(reviews.c.event_id == decisions.c.review)
    later = decisions.alias()
    anew = [later.c[name] == decisions.c[name] for name in ("site", "device", "review")]
    wanted = (
        select(decisions)
        .join(reviews, and_(*same))
        .where(reviews.c.state == "open", reviews.c.told_again_at > decisions.c.sent_at)
        .where(reviews.c.told_again_at <= now - UNDER_WAY)
        .where(~exists().where(*anew, later.c.turn > decisions.c.turn))
        .order_by(decisions.c.decided_at)
    )
    return [_decided(row) for row in transaction.execute(wanted).mappings()]


def sent(transaction: Connection, one: Decided, at: datetime) -> None:
    """A broker has it."""
    transaction.execute(update(decisions).where(*_its(one)).values(sent_at=at, trouble=None))


def troubled(transaction: Connection, one: Decided, why: str) -> None:
    """No broker takes it, and why."""
    transaction.execute(update(decisions).where(*_its(one)).values(trouble=why))


def _its(one: Decided) -> tuple[Any, ...]:
    of = (decisions.c.site == one.site, decisions.c.device == one.device)
    return (*of, decisions.c.review == one.review, decisions.c.turn == one.turn)


def _decided(row: RowMapping) -> Decided:
    return Decided(**{name: row[name] for name in Decided.__dataclass_fields__})
