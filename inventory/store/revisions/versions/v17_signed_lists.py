"""Each list of expected receipts as it was signed, so that it can be published again."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision, down_revision = "17", "16"


def upgrade() -> None:
    """Add the columns; lists that were published before are without until they are next."""
    for name in ("body", "public_key"):
        op.add_column("dockvoice_expected", Column(name, Text))
