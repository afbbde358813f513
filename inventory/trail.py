"""The events of one device as they came, applied or refused, in the order of their number."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, select

from edge.deliver.events import WITHHELD
from edge.records import FieldValue
from inventory.database import reported
from inventory.tables import entries, events, refused

PAGE = 1000
"""Rows read in one transaction: it must not keep a consumer waiting."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the table of entries for an event."""

    form: str
    fields: Mapping[str, FieldValue]
    operator: str | None


@dataclass(frozen=True, slots=True)
class Came:
    """An event of a device."""

    sequence: int
    body: str | bytes
    """As it came."""
    withheld: bool
    """Whether the device kept its entry back."""
    applied: bool
    """Otherwise it was refused."""
    entered: Entered | None
    """The entry made of it; None where there is none."""


def trail(engine: Engine, site: str, device: str, upto: int) -> Iterator[Came]:
    """The events of the device from the first one to number `upto`. Raises Unavailable."""
    applied = (
        select(events.c.sequence, events.c.type, events.c.body, entries.c.form, entries.c.fields, entries.c.operator)
        .outerjoin(entries, entries.c.event_id == events.c.event_id)
        .where(events.c.site == site, events.c.device == device, events.c.sequence <= upto)
    )
    turned_down = select(refused.c.sequence, refused.c.body).where(
        refused.c.site == site, refused.c.device == device, refused.c.sequence <= upto
    )
    return heapq.merge(
        map(_applied, _paged(engine, applied, events.c.sequence)),
        map(_refused, _paged(engine, turned_down, refused.c.sequence)),
        key=attrgetter("sequence"),
    )


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
    entered = None if row["form"] is None else Entered(row["form"], row["fields"], row["operator"])
    return Came(row["sequence"], row["body"], withheld=row["type"] == WITHHELD, applied=True, entered=entered)


def _refused(row: RowMapping) -> Came:
    return Came(row["sequence"], row["body"], withheld=False, applied=False, entered=None)
