"""Stock moves: append-only rows with the quantities that entries add and corrections reverse.

A row is never changed: an amendment reverses the row of the entry before it, and adds its own; a cancellation reverses
it. So the sum over any of the columns is the stock as it was dictated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from dockvoice_protocol.records import FieldValue, to_decimal
from dockvoice_protocol.trailer_count import REFUSED
from inventory.records import Event
from inventory.store.tables import stock_moves

_COUNTED = "quantity"  # The field with the quantity.

PALLET_FIELDS, TRAILER_FIELDS = ("pallet_id", "pallet"), ("trailer",)
"""Names, not roles, here and below: an audit computes moves again from events, which do not carry their form."""

STOCK_COLUMNS = {
    "pallet": PALLET_FIELDS,
    "item": ("item",),
    "unit": ("uom", "unit"),
    "lot": ("lot",),
    "location": ("location", "dock", "door"),
}
"""The fields that fill each column: the first with a text value."""

TAKES_BACK, ADDS = 0, 1  # Line numbers within an event: the reversal sorts first.

StockMove = dict[str, Any]


def make_added_move(event: Event, now: datetime, arrival: int | None) -> StockMove | None:
    """The stock move that an entry adds; None without a quantity, or if the pallet was refused."""
    if (its := to_stock_move_values(event.fields or {})) is None:
        return None
    return {**_event_columns(event, now, arrival), "line": ADDS, "entry": event.event_id, "form": event.form, **its}


def to_stock_move_values(fields: Mapping[str, FieldValue]) -> StockMove | None:
    """Quantity and columns of an entry with these values; None without a quantity, or if it was refused."""
    number = fields.get(_COUNTED)
    if isinstance(number, bool) or not isinstance(number, int | float) or fields.get("exception") == REFUSED:
        return None
    return {"quantity": to_decimal(number), **{key: _first_text(fields, names) for key, names in STOCK_COLUMNS.items()}}


def make_reversing_move(before: Mapping[str, Any], event: Event, now: datetime, arrival: int | None) -> StockMove:
    """The stock move with which `event` reverses the row `before`."""
    return {**before, **_event_columns(event, now, arrival), "line": TAKES_BACK, "quantity": -before["quantity"]}


def insert_added_and_reversed_moves(transaction: Connection, event: Event, now: datetime, arrival: int) -> None:
    """Insert the stock moves of one applied event."""
    if event.replaces is not None:
        its = stock_moves.c.event_id == event.replaces, stock_moves.c.line == ADDS
        before = transaction.execute(select(stock_moves).where(*its)).mappings().one_or_none()
        if before is not None:
            transaction.execute(insert(stock_moves).values(make_reversing_move({**before}, event, now, arrival)))
    if (row := make_added_move(event, now, arrival)) is not None:
        transaction.execute(insert(stock_moves).values(row))


def _event_columns(event: Event, now: datetime, arrival: int | None) -> StockMove:
    of = {"event_id": event.event_id, "site": event.site, "device": event.device}
    return {**of, "moved_at": now, "arrival": arrival}


def _first_text(fields: Mapping[str, FieldValue], names: tuple[str, ...]) -> str | None:
    for name in names:
        if isinstance(value := fields.get(name), str):
            return value
    return None
