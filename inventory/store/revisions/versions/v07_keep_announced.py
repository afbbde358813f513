"""Tables of version 6 to version 7, which keeps each list as it was signed, and what dossiers were written.

Of the lists before, the latest is known, without its signature.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import insert, select

from inventory.store.tables import announced, dossiers, expected, metadata

revision, down_revision = "7", "6"


def upgrade() -> None:
    """From version 6 to version 7."""
    transaction = op.get_bind()
    metadata.create_all(transaction, tables=[announced, dossiers])
    known = select(expected.c.site, expected.c.place, expected.c.version, expected.c.lines, expected.c.since)
    columns = ["site", "place", "version", "lines", "written_at"]
    transaction.execute(insert(announced).from_select(columns, known))
