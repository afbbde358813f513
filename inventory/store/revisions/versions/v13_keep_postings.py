"""Tables of version 12 to version 13, which keeps what connectors have posted into other systems."""

from __future__ import annotations

from alembic import op

from inventory.store.tables import metadata, postings

revision, down_revision = "13", "12"


def upgrade() -> None:
    """From version 12 to version 13."""
    metadata.create_all(op.get_bind(), tables=[postings])
