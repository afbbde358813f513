"""The outbox to Kafka."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision, down_revision = "16", "15"


def upgrade() -> None:
    """Create its table."""
    op.create_table(
        "dockvoice_kafka_outbox",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("event_id", Text, nullable=False),
        sqlite_autoincrement=True,
    )
