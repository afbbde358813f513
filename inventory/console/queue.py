"""The queue: what waits for a person, a page of it, and what became of what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, tuple_

from dockvoice_protocol.instants import in_utc, instant
from inventory.console.decisions import Decided
from inventory.reviews.reviews import Review
from inventory.store.tables import reviews

PAGE = 50  # Reviews of one page.
LATELY = 20  # Decisions that are shown beside it.

SEPARATOR = "~"  # Between the moment and the id in the place where a page begins; neither has one.


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, and what the device has said of it."""

    decided: Decided
    state: str | None  # Of the review now; None where nothing is known of it any more.
    entry: str | None  # The event of the entry that it became.


def how_many(transaction: Connection) -> int:
    """How many wait."""
    counted = select(func.count()).select_from(reviews).where(reviews.c.state == "open")
    return int(transaction.execute(counted).scalar_one())


def waiting(transaction: Connection, after: str | None) -> tuple[list[Review], str | None]:
    """A page of what waits, the oldest first, and where the next one begins; None where this is the last."""
    wanted = select(reviews).where(reviews.c.state == "open").order_by(reviews.c.told_at, reviews.c.event_id)
    if (place := _place(after)) is not None:
        told_at, event_id = place
        later = reviews.c.told_at > told_at
        wanted = wanted.where(or_(later, (reviews.c.told_at == told_at) & (reviews.c.event_id > event_id)))
    rows = transaction.execute(wanted.limit(PAGE + 1)).mappings().all()
    found = [Review(**{name: row[name] for name in Review.__dataclass_fields__}) for row in rows[:PAGE]]
    last = found[-1] if len(rows) > PAGE else None
    return found, None if last is None else f"{last.told_at.isoformat()}{SEPARATOR}{last.event_id}"


def _place(after: str | None) -> tuple[datetime, str] | None:
    moment, _, event_id = (after or "").partition(SEPARATOR)
    told_at = instant(moment)
    return None if told_at is None else (in_utc(told_at), event_id)


def outcomes(transaction: Connection, decided: Sequence[Decided]) -> list[Outcome]:
    """What became of each."""
    keys = [(one.site, one.device, one.utterance_id) for one in decided]
    place = tuple_(reviews.c.site, reviews.c.device, reviews.c.utterance_id)
    wanted = select(reviews.c.utterance_id, reviews.c.state, reviews.c.entry).where(place.in_(keys))
    now = {row.utterance_id: row for row in transaction.execute(wanted)}
    return [
        Outcome(one, now[one.utterance_id].state, now[one.utterance_id].entry)
        if one.utterance_id in now
        else Outcome(one, None, None)
        for one in decided
    ]
