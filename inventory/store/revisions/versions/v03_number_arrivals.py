"""Tables of version 2, which told the order of arrival by the clock, to version 3, which counts.

A clock that was set back shows in a device whose later event came earlier: that event takes the time of the one
before it, so that the events of a device are in the order of their number.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import func, select, text, update

from inventory.store.tables import ARRIVALS, ARRIVED, events

revision, down_revision = "3", "2"


def upgrade() -> None:
    """From version 2 to version 3."""
    transaction = op.get_bind()
    transaction.execute(text("ALTER TABLE events ADD COLUMN arrival BIGINT DEFAULT 0 NOT NULL"))
    device = (events.c.site, events.c.device)
    came = func.max(events.c.received_at).over(partition_by=device, order_by=events.c.sequence)
    timed = select(events.c.event_id, *device, events.c.sequence, came.label("came")).subquery()
    order = (timed.c.came, timed.c.site, timed.c.device, timed.c.sequence)
    placed = select(timed.c.event_id, func.row_number().over(order_by=order).label("place")).subquery()
    transaction.execute(update(events).where(events.c.event_id == placed.c.event_id).values(arrival=placed.c.place))
    ARRIVED.create(transaction)
    if transaction.dialect.name == "postgresql":
        ARRIVALS.create(transaction)
        following = select(func.count() + 1).select_from(events).scalar_subquery()
        transaction.execute(select(func.setval(ARRIVALS.name, following, False)))  # False: it was not used yet
