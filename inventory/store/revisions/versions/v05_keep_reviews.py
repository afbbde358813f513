"""Tables of version 4 to version 5, which keeps what waits for a person on the devices."""

from __future__ import annotations

from alembic import op

from inventory.store.tables import metadata, reviews

revision, down_revision = "5", "4"


def upgrade() -> None:
    """From version 4 to version 5."""
    transaction = op.get_bind()
    metadata.create_all(transaction, tables=[reviews])
