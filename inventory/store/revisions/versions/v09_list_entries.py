"""Tables of version 8 to version 9, which finds entries by what they say, and knows how devices are."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    Connection,
    Text,
    cast,
    column,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from inventory.store.tables import LISTED, SEARCHED, entries, events, metadata, said, statuses

revision, down_revision = "9", "8"


def upgrade() -> None:
    """From version 8 to version 9."""
    transaction = op.get_bind()
    there = {column["name"] for column in inspect(transaction).get_columns(entries.name)}
    for name, kind in (("arrival", "BIGINT"), ("answers", "INTEGER")):
        if name not in there:
            transaction.execute(text(f"ALTER TABLE entries ADD COLUMN {name} {kind} DEFAULT 0 NOT NULL"))
    its = select(events.c.arrival).where(events.c.event_id == entries.c.event_id).scalar_subquery()
    transaction.execute(update(entries).values(arrival=its, answers=_answers(transaction)))
    for index in LISTED:
        index.create(transaction, checkfirst=True)
    metadata.create_all(transaction, tables=[said, statuses])
    transaction.execute(delete(said))
    value, field, kind, source = _texts(transaction)
    found = (
        select(entries.c.event_id, field, value, entries.c.site, entries.c.arrival)
        .select_from(entries)
        .join(source, true())
    )
    wanted = found.where(kind, func.length(value) <= SEARCHED)
    transaction.execute(insert(said).from_select(["event_id", "field", "value", "site", "arrival"], wanted))


def _answers(transaction: Connection) -> Any:
    body = select(events.c.body).where(events.c.event_id == entries.c.event_id).scalar_subquery()
    if transaction.dialect.name == "sqlite":
        return func.coalesce(func.json_array_length(body, "$.data.support"), 0)
    return func.coalesce(func.jsonb_array_length(cast(body, JSONB)["data"]["support"]), 0)


def _texts(transaction: Connection) -> tuple[Any, Any, Any, Any]:
    """Of each field of an entry: its value, its name, whether that is a text, and where they stand."""
    if transaction.dialect.name == "sqlite":
        each = func.json_each(entries.c.fields).table_valued("key", "value", "type")
        return each.c.value, each.c.key, each.c.type == "text", each
    pairs = func.jsonb_each(entries.c.fields).table_valued(column("key", Text), column("value", JSONB)).lateral()
    value = pairs.c.value.op("#>>")(literal_column("'{}'"))
    return value, pairs.c.key, func.jsonb_typeof(pairs.c.value) == "string", pairs
