"""Events as they were applied, one behind the other: for a program that takes what is new, and misses none.

On PostgreSQL several consumers apply events at once, and each takes its number of arrival before it commits: 101 may
be there before 100. A reader who went on behind 101 would never see 100. So none is handed out before all that took a
lower number have ended: they hold a lock on the sequence that the numbers are of. On SQLite one writes at a time.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, column, select, table, text, tuple_

from dockvoice_protocol.hash_chain import parsed
from inventory.api.asking import Cursor, Limit, Query, Site, cursor, mark
from inventory.api.enquiry import Answer, Endpoint, Enquiry
from inventory.api.entries import next_page
from inventory.api.told import ToldArrival, ToldEvents
from inventory.store.tables import ARRIVALS, events

PLACE = (int, str)

PATIENCE_S = 2.0  # So long those that apply just now are waited for; they take milliseconds, a batch some hundreds.
LOOK_S = 0.02


class AskedEvents(Query):
    """Which events."""

    site: Site | None = None
    limit: Limit = 100
    cursor: Cursor(*PLACE) | None = None  # type: ignore[valid-type] # it makes a type


def arrived(of: Enquiry) -> Answer:
    """Those behind a place, which were applied since."""
    asked: AskedEvents = of.asked
    sites = of.sites(asked.site)
    place: list[str | int] = [0, ""] if asked.cursor is None else mark(asked.cursor, PLACE)
    upto = horizon(of)
    wanted = select(events.c.arrival, events.c.event_id, events.c.received_at, events.c.body)
    wanted = wanted.where(tuple_(events.c.arrival, events.c.event_id) > tuple_(*place))
    if upto is not None:
        wanted = wanted.where(events.c.arrival <= upto)
    if sites is not None:
        wanted = wanted.where(events.c.site.in_(sites))
    with of.look() as transaction:
        rows = transaction.execute(wanted.order_by(events.c.arrival, events.c.event_id).limit(asked.limit + 1)).all()
    page = rows[: asked.limit]
    last = cursor([page[-1].arrival, page[-1].event_id] if page else place)
    told = [_told(row) for row in page]
    return Answer(ToldEvents(events=told, next=next_page(of, last), more=len(rows) > asked.limit))


def _told(row: Any) -> ToldArrival:
    return ToldArrival(arrival=row.arrival, received_at=row.received_at, event=parsed(row.body))


def horizon(of: Enquiry) -> int | None:
    """The number up to which nothing can come any more; None where that is so of every number."""
    with of.look() as transaction:
        if transaction.dialect.name != "postgresql":
            return None
        upto = _last(transaction)
        before = _at_work(transaction)
    until = time.monotonic() + PATIENCE_S
    while before and time.monotonic() < until:
        time.sleep(LOOK_S)
        with of.look() as transaction:
            before &= _at_work(transaction)
    return upto if not before else 0  # one takes its time: nothing is handed out now, and nothing is passed over


def _last(transaction: Connection) -> int:
    """The highest number that anybody has taken."""
    found: int = transaction.execute(select(column("last_value")).select_from(table(ARRIVALS.name))).scalar_one()
    return found


def _at_work(transaction: Connection) -> set[str]:
    """The transactions that have taken a number and are not over."""
    held = text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = CAST(:name AS regclass) "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock'"
    )
    return set(transaction.execute(held, {"name": ARRIVALS.name}).scalars())


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/events",
        "listEvents",
        "Events as they were applied, the first one first",
        arrived,
        AskedEvents,
        ToldEvents,
        more=(
            "For a program that keeps what it has taken: begin without a cursor, take the events of a page and `next` "
            "with them in one transaction of yours, and ask for that the next time. Nothing is passed over and nothing "
            "comes twice, whatever clocks do. An amendment or a cancellation is an event too. After the database was "
            "restored from a copy begin anew, and leave out what you have by its `id`."
        ),
        group="Entries",
    ),
)
