"""Tables of version 11 to version 12, which keeps stock moves, and what waits for its turn.

What each entry that is there adds, and what corrections took back since, is written as it would have been at the time.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    ColumnElement,
    Connection,
    Numeric,
    Text,
    case,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from edge.errors import Misconfigured
from inventory.store.stock import ADDS, COUNTED, OF_WHAT, TAKES_BACK
from inventory.store.tables import entries, events, metadata, stock_moves, waiting

revision, down_revision = "12", "11"

CANCELLED = "dockvoice.entry.cancelled.v1"


def upgrade() -> None:
    """From version 11 to version 12."""
    transaction = op.get_bind()
    found = inspect(transaction)
    if found.has_table(stock_moves.name):
        there = {column["name"] for column in found.get_columns(stock_moves.name)}
        if there != {column.name for column in stock_moves.c}:
            raise Misconfigured(f"a table {stock_moves.name} is there and is not Dockvoice's; give yours another name")
    metadata.create_all(transaction, tables=[stock_moves, waiting])
    transaction.execute(delete(stock_moves))
    _add(transaction)
    _take_back(transaction)


def _add(transaction: Connection) -> None:
    columns: dict[str, Any] = {
        **{name: entries.c[name] for name in ("event_id", "site", "device", "form")},
        "line": literal(ADDS),
        "entry": entries.c.event_id,
        "quantity": cast(_value(transaction, COUNTED), Numeric),
        **{
            column: func.coalesce(*(_text(transaction, one) for one in names), null())
            for column, names in OF_WHAT.items()
        },
        "moved_at": events.c.received_at,
        "arrival": events.c.arrival,
    }
    both = entries.join(events, events.c.event_id == entries.c.event_id)
    wanted = select(*columns.values()).select_from(both).where(_is(transaction, COUNTED, "number"))
    transaction.execute(insert(stock_moves).from_select([*columns], wanted))


def _take_back(transaction: Connection) -> None:
    amending = select(entries.c.event_id, entries.c.replaces.label("named")).where(entries.c.replaces.is_not(None))
    cancelling = select(events.c.event_id, _cancels(transaction).label("named")).where(events.c.type == CANCELLED)
    by = union_all(amending, cancelling).subquery()
    columns: dict[str, Any] = {
        **{name: stock_moves.c[name] for name in ("entry", "site", "device", "form", *OF_WHAT)},
        "event_id": by.c.event_id,
        "line": literal(TAKES_BACK),
        "quantity": -stock_moves.c.quantity,
        "moved_at": events.c.received_at,
        "arrival": events.c.arrival,
    }
    undone = by.join(stock_moves, stock_moves.c.event_id == by.c.named).join(events, events.c.event_id == by.c.event_id)
    wanted = select(*columns.values()).select_from(undone).where(stock_moves.c.line == ADDS)
    transaction.execute(insert(stock_moves).from_select([*columns], wanted))


def _value(transaction: Connection, name: str) -> Any:
    if transaction.dialect.name == "sqlite":
        return func.json_extract(entries.c.fields, f"$.{name}")
    return func.jsonb_extract_path_text(entries.c.fields, name)


def _text(transaction: Connection, name: str) -> Any:
    """What the field says, where it is a text."""
    return case((_is(transaction, name, "string"), cast(_value(transaction, name), Text)))


def _is(transaction: Connection, name: str, kind: str) -> ColumnElement[bool]:
    if transaction.dialect.name == "sqlite":
        found = func.json_type(entries.c.fields, f"$.{name}")
        return found == "text" if kind == "string" else or_(found == "integer", found == "real")
    return func.jsonb_typeof(func.jsonb_extract_path(entries.c.fields, name)) == kind


def _cancels(transaction: Connection) -> Any:
    if transaction.dialect.name == "sqlite":
        return func.json_extract(events.c.body, "$.data.cancels")
    return func.jsonb_extract_path_text(cast(events.c.body, JSONB), "data", "cancels")
