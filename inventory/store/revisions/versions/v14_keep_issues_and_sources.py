"""Tables of version 13 to version 14, which counts versions of dossiers, and knows who announced what."""

from __future__ import annotations

from alembic import op
from sqlalchemy import func, inspect, select, text
from sqlalchemy.dialects.postgresql import JSONB

from inventory.store.tables import dossiers, dossiers_looked, events, expected, metadata

revision, down_revision = "14", "13"

ADDED = (
    (dossiers.name, "version", "INTEGER DEFAULT 1 NOT NULL"),
    (dossiers.name, "filed", "INTEGER DEFAULT 1 NOT NULL"),
    (dossiers.name, "waits", "INTEGER DEFAULT 0 NOT NULL"),
    (dossiers.name, "kept", "JSON"),
    (expected.name, "sources", "JSON"),
)
"""Table, column, and what it is."""


def upgrade() -> None:
    """From version 13 to version 14."""
    transaction = op.get_bind()
    for table, name, kind in ADDED:
        if name not in {column["name"] for column in inspect(transaction).get_columns(table)}:
            json = kind == "JSON" and transaction.dialect.name == "postgresql"
            its = JSONB().compile(dialect=transaction.dialect) if json else kind
            transaction.execute(text(f"ALTER TABLE {table} ADD COLUMN {name} {its}"))
    for index in dossiers.indexes:
        index.create(transaction, checkfirst=True)
    metadata.create_all(transaction, tables=[dossiers_looked])
    # Of what came before this version, every dossier is as its trailer was: nothing is written anew because of it.
    if transaction.execute(select(dossiers_looked.c.arrival)).first() is None:
        newest = transaction.execute(select(func.max(events.c.arrival))).scalar() or 0
        transaction.execute(dossiers_looked.insert().values(what="events", arrival=newest))
