"""The stock as dictated: sums of stock moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, case, cast, func, literal, select, tuple_

from inventory.store.stock import STOCK_COLUMNS
from inventory.store.tables import stock_moves

_Place = tuple[str, int]
"""Cursor of a sum: one of its rows, by event and line; the columns that it groups may be any text."""


@dataclass(frozen=True, slots=True)
class StockSum:
    """The stock of one combination of columns: the sum of its rows."""

    pallet: str | None
    item: str | None
    unit: str | None
    lot: str | None
    location: str | None
    quantity: Decimal
    place: _Place


@dataclass(frozen=True, slots=True)
class StockFilter:
    """Filters of the summed rows."""

    site: str
    said: Mapping[str, str]  # Required values by column of `STOCK_COLUMNS`.
    forms: Collection[str] = ()  # Only these; empty: every form.
    until: datetime | None = None  # Moves before then.


def load_stock_sums(
    transaction: Connection, wanted: StockFilter, most: int, after: _Place | None = None
) -> list[StockSum] | None:
    """At most `most` sums other than zero, after a cursor; None if no row of the site matches the cursor.

    Sorted by their columns, NULL first. SQLite groups in that order, and reads no further than the page.
    """
    rows = select(stock_moves).where(*_conditions(wanted)).subquery()
    columns = [rows.c[name] for name in STOCK_COLUMNS]
    exactly = func.sum if transaction.dialect.name == "postgresql" else func.exact_sum  # ours: store/database.py
    total, one_of_it = exactly(rows.c.quantity), func.min(rows.c.event_id + cast(rows.c.line, Text))
    order = [one.nulls_first() for one in columns]
    query = select(*columns, total.label("quantity"), one_of_it.label("place")).group_by(*columns).order_by(*order)
    if after is not None:
        line = literal(after[1], BigInteger)  # a client may send a number larger than any line's
        its = stock_moves.c.site == wanted.site, stock_moves.c.event_id == after[0], stock_moves.c.line == line
        there = transaction.execute(
            select(*_null_first([stock_moves.c[name] for name in STOCK_COLUMNS])).where(*its)
        ).one_or_none()
        if there is None:
            return None
        query = query.where(tuple_(*_null_first(columns)) > tuple_(*there))
    found = transaction.execute(query.having(total != 0).limit(most))
    return [
        StockSum(
            **{name: row[name] for name in STOCK_COLUMNS},
            quantity=Decimal(row["quantity"]),
            place=(row["place"][:-1], int(row["place"][-1])),
        )
        for row in found.mappings()
    ]


def _conditions(wanted: StockFilter) -> list[ColumnElement[bool]]:
    of = [stock_moves.c.site == wanted.site, *(stock_moves.c[name] == value for name, value in wanted.said.items())]
    if wanted.forms:
        of.append(stock_moves.c.form.in_(wanted.forms))
    if wanted.until is not None:
        of.append(stock_moves.c.moved_at < wanted.until)
    return of


def _null_first(columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Sort key with NULL first (SQL cannot compare NULL)."""
    return [by for one in columns for by in (case((one.is_(None), 0), else_=1), func.coalesce(one, ""))]
