"""The events of one device as they came, applied or refused, in the order of their number."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, Text, cast, exists, func, or_, select, union

from edge.deliver.events import WITHHELD
from inventory.database import reported
from inventory.tables import entries, events, refused

PAGE = 1000  # Rows read in one transaction: it must not keep a consumer waiting.


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the table of entries for an event, as text: whoever altered it may have written anything."""

    site: str
    device: str
    form: str
    fields: str
    operator: str | None
    utterance_id: str
    recorded_at: str
    state: str
    replaces: str | None


@dataclass(frozen=True, slots=True)
class Came:
    """An event of a device."""

    sequence: int
    event_id: str
    type: str | None  # As its row says; None of one that was refused, for that its body alone says.
    body: str | bytes  # As it came.
    withheld: bool  # Whether the device kept its entry back.
    applied: bool  # Otherwise it was refused.
    entered: Entered | None  # The entry made of it; None where there is none.


@dataclass(frozen=True, slots=True)
class Strays:
    """What is in the tables under a device's name and in no trail of its."""

    entries: int  # Entries that no applied event of the device stands behind.
    out_of_turn: int  # Events before the first number, or behind the last one that was handled.

    def __bool__(self) -> bool:
        return self != Strays(0, 0)


_ENTERED = [
    cast(column, Text).label(f"entered_{column.name}")
    for column in map(entries.c.__getitem__, Entered.__dataclass_fields__)
]


def trail(engine: Engine, site: str, device: str, upto: int) -> Iterator[Came]:
    """The events of the device from the first one to number `upto`. Raises Unavailable."""
    applied = (
        select(events.c.sequence, events.c.event_id, events.c.type, events.c.body, *_ENTERED)
        .outerjoin(entries, entries.c.event_id == events.c.event_id)
        .where(events.c.site == site, events.c.device == device, events.c.sequence <= upto)
    )
    turned_down = select(refused.c.sequence, refused.c.event_id, refused.c.body).where(
        refused.c.site == site, refused.c.device == device, refused.c.sequence <= upto
    )
    return heapq.merge(
        map(_applied, _paged(engine, applied, events.c.sequence)),
        map(_refused, _paged(engine, turned_down, refused.c.sequence)),
        key=attrgetter("sequence"),
    )


def strays(engine: Engine, site: str, device: str, upto: int) -> Strays:
    """What is under the device's name beside its trail to number `upto`. Raises Unavailable."""
    behind_it = exists().where(
        events.c.event_id == entries.c.event_id, events.c.site == entries.c.site, events.c.device == entries.c.device
    )
    unfounded = select(func.count()).select_from(entries).where(entries.c.site == site, entries.c.device == device)
    out_of_turn = [
        select(func.count())
        .select_from(table)
        .where(table.c.site == site, table.c.device == device, or_(table.c.sequence < 1, table.c.sequence > upto))
        for table in (events, refused)
    ]
    with reported(engine.url), engine.begin() as transaction:
        return Strays(
            int(transaction.execute(unfounded.where(~behind_it)).scalar_one()),
            sum(int(transaction.execute(count).scalar_one()) for count in out_of_turn),
        )


def names(engine: Engine) -> set[tuple[str, str]]:
    """Site and name of every device that anything in the tables is of. Raises Unavailable."""
    every = union(*(select(table.c.site, table.c.device) for table in (events, refused, entries)))
    with reported(engine.url), engine.begin() as transaction:
        return {(row.site, row.device) for row in transaction.execute(every)}


def _paged(engine: Engine, wanted: Select[Any], number: Any) -> Iterator[RowMapping]:
    last = 0
    while True:
        with reported(engine.url), engine.begin() as transaction:
            page = transaction.execute(wanted.where(number > last).order_by(number).limit(PAGE)).mappings().all()
        if not page:
            return
        yield from page
        last = page[-1]["sequence"]


def _applied(row: RowMapping) -> Came:
    entered = None
    if row["entered_form"] is not None:
        entered = Entered(**{name: row[f"entered_{name}"] for name in Entered.__dataclass_fields__})
    kept_back = row["type"] == WITHHELD
    return Came(row["sequence"], row["event_id"], row["type"], row["body"], kept_back, applied=True, entered=entered)


def _refused(row: RowMapping) -> Came:
    return Came(row["sequence"], row["event_id"], None, row["body"], withheld=False, applied=False, entered=None)
