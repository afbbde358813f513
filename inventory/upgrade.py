"""How tables of an earlier version become tables of this one."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, literal, select, update

from inventory.tables import VERSION, devices, events, metadata, refused, versions


def upgrade(transaction: Connection) -> None:
    """Bring tables of version 1, which kept no order, to version 2.

    Version 1 applied events as they came and forgot what it refused. So a device counts as handled up to its first
    number that is not there; from it on the device sends again, and what is there already is a duplicate.
    """
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
    transaction.execute(update(versions).values(version=VERSION))
