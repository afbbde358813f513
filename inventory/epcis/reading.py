"""What the inventory's database holds, for EPCIS: every event in the order of its arrival. Nothing is changed there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Select, func, select

from inventory.epcis.history import Happened
from inventory.reviews.flags import FlagState
from inventory.store.database import connect, parse, prepare, reading, reported
from inventory.store.tables import entries, events, flags

AT_ONCE = 1000  # Rows that are fetched at once: a few megabytes, however many there are.


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """The database, for transactions that only read. Raises what Store.open raises."""
    engine = connect(parse(url))
    try:
        prepare(engine, create=False)
        yield reading(engine)
    finally:
        engine.dispose()


def happened(engine: Engine, site: str | None = None) -> Iterator[Happened]:
    """All events, at one moment; of one site only, if it is named. Raises Unavailable."""
    with reported(engine.url), engine.begin() as transaction:
        for row in transaction.execution_options(yield_per=AT_ONCE).execute(_wanted(site)):
            replaced = row.state is not None and row.state != "current"
            yield Happened(
                event_id=row.event_id,
                site=row.site,
                device=row.device,
                sequence=row.sequence,
                type=row.type,
                body=row.body,
                received_at=row.received_at,
                replaced=replaced,
                struck_at=None if replaced else row.struck_at,
            )


def _wanted(site: str | None) -> Select[Any]:
    struck = (
        select(flags.c.event_id, func.min(flags.c.decided_at, type_=flags.c.decided_at.type).label("struck_at"))
        .where(flags.c.state == FlagState.STRUCK.value)
        .group_by(flags.c.event_id)
        .subquery()
    )
    of_event = (
        getattr(events.c, name) for name in ("event_id", "site", "device", "sequence", "type", "body", "received_at")
    )
    wanted = (
        select(*of_event, entries.c.state, struck.c.struck_at)
        .outerjoin(entries, entries.c.event_id == events.c.event_id)
        .outerjoin(struck, struck.c.event_id == events.c.event_id)
        .order_by(events.c.arrival, events.c.event_id)
    )
    return wanted if site is None else wanted.where(events.c.site == site)
