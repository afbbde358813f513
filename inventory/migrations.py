"""How tables of an earlier version become those of this program, one version after the other."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    Text,
    cast,
    column,
    delete,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from inventory.tables import (
    ARRIVALS,
    ARRIVED,
    FIRST,
    LISTED,
    SEARCHED,
    VERSION,
    announced,
    catalogue,
    clip_requests,
    clips,
    devices,
    dossiers,
    entries,
    events,
    expected,
    flags,
    metadata,
    pallets,
    refused,
    reviews,
    said,
    statuses,
    versions,
)


def upgrade(transaction: Connection, version: int) -> None:
    """Bring tables of `version`, an earlier one, to this program's."""
    for step in STEPS[version - FIRST :]:
        step(transaction)
    transaction.execute(update(versions).values(version=VERSION))


def _keep_order(transaction: Connection) -> None:
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


def _number_arrivals(transaction: Connection) -> None:
    """Bring tables of version 2, which told the order of arrival by the clock, to version 3, which counts.

    A clock that was set back shows in a device whose later event came earlier: that event takes the time of the one
    before it, so that the events of a device are in the order of their number.
    """
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


def _know_instances(transaction: Connection) -> None:
    """Bring tables of version 3 to version 4, which knows which instance of a device's journal it heard last."""
    if "instance" not in {column["name"] for column in inspect(transaction).get_columns(devices.name)}:
        transaction.execute(text("ALTER TABLE devices ADD COLUMN instance TEXT"))


def _keep_reviews(transaction: Connection) -> None:
    """Bring tables of version 4 to version 5, which keeps what waits for a person on the devices."""
    metadata.create_all(transaction, tables=[reviews])


def _keep_expected(transaction: Connection) -> None:
    """Bring tables of version 5 to version 6, which keeps what is expected at trailers and doors."""
    metadata.create_all(transaction, tables=[expected])


def _keep_announced(transaction: Connection) -> None:
    """Bring tables of version 6 to version 7, which keeps each list as it was signed, and what dossiers were written.

    Of the lists before, the latest is known, without its signature.
    """
    metadata.create_all(transaction, tables=[announced, dossiers])
    known = select(expected.c.site, expected.c.place, expected.c.version, expected.c.lines, expected.c.since)
    columns = ["site", "place", "version", "lines", "written_at"]
    transaction.execute(insert(announced).from_select(columns, known))


def _keep_catalogue(transaction: Connection) -> None:
    """Bring tables of version 7 to version 8, which keeps the sites' master data, and what their rules speak against.

    Of the entries from before, none is looked through: rules are about what comes from now on.
    """
    metadata.create_all(transaction, tables=[catalogue, pallets, flags])


def _list_entries(transaction: Connection) -> None:
    """Bring tables of version 8 to version 9, which finds entries by what they say, and knows how devices are."""
    there = {column["name"] for column in inspect(transaction).get_columns(entries.name)}
    for name, kind in (("arrival", "BIGINT"), ("answers", "INTEGER")):
        if name not in there:
            transaction.execute(text(f"ALTER TABLE entries ADD COLUMN {name} {kind} DEFAULT 0 NOT NULL"))
    its = select(events.c.arrival).where(events.c.event_id == entries.c.event_id).scalar_subquery()
    transaction.execute(update(entries).values(arrival=its, answers=_answers(transaction)))
    for index in LISTED:
        index.create(transaction, checkfirst=True)
    metadata.create_all(transaction, tables=[said, statuses])
    transaction.execute(delete(said))
    value, field, kind, source = _texts(transaction)
    found = (
        select(entries.c.event_id, field, value, entries.c.site, entries.c.arrival)
        .select_from(entries)
        .join(source, true())
    )
    wanted = found.where(kind, func.length(value) <= SEARCHED)
    transaction.execute(insert(said).from_select(["event_id", "field", "value", "site", "arrival"], wanted))


def _answers(transaction: Connection) -> Any:
    body = select(events.c.body).where(events.c.event_id == entries.c.event_id).scalar_subquery()
    if transaction.dialect.name == "sqlite":
        return func.coalesce(func.json_array_length(body, "$.data.support"), 0)
    return func.coalesce(func.jsonb_array_length(cast(body, JSONB)["data"]["support"]), 0)


def _texts(transaction: Connection) -> tuple[Any, Any, Any, Any]:
    """Of each field of an entry: its value, its name, whether that is a text, and where they stand."""
    if transaction.dialect.name == "sqlite":
        each = func.json_each(entries.c.fields).table_valued("key", "value", "type")
        return each.c.value, each.c.key, each.c.type == "text", each
    pairs = func.jsonb_each(entries.c.fields).table_valued(column("key", Text), column("value", JSONB)).lateral()
    value = pairs.c.value.op("#>>")(literal_column("'{}'"))
    return value, pairs.c.key, func.jsonb_typeof(pairs.c.value) == "string", pairs


def _keep_clips(transaction: Connection) -> None:
    """Bring tables of version 9 to version 10, which keeps what devices sent of recordings, and who asked for it."""
    metadata.create_all(transaction, tables=[clips, clip_requests])


def _know_what_is_told_again(transaction: Connection) -> None:
    """Bring tables of version 10 to version 11, which knows when a device said again that something waits."""
    if "told_again_at" not in {column["name"] for column in inspect(transaction).get_columns(reviews.name)}:
        kind = DateTime(timezone=True).compile(dialect=transaction.dialect)
        transaction.execute(text(f"ALTER TABLE {reviews.name} ADD COLUMN told_again_at {kind}"))


STEPS = (
    _keep_order,
    _number_arrivals,
    _know_instances,
    _keep_reviews,
    _keep_expected,
    _keep_announced,
    _keep_catalogue,
    _list_entries,
    _keep_clips,
    _know_what_is_told_again,
)
"""From the first version to the second, from there to the third, and so on."""
