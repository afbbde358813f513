"""Tables of version 7 to version 8, which keeps the sites' master data, and what their rules speak against.

Of the entries from before, none is looked through: rules are about what comes from now on.
"""

from __future__ import annotations

from alembic import op

from inventory.store.tables import catalogue, flags, metadata, pallets

revision, down_revision = "8", "7"


def upgrade() -> None:
    """From version 7 to version 8."""
    transaction = op.get_bind()
    metadata.create_all(transaction, tables=[catalogue, pallets, flags])
