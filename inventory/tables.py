"""The tables of the receiving side, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
    text,
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
