"""Tables of version 11 to version 12, which keeps what connectors have posted into other systems."""

from __future__ import annotations

from alembic import op

from inventory.tables import metadata, postings

revision, down_revision = "12", "11"


def upgrade() -> None:
    """From version 11 to version 12."""
    metadata.create_all(op.get_bind(), tables=[postings])
