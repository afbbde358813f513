"""The tables of the receiving side, for SQLite and PostgreSQL alike; how those of an earlier version become these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

FIRST = 1  # The version that applied events as they came, in any order.

VERSION = 7
"""Of the tables below. Raised with every change to them, so that an old program never writes into newer tables."""


class Moment(TypeDecorator[datetime]):
    """A point in time, in UTC. SQLite has no zones: there it is stored without one and comes back with one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


metadata = MetaData()

versions = Table("dockvoice_inventory", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

ARRIVALS = Sequence("event_arrivals", metadata=metadata)
"""PostgreSQL's count of the events that came. SQLite has no sequences; there one transaction writes at a time, and the
highest number tells the next one."""

events = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    # As it was received, byte for byte: what the device's audit chain is computed over.
    Column("body", Text, nullable=False),
    Column("received_at", Moment, nullable=False, index=True),
    # The order in which the events were applied; the time does not tell it, for a clock can be set back. The default is
    # for upgraded tables: without one, SQLite adds no column to a table that has rows.
    Column("arrival", BigInteger, nullable=False, server_default=text("0")),
    # A device counts its events: the same number on another event means a copied or an emptied journal.
    UniqueConstraint("site", "device", "sequence", name="one_event_per_sequence"),
)

ARRIVED = Index("events_as_they_arrived", events.c.arrival)
"""Not a unique one: a server restored without its sequences would count anew, and no entry is refused for that."""

devices = Table(
    "devices",
    metadata,
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    # Its row is locked while an event of the device is handled: that makes "the next one" true for all consumers.
    Column("handled", BigInteger, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("heard_at", Moment, nullable=False),
    # Of the journal that made the last event handled: another one may not go on from there.
    Column("instance", Text),
)

refused = Table(
    "refused",
    metadata,
    # The id is the sender's claim: one device must not be able to refuse in advance what another will send.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("reasons", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("event_id", Text, ForeignKey("events.event_id"), primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("fields", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("operator", Text),
    Column("utterance_id", Text, nullable=False, index=True),
    Column("recorded_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("replaces", Text, ForeignKey("entries.event_id")),
    CheckConstraint("state IN ('current', 'amended', 'cancelled')", name="known_state"),
)

reviews = Table(
    "dockvoice_reviews",  # a site may well have reviews of its own beside ours
    metadata,
    # The latest word of the device on each utterance that it has put aside.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("utterance_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("life", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("form", Text, nullable=False),
    Column("operator", Text),
    Column("reason", Text),
    Column("decided_by", Text),
    Column("entry", Text),
    Column("fields", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("doubtful", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("audio_sha256", Text, nullable=False),
    Column("told_at", Moment, nullable=False),
    Column("body", Text, nullable=False),
)

expected = Table(
    "dockvoice_expected",
    metadata,
    # What is expected at each trailer or door, as it was published last.
    Column("site", Text, primary_key=True),
    Column("place", Text, primary_key=True),  # `trailer/5501`
    Column("version", BigInteger, nullable=False),
    Column("lines", JSON().with_variant(JSONB(), "postgresql"), nullable=False),  # None: it is withdrawn.
    Column("since", Moment, nullable=False),  # What came before that was no receipt of these.
    Column("sent", Boolean, nullable=False),  # Whether the broker took this version.
)

announced = Table(
    "dockvoice_announced",
    metadata,
    # Each list that was published, as it was signed: what a trailer's dossier holds receipts against, also when a later
    # list has taken its place. Lists that say no more than what was received meanwhile are left out.
    Column("site", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("lines", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    Column("written_at", Moment, nullable=False),
    Column("body", Text),  # As it was signed first; None: from before lists were kept so, or nobody has signed it.
    Column("public_key", Text),  # Whose signature that is, in hex.
)

dossiers = Table(
    "dockvoice_dossiers",
    metadata,
    # What the inventory has written by itself, by the entry that closed the trailer.
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("trailer", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("written_at", Moment, nullable=False),
)

rejected = Table(
    "rejected",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
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


STEPS = (_keep_order, _number_arrivals, _know_instances, _keep_reviews, _keep_expected, _keep_announced)
"""From the first version to the second, from there to the third, and so on."""
