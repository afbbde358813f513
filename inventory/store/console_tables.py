"""The console's own tables, in the inventory's database: people, sessions, decisions, and an audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Engine, ForeignKey, Index, Integer, MetaData, Table, Text

from inventory.store.request_database import create_or_check_tables
from inventory.store.tables import Json, Moment

_VERSION = 1  # Version of the tables below, separate from the inventory's, which may run without a console.

_metadata = MetaData()

_versions = Table("dockvoice_console", _metadata, Column("version", Integer, primary_key=True, autoincrement=False))

people = Table(
    "dockvoice_console_people",
    _metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text),  # Hashed; NULL: a proxy authenticates.
    Column("added_at", Moment, nullable=False),
)

sessions = Table(
    "dockvoice_console_sessions",
    _metadata,
    # The hash of the cookie only: a reader of this table cannot sign in with it.
    Column("token_sha256", Text, primary_key=True),
    Column("name", Text, ForeignKey("dockvoice_console_people.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
)

attempts = Table(
    "dockvoice_console_attempts",
    _metadata,
    # Wrong passwords, and those being checked.
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("address", Text, nullable=False, index=True),
    Column("at", Moment, nullable=False),
)

deeds = Table(
    "dockvoice_console_deeds",
    _metadata,
    # The audit log: a hash chain.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False, index=True),
    Column("deed", Text, nullable=False),
    Column("about", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),  # The complete record, as it was hashed.
    Column("link", Text, nullable=False),
    Column("keyid", Text),
    Column("signature", Text),  # NULL if the console has no key.
)

decisions = Table(
    "dockvoice_console_decisions",
    _metadata,
    # Decisions about reviews. The primary key lets only one of two concurrent decisions in.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("review", Text, primary_key=True),  # The event that opened the review.
    Column("turn", Integer, primary_key=True, autoincrement=False),  # 1; incremented if the device never answered.
    Column("utterance_id", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("values", Json, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("decided_at", Moment, nullable=False),
)

drills = Table(
    "dockvoice_console_drills",
    _metadata,
    # Power-loss drills of a device or a broker, which show that nothing is lost: counts before and after.
    Column("number", Integer, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("entries_before", BigInteger, nullable=False),
    Column("repeated_before", BigInteger, nullable=False),
    Column("ended_at", Moment),  # NULL: not ended.
    Column("said", Integer),  # The operator's own count of the entries made.
    Column("came", BigInteger),
    Column("repeated", BigInteger),
    Column("missing", BigInteger),
)

Index("dockvoice_console_decided", decisions.c.utterance_id)


def create_or_check_tables_of_console(engine: Engine) -> None:
    """Create the console's tables if missing. Raises Misconfigured for another version's, Unavailable."""
    create_or_check_tables(engine, _versions, _VERSION, "console")
