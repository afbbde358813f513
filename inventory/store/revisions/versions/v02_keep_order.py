"""Tables of version 1, which kept no order, to version 2.

Version 1 applied events as they came and forgot what it refused. So a device counts as handled up to its first
number that is not there; from it on the device sends again, and what is there already is a duplicate.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import func, insert, literal, select

from inventory.store.tables import devices, events, metadata, refused

revision, down_revision = "2", "1"


def upgrade() -> None:
    """From version 1 to version 2."""
    transaction = op.get_bind()
    metadata.create_all(transaction, tables=[devices, refused])
    place = func.row_number().over(partition_by=(events.c.site, events.c.device), order_by=events.c.sequence)
    placed = select(
        events.c.site, events.c.device, events.c.sequence, events.c.received_at, place.label("place")
    ).subquery()
    whole = func.coalesce(func.max(placed.c.sequence).filter(placed.c.sequence == placed.c.place), literal(0))
    found = select(
        placed.c.site, placed.c.device, whole, func.max(placed.c.sequence), func.max(placed.c.received_at)
    ).group_by(placed.c.site, placed.c.device)
    transaction.execute(insert(devices).from_select(["site", "device", "handled", "highest", "heard_at"], found))
