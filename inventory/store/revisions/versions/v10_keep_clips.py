"""Tables of version 9 to version 10, which keeps what devices sent of recordings, and who asked for it."""

from __future__ import annotations

from alembic import op

from inventory.store.tables import clip_requests, clips, metadata

revision, down_revision = "10", "9"


def upgrade() -> None:
    """From version 9 to version 10."""
    transaction = op.get_bind()
    metadata.create_all(transaction, tables=[clips, clip_requests])
