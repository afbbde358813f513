"""The SQLAlchemy tables of the inventory, for SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
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
    Numeric,
    Sequence,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from dockvoice_protocol.instants import to_utc

FIRST_VERSION = 15  # Version of 1.0. Unreleased programs created lower ones.

VERSION = 17
"""Version of the tables below, raised with every change, so that an old program never writes into newer tables.
Migrations are in revisions/versions, a file for each.
"""


class Moment(TypeDecorator[datetime]):
    """A point in time, in UTC. SQLite has no time zones: the zone is removed on writing and added on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert the moment to UTC without a zone for SQLite, which stores none."""
        if value is None or dialect.name != "sqlite":
            return value
        return to_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the stored moment in UTC; SQLite gives it without a zone."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else to_utc(found)


class _Amount(TypeDecorator[Decimal]):
    """A number to be summed: exact on PostgreSQL. SQLite has no decimals, and sums fractions as doubles."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Numeric on PostgreSQL, floating point on SQLite."""
        return dialect.type_descriptor(Numeric(asdecimal=False) if dialect.name == "sqlite" else Numeric())

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        """Return the stored moment in UTC; SQLite gives it without a zone."""
        return value if value is None or isinstance(value, Decimal) else Decimal(repr(value))


Json = JSON().with_variant(JSONB(), "postgresql")  # JSON that queries can search: JSONB on PostgreSQL.

metadata = MetaData()

versions = Table("dockvoice_inventory", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

ARRIVALS = Sequence("event_arrivals", metadata=metadata)
"""PostgreSQL's numbering of arrivals. SQLite has no sequences: its one writer takes the highest number plus one."""

events = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    # As received, byte for byte: the device's audit chain is computed over it.
    Column("body", Text, nullable=False),
    Column("received_at", Moment, nullable=False, index=True),
    # The order in which events were applied; times are not enough, since a clock can be set back.
    Column("arrival", BigInteger, nullable=False),
    # A device numbers its events: a second event with a number means a copied or an emptied journal.
    UniqueConstraint("site", "device", "sequence", name="one_event_per_sequence"),
)

_ARRIVED = Index("events_as_they_arrived", events.c.arrival)
"""Not unique: a server restored without its sequences would repeat numbers, which must not refuse an entry."""

devices = Table(
    "devices",
    metadata,
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    # Locked while an event of the device is handled, so that consumers agree on the next one.
    Column("handled", BigInteger, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("heard_at", Moment, nullable=False),
    # The journal instance of the last event handled: another one must not continue from there.
    Column("instance", Text),
)

refused = Table(
    "refused",
    metadata,
    # The id is the sender's claim: one device must not be able to refuse another's events in advance.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("reasons", Json, nullable=False),
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
    Column("fields", Json, nullable=False),
    Column("operator", Text),
    Column("utterance_id", Text, nullable=False, index=True),
    Column("recorded_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("replaces", Text, ForeignKey("entries.event_id")),
    # Copied from the event, so that a list of the latest entries reads only the rows that it shows.
    Column("arrival", BigInteger, nullable=False),
    # The operator's answers to questions and corrections needed for it.
    Column("answers", Integer, nullable=False),
    CheckConstraint("state IN ('current', 'amended', 'cancelled')", name="known_state"),
)

_LISTED = (
    Index("entries_as_they_arrived", entries.c.arrival, entries.c.event_id),
    Index("entries_of_operator", entries.c.operator, entries.c.arrival),
    Index("entries_of_form", entries.c.form, entries.c.arrival),
    Index("entries_of_device", entries.c.site, entries.c.device, entries.c.arrival),
    Index("entries_corrected", entries.c.replaces),
    Index("entries_by_time", entries.c.recorded_at, entries.c.arrival),
    Index("events_by_kind", events.c.site, events.c.device, events.c.type, events.c.sequence),
    Index("refused_as_they_came", refused.c.received_at),
)
"""Indexes for lists and searches."""

said = Table(
    "dockvoice_said",
    metadata,
    # Text values of entries, for the search: a pallet, a trailer, a door.
    Column("event_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Index("dockvoice_said_by_value", "value", "field", "arrival", "event_id"),
    Index("dockvoice_said_by_field", "field", "site", "value", "arrival"),
)

MAX_SEARCHED_CHARS = 200  # Longest value that can be searched, in characters; PostgreSQL's index takes 2,700 bytes.

statuses = Table(
    "dockvoice_statuses",
    metadata,
    # The latest status of each device, published by it or by the broker in its place.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("state", Text, nullable=False),  # online, offline or retired
    Column("since", Moment, nullable=False),  # When we received the change to this state.
    Column("heard_at", Moment),  # When the device last published its status.
    Column("online_body", Text),  # Its last online status: a last will has no details.
)

reviews = Table(
    "dockvoice_reviews",  # a site may have a table reviews of its own
    metadata,
    # The device's latest message about each utterance under review.
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
    Column("fields", Json, nullable=False),
    Column("doubtful", Json, nullable=False),
    Column("audio_sha256", Text, nullable=False),
    Column("told_at", Moment, nullable=False),
    Column("body", Text, nullable=False),
)

expected = Table(
    "dockvoice_expected",
    metadata,
    # The latest published list of each trailer or door.
    Column("site", Text, primary_key=True),
    Column("place", Text, primary_key=True),  # `trailer/5501`
    Column("version", BigInteger, nullable=False),
    Column("lines", Json, nullable=False),  # Empty: withdrawn.
    Column("since", Moment, nullable=False),  # Earlier entries are no receipts of this list.
    Column("sources", Json, nullable=False),  # The source of each notice: `expect`, `api`, `connect NAME`.
    Column("body", Text),  # As it was signed last; NULL: not signed yet.
    Column("public_key", Text),  # The signer's, in hex.
)

announced = Table(
    "dockvoice_announced",
    metadata,
    # Each published list as it was signed: a trailer's dossier compares receipts with it, also after a later list
    # replaced it. Lists that only mark received lines are left out.
    Column("site", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("lines", Json, nullable=False),
    Column("written_at", Moment, nullable=False),
    Column("body", Text),  # The first signed body; NULL: not signed yet.
    Column("public_key", Text),  # The signer's, in hex.
)

dossiers = Table(
    "dockvoice_dossiers",
    metadata,
    # The latest version of the dossier of each closed visit, by the entry that closed it: inventory/dossier/issues.py.
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("trailer", Text, nullable=False),
    Column("file", Text, nullable=False),  # Written automatically; "": only made on request.
    Column("sha256", Text, nullable=False),
    Column("written_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Column("filed", Integer, nullable=False),  # The version of the file; 0: none.
    Column("waits", Integer, nullable=False),  # Open decisions at that time.
    Column("kept", Json, nullable=False),  # Its inputs and totals.
    Index("dockvoice_dossiers_of_trailer", "trailer", "site"),
)

dossiers_looked = Table(
    "dockvoice_dossiers_looked",
    metadata,
    # The last event covered by the check for dossiers whose inputs have changed.
    Column("what", Text, primary_key=True),
    Column("arrival", BigInteger, nullable=False),
)

catalogue = Table(
    "dockvoice_catalogue",
    metadata,
    # Every version of each kind of master data, with author, time, reason and source. Rows are never changed or
    # deleted.
    Column("site", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # `docks`, `items.units`, `rules`.
    Column("version", BigInteger, primary_key=True),
    Column("rows", Json, nullable=False),  # Empty: withdrawn.
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("body", Text),  # As signed; NULL: not signed yet.
    Column("public_key", Text),  # The signer's, in hex.
    Column("published_at", Moment),  # When it was inserted into the outbox.
)

pallets = Table(
    "dockvoice_pallets",
    metadata,
    # The entries that name a pallet, so that rules about pallets need not read every entry.
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("pallet", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("trailer", Text),
    Column("came_at", Moment, nullable=False),
    Index("dockvoice_pallets_named", "site", "pallet"),
)

flags = Table(
    "dockvoice_flags",
    metadata,
    # Entries that break a rule of the site's: they are recorded, and await a decision.
    Column("event_id", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("reason", Text, nullable=False),  # A code with its detail: `already_received:dock-4`.
    Column("other", Text),  # The event of the entry that it conflicts with.
    Column("flagged_at", Moment, nullable=False),
    Column("state", Text, nullable=False, index=True),  # open, stands or struck.
    Column("who", Text),
    Column("why", Text),
    Column("decided_at", Moment),
)

postings = Table(
    "dockvoice_postings",
    metadata,
    # The state of each entry's posting in each connector's system; the outbox has when a due one is tried.
    Column("connector", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("arrival", BigInteger, nullable=False),  # Postings are made in this order.
    Column("pallet", Text),  # Postings of one pallet are made one after another; NULL: none.
    Column("state", Text, nullable=False),  # due, posted, declined, reversed or void.
    Column("stands", Boolean, nullable=False),  # Whether its entry counted at the last comparison.
    Column("begun_at", Moment),  # Start of a call without a recorded outcome.
    Column("document", Text),  # Identifier in the other system.
    Column("number", Text),  # Number shown to the other system's users.
    Column("why", Text),  # Reason code of the last refusal.
    Column("said", Text),  # The other system's message of the last refusal.
    Column("changed_at", Moment, nullable=False),
    Index("dockvoice_postings_to_do", "connector", "state", "pallet", "arrival"),
)

clips = Table(
    "dockvoice_clips",
    metadata,
    # Recordings that devices sent, or were asked for; the audio itself is a file.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("utterance_id", Text, primary_key=True),
    Column("audio_sha256", Text, nullable=False),  # As the device signed it.
    Column("state", Text, nullable=False, index=True),
    Column("why", Text),  # Why there is no audio and none will come.
    Column("have", Integer, nullable=False),  # Chunks safe in the file, counted from the first.
    Column("chunks", Integer, nullable=False),  # Total number of chunks; 0: not known yet.
    Column("kept", BigInteger, nullable=False),  # Bytes of the stored chunks.
    Column("bytes", BigInteger, nullable=False),  # Bytes of the whole recording.
    Column("changed_at", Moment, nullable=False),
)

clip_requests = Table(
    "dockvoice_clip_requests",
    metadata,
    # Requests to listen, as signed: the device has the same in its journal.
    Column("request", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("utterance_id", Text, nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("noted_at", Moment),  # When the device confirmed that its journal has it.
)

_PENDING = text("due_at IS NOT NULL")

outbox = Table(
    "dockvoice_outbox",
    metadata,
    # Messages for devices that are not confirmed, and work: store/outbox.py. Inserted in the transaction of the change
    # that they report. SQLite autoincrements only a key of the type INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # The order of publishing.
    Column("kind", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),  # "": all devices of the site. Of work: the connector.
    Column("key", Text, nullable=False),  # Its subject: a later message with the same key replaces it.
    Column("topic", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # Signed. Work has none, and no topic.
    Column("retain", Boolean, nullable=False),
    Column("signed_by", Text, nullable=False),  # The public key, in hex.
    Column("created_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),  # Earliest publishing; NULL: the broker has it, the device has not confirmed.
    Column("published_at", Moment),  # When the broker last acknowledged it.
    Column("error", Text),  # Error of the last attempt.
    UniqueConstraint("kind", "device", "key", "site", name="dockvoice_outbox_one_per_key"),
    Index("dockvoice_outbox_due", "kind", "due_at", postgresql_where=_PENDING, sqlite_where=_PENDING),
    # Otherwise SQLite reuses the id of a deleted row, and a late PUBACK would count for an unpublished message.
    sqlite_autoincrement=True,
)

kafka_outbox = Table(
    "dockvoice_kafka_outbox",
    metadata,
    # Applied events that are not yet written to `kafka.applied`: store/kafka_outbox.py. Of one device, ids are in the
    # order in which its events were applied.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("event_id", Text, nullable=False),
    sqlite_autoincrement=True,  # as for `outbox`: a row that was written is deleted by its id
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

stock_moves = Table(
    "stock_moves",
    metadata,
    # What entries add and corrections reverse: store/stock.py. Append-only.
    Column("event_id", Text, primary_key=True),  # The event of the move.
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),  # The entry of that event, or the one that it replaces.
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("pallet", Text),
    Column("item", Text),
    Column("unit", Text),
    Column("lot", Text),
    Column("location", Text),
    Column("quantity", _Amount, nullable=False),
    Column("moved_at", Moment, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Index("stock_moves_of_pallet", "site", "pallet"),
    Index("stock_moves_of_item", "site", "item"),
    postgresql_partition_by="HASH (event_id)",
)

_PARTITIONS = 8
"""Partitions of stock_moves on PostgreSQL, by the key, so that an event's rows are unique; a power of two splits
evenly."""


@event.listens_for(stock_moves, "after_create")
def _create_partitions(_table: Table, connection: Connection, **_options: object) -> None:
    """Create the partitions, without which the table takes no rows."""
    if connection.dialect.name == "postgresql":
        for number in range(_PARTITIONS):
            part = f"PARTITION OF stock_moves FOR VALUES WITH (MODULUS {_PARTITIONS}, REMAINDER {number})"
            connection.execute(text(f"CREATE TABLE stock_moves_{number} {part}"))


waiting = Table(
    "dockvoice_waiting",
    metadata,
    # The reorder buffer, if several consumers share the work: events that came before their turn.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("came_at", Moment, nullable=False, index=True),
    Column("said", Json, nullable=False),  # The validated content.
    Column("body", LargeBinary, nullable=False),
)
