"""Tables of version 10 to version 11, which knows when a device said again that something waits."""

from __future__ import annotations

from alembic import op
from sqlalchemy import DateTime, inspect, text

from inventory.store.tables import reviews

revision, down_revision = "11", "10"


def upgrade() -> None:
    """From version 10 to version 11."""
    transaction = op.get_bind()
    if "told_again_at" not in {column["name"] for column in inspect(transaction).get_columns(reviews.name)}:
        kind = DateTime(timezone=True).compile(dialect=transaction.dialect)
        transaction.execute(text(f"ALTER TABLE {reviews.name} ADD COLUMN told_again_at {kind}"))
