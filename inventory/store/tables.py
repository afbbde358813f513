"""The tables of the receiving side, for SQLite and PostgreSQL alike."""

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

from dockvoice_protocol.instants import in_utc

FIRST = 15  # That of 1.0. Programs that were never released made tables of lower ones.

VERSION = 15
"""Of the tables below. Raised with every change to them, so that an old program never writes into newer ones. How those
of an earlier version become these is in revisions/versions, a file for each."""


class Moment(TypeDecorator[datetime]):
    """A point in time, in UTC. SQLite has no zones: there it is stored without one and comes back with one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return in_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else in_utc(found)


class Amount(TypeDecorator[Decimal]):
    """A number to be summed: exact on PostgreSQL. SQLite has no decimals, and sums fractions as doubles."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """What the database keeps."""
        return dialect.type_descriptor(Numeric(asdecimal=False) if dialect.name == "sqlite" else Numeric())

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        """From the database."""
        return value if value is None or isinstance(value, Decimal) else Decimal(repr(value))


Json = JSON().with_variant(JSONB(), "postgresql")
"""What has parts, as the database can look into it."""

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
    # The order in which the events were applied; the time does not tell it, for a clock can be set back.
    Column("arrival", BigInteger, nullable=False),
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
    # Copied from the event, so that a list that shows the latest of a hundred thousand reads no more than it shows.
    Column("arrival", BigInteger, nullable=False),
    # How often its operator had to say something besides: answers to questions, and corrections.
    Column("answers", Integer, nullable=False),
    CheckConstraint("state IN ('current', 'amended', 'cancelled')", name="known_state"),
)

LISTED = (
    Index("entries_as_they_arrived", entries.c.arrival, entries.c.event_id),
    Index("entries_of_operator", entries.c.operator, entries.c.arrival),
    Index("entries_of_form", entries.c.form, entries.c.arrival),
    Index("entries_of_device", entries.c.site, entries.c.device, entries.c.arrival),
    Index("entries_corrected", entries.c.replaces),
    Index("entries_by_time", entries.c.recorded_at, entries.c.arrival),
    Index("events_by_kind", events.c.site, events.c.device, events.c.type, events.c.sequence),
    Index("refused_as_they_came", refused.c.received_at),
)
"""What lists and searches go by."""

said = Table(
    "dockvoice_said",
    metadata,
    # The texts among an entry's fields, by which it is searched for: a pallet, a trailer, a door.
    Column("event_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Index("dockvoice_said_by_value", "value", "field", "arrival", "event_id"),
    Index("dockvoice_said_by_field", "field", "site", "value", "arrival"),
)

SEARCHED = 200
"""Longest value that can be searched, in characters; PostgreSQL's index takes 2,700 bytes."""

statuses = Table(
    "dockvoice_statuses",
    metadata,
    # What a device, or the broker in its place, said last of its connection and of itself.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("state", Text, nullable=False),  # online, offline or retired
    Column("since", Moment, nullable=False),  # When it was heard here that this is its state.
    Column("heard_at", Moment),  # When the device last said anything of itself.
    Column("online_body", Text),  # What it said of itself when it was online last: a last will says nothing of it.
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
    Column("fields", Json, nullable=False),
    Column("doubtful", Json, nullable=False),
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
    Column("lines", Json, nullable=False),  # None: it is withdrawn.
    Column("since", Moment, nullable=False),  # What came before that was no receipt of these.
    Column("sources", Json, nullable=False),  # Who published each notice: `expect`, `api`, `connect NAME`.
)

announced = Table(
    "dockvoice_announced",
    metadata,
    # Each list that was published, as it was signed: what a trailer's dossier holds receipts against, also when a later
    # list has taken its place. Lists that say no more than what was received meanwhile are left out.
    Column("site", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("lines", Json, nullable=False),
    Column("written_at", Moment, nullable=False),
    Column("body", Text),  # As it was signed first; None: not signed yet.
    Column("public_key", Text),  # Whose signature that is, in hex.
)

dossiers = Table(
    "dockvoice_dossiers",
    metadata,
    # The latest version of the dossier of each closed visit, by the entry that closed it: inventory/dossier/issues.py.
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("trailer", Text, nullable=False),
    Column("file", Text, nullable=False),  # That the inventory has written by itself; "": only made on request.
    Column("sha256", Text, nullable=False),
    Column("written_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Column("filed", Integer, nullable=False),  # The version of that file; 0: there is none.
    Column("waits", Integer, nullable=False),  # How much a person was left to decide then.
    Column("kept", Json, nullable=False),  # What it rests on, and what it comes to.
    Index("dockvoice_dossiers_of_trailer", "trailer", "site"),
)

dossiers_looked = Table(
    "dockvoice_dossiers_looked",
    metadata,
    # Up to which event it was looked whether a dossier that was written rests on something else now.
    Column("what", Text, primary_key=True),
    Column("arrival", BigInteger, nullable=False),
)

catalogue = Table(
    "dockvoice_catalogue",
    metadata,
    # Every version of each kind of master data: who made it, when, why and from what. None is ever changed or deleted.
    Column("site", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # `docks`, `items.units`, `rules`.
    Column("version", BigInteger, primary_key=True),
    Column("rows", Json, nullable=False),  # None: it is withdrawn.
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("body", Text),  # As it was signed; None: not signed yet.
    Column("public_key", Text),  # Whose signature that is, in hex.
    Column("published_at", Moment),  # When it was entered in the outbox.
)

pallets = Table(
    "dockvoice_pallets",
    metadata,
    # Which entries name a pallet: so that rules about pallets need not read every entry.
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
    # Entries that a rule of the site's speaks against: they are recorded, and a person decides about them.
    Column("event_id", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("reason", Text, nullable=False),  # A code with what it is about: `already_received:dock-4`.
    Column("other", Text),  # The event of the entry that it is held against.
    Column("flagged_at", Moment, nullable=False),
    Column("state", Text, nullable=False, index=True),  # open, stands or struck.
    Column("who", Text),
    Column("why", Text),
    Column("decided_at", Moment),
)

postings = Table(
    "dockvoice_postings",
    metadata,
    # What each connector has made of an entry in the system that it posts into, and what it still owes.
    Column("connector", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("arrival", BigInteger, nullable=False),  # In this order they are posted.
    Column("pallet", Text),  # Of one pallet one after the other; None: it names none.
    Column("state", Text, nullable=False),  # due, posted, declined, reversed or void.
    Column("stands", Boolean, nullable=False),  # Whether its entry counted when that was last looked at.
    Column("attempts", Integer, nullable=False),  # That failed in a row.
    Column("next_at", Moment, nullable=False),  # Not before.
    Column("begun_at", Moment),  # When a try was begun of which no end is known.
    Column("document", Text),  # As the other system names it.
    Column("number", Text),  # As its people name it.
    Column("why", Text),  # The code of the last refusal.
    Column("said", Text),  # What the other side said last, where it did not do it.
    Column("changed_at", Moment, nullable=False),
    Index("dockvoice_postings_to_do", "connector", "state", "arrival"),
    Index("dockvoice_postings_of_pallet", "connector", "pallet", "arrival"),
)

clips = Table(
    "dockvoice_clips",
    metadata,
    # The recordings that devices sent, or were asked for; the sound itself is a file.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("utterance_id", Text, primary_key=True),
    Column("audio_sha256", Text, nullable=False),  # As the device signed it.
    Column("state", Text, nullable=False, index=True),
    Column("why", Text),  # Why there is no sound, where none comes.
    Column("have", Integer, nullable=False),  # How many chunks are safe in the file, from the first on.
    Column("chunks", Integer, nullable=False),  # How many there are; 0: the device has not said.
    Column("kept", BigInteger, nullable=False),  # Bytes of those.
    Column("bytes", BigInteger, nullable=False),  # Of the whole.
    Column("changed_at", Moment, nullable=False),
)

clip_requests = Table(
    "dockvoice_clip_requests",
    metadata,
    # Who asked to hear them, as it was signed: the device has the same in its journal.
    Column("request", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("utterance_id", Text, nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("noted_at", Moment),  # When the device said that it is in its journal.
)

outbox = Table(
    "dockvoice_outbox",
    metadata,
    # Messages for devices that are not confirmed: store/outbox.py. Written in the transaction of what they tell of.
    # SQLite numbers by itself only a key of the type INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # They are published in this order.
    Column("kind", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),  # "": all devices of the site.
    Column("key", Text, nullable=False),  # What it tells of: a later message about the same replaces it.
    Column("topic", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # Signed.
    Column("retain", Boolean, nullable=False),
    Column("signed_by", Text, nullable=False),  # The public key, in hex.
    Column("created_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, index=True),  # Not published before; None: the broker took it, the device is silent.
    Column("published_at", Moment),  # When the broker last took it.
    Column("error", Text),  # Why the last attempt failed.
    UniqueConstraint("kind", "site", "device", "key", name="dockvoice_outbox_one_per_key"),
    # Otherwise SQLite gives the id of a deleted row to the next, and a late PUBACK counts for what was not published.
    sqlite_autoincrement=True,
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
    # What each entry that counts something adds, and what corrections take back: store/stock.py. Rows only come.
    Column("event_id", Text, primary_key=True),  # The event by which it moved.
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),  # What it is about: the entry of that event, or the one that it replaces.
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("pallet", Text),
    Column("item", Text),
    Column("unit", Text),
    Column("lot", Text),
    Column("location", Text),
    Column("quantity", Amount, nullable=False),
    Column("moved_at", Moment, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Index("stock_moves_of_pallet", "site", "pallet"),
    Index("stock_moves_of_item", "site", "item"),
    postgresql_partition_by="HASH (event_id)",
)

PARTITIONS = 8
"""Of stock_moves on PostgreSQL: by its key, so that an event's rows are there once; a power of two splits evenly."""


@event.listens_for(stock_moves, "after_create")
def _partition(_table: Table, connection: Connection, **_options: object) -> None:
    """A partitioned table holds nothing without its parts."""
    if connection.dialect.name == "postgresql":
        for number in range(PARTITIONS):
            part = f"PARTITION OF stock_moves FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            connection.execute(text(f"CREATE TABLE stock_moves_{number} {part}"))


waiting = Table(
    "dockvoice_waiting",
    metadata,
    # Events that came before their turn, where several consumers share the work: they wait for what comes before them.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("came_at", Moment, nullable=False, index=True),
    Column("said", Json, nullable=False),  # What the judge made of it.
    Column("body", LargeBinary, nullable=False),
)
