"""Stock moves: what each entry that counts something adds, and what a correction takes back, as rows that only come.

A row is never changed: an amendment takes back what the entry before it added, and adds its own; a cancellation takes
back. So the sum over any of the columns is the stock as it was dictated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, case, cast, func, insert, literal, select, tuple_

from edge.records import FieldValue, exact
from inventory.records import Event
from inventory.store.tables import stock_moves

COUNTED = "quantity"
"""The field whose number is added."""

REFUSED = "refused"  # The exception that says that nothing of it was taken: it adds nothing.

OF_WHAT = {
    "pallet": ("pallet_id", "pallet"),
    "item": ("item",),
    "unit": ("uom", "unit"),
    "lot": ("lot",),
    "location": ("location", "dock", "door"),
}
"""By column: the fields that fill it. The first that an entry has, and that says a text."""

TAKES_BACK, ADDS = 0, 1
"""The lines of an event: what it takes back is there before what it adds."""

Move = dict[str, Any]


def added(event: Event, now: datetime, arrival: int | None) -> Move | None:
    """The row for what an entry adds; None where it counts nothing, or nothing of it was taken."""
    if (its := counted(event.fields or {})) is None:
        return None
    return {**_made_by(event, now, arrival), "line": ADDS, "entry": event.event_id, "form": event.form, **its}


def counted(fields: Mapping[str, FieldValue]) -> Move | None:
    """How much of what an entry with these values adds; None where it counts nothing, or nothing of it was taken."""
    number = fields.get(COUNTED)
    if isinstance(number, bool) or not isinstance(number, int | float) or fields.get("exception") == REFUSED:
        return None
    return {"quantity": exact(number), **{column: _said(fields, names) for column, names in OF_WHAT.items()}}


def taken_back(before: Mapping[str, Any], event: Event, now: datetime, arrival: int | None) -> Move:
    """The row with which `event` takes back what the row `before` added."""
    return {**before, **_made_by(event, now, arrival), "line": TAKES_BACK, "quantity": -before["quantity"]}


def book(transaction: Connection, event: Event, now: datetime, arrival: int) -> None:
    """Write the rows of one event that was applied."""
    if event.replaces is not None:
        its = stock_moves.c.event_id == event.replaces, stock_moves.c.line == ADDS
        before = transaction.execute(select(stock_moves).where(*its)).mappings().one_or_none()
        if before is not None:
            transaction.execute(insert(stock_moves).values(taken_back({**before}, event, now, arrival)))
    if (row := added(event, now, arrival)) is not None:
        transaction.execute(insert(stock_moves).values(row))


Place = tuple[str, int]
"""Of a sum among the others: one of its rows, by event and line. What it is the sum of may be any text."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of one thing: what all rows that say the same of it come to."""

    pallet: str | None
    item: str | None
    unit: str | None
    lot: str | None
    location: str | None
    quantity: Decimal
    place: Place


@dataclass(frozen=True, slots=True)
class WantedStock:
    """Which rows are summed."""

    site: str
    said: Mapping[str, str]  # By column of `OF_WHAT`: what it says.
    forms: Collection[str] = ()  # Of these alone; none: of every form.
    until: datetime | None = None  # What moved before then.


def sums(transaction: Connection, wanted: WantedStock, most: int, behind: Place | None = None) -> list[Standing] | None:
    """`most` of what stands that is not zero, those behind a place; None where no row of the site has that place.

    They come in the order of their columns, in each of which nothing comes first. SQLite groups them so, and then reads
    no further than the page.
    """
    rows = select(stock_moves).where(*_conditions(wanted)).subquery()
    columns = [rows.c[name] for name in OF_WHAT]
    exactly = func.sum if transaction.dialect.name == "postgresql" else func.exact_sum  # ours: store/database.py
    total, one_of_it = exactly(rows.c.quantity), func.min(rows.c.event_id + cast(rows.c.line, Text))
    order = [one.nulls_first() for one in columns]
    query = select(*columns, total.label("quantity"), one_of_it.label("place")).group_by(*columns).order_by(*order)
    if behind is not None:
        line = literal(behind[1], BigInteger)  # a number that somebody made up may be larger than any line's
        its = stock_moves.c.site == wanted.site, stock_moves.c.event_id == behind[0], stock_moves.c.line == line
        there = transaction.execute(
            select(*_compared([stock_moves.c[name] for name in OF_WHAT])).where(*its)
        ).one_or_none()
        if there is None:
            return None
        query = query.where(tuple_(*_compared(columns)) > tuple_(*there))
    found = transaction.execute(query.having(total != 0).limit(most))
    return [
        Standing(
            **{name: row[name] for name in OF_WHAT},
            quantity=Decimal(row["quantity"]),
            place=(row["place"][:-1], int(row["place"][-1])),
        )
        for row in found.mappings()
    ]


def _conditions(wanted: WantedStock) -> list[ColumnElement[bool]]:
    of = [stock_moves.c.site == wanted.site, *(stock_moves.c[name] == value for name, value in wanted.said.items())]
    if wanted.forms:
        of.append(stock_moves.c.form.in_(wanted.forms))
    if wanted.until is not None:
        of.append(stock_moves.c.moved_at < wanted.until)
    return of


def _compared(columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """By which a place is found in that order; to a database nothing is neither before nor behind anything."""
    return [by for one in columns for by in (case((one.is_(None), 0), else_=1), func.coalesce(one, ""))]


def _made_by(event: Event, now: datetime, arrival: int | None) -> Move:
    of = {"event_id": event.event_id, "site": event.site, "device": event.device}
    return {**of, "moved_at": now, "arrival": arrival}


def _said(fields: Mapping[str, FieldValue], names: tuple[str, ...]) -> str | None:
    for name in names:
        if isinstance(value := fields.get(name), str):
            return value
    return None
