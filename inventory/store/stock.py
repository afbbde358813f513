"""Stock moves: what each entry that counts something adds, and what a correction takes back, as rows that only come.

A row is never changed: an amendment takes back what the entry before it added, and adds its own; a cancellation takes
back. So the sum over any of the columns is the stock as it was dictated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from dockvoice_protocol.records import FieldValue, exact
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


def _made_by(event: Event, now: datetime, arrival: int | None) -> Move:
    of = {"event_id": event.event_id, "site": event.site, "device": event.device}
    return {**of, "moved_at": now, "arrival": arrival}


def _said(fields: Mapping[str, FieldValue], names: tuple[str, ...]) -> str | None:
    for name in names:
        if isinstance(value := fields.get(name), str):
            return value
    return None
