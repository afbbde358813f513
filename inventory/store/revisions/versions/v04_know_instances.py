"""Tables of version 3 to version 4, which knows which instance of a device's journal it heard last."""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect, text

from inventory.store.tables import devices

revision, down_revision = "4", "3"


def upgrade() -> None:
    """From version 3 to version 4."""
    transaction = op.get_bind()
    if "instance" not in {column["name"] for column in inspect(transaction).get_columns(devices.name)}:
        transaction.execute(text("ALTER TABLE devices ADD COLUMN instance TEXT"))
