"""Tables of version 5 to version 6, which keeps what is expected at trailers and doors."""

from __future__ import annotations

from alembic import op

from inventory.store.tables import expected, metadata

revision, down_revision = "6", "5"


def upgrade() -> None:
    """From version 5 to version 6."""
    transaction = op.get_bind()
    metadata.create_all(transaction, tables=[expected])
