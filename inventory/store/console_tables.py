"""The console's own tables, beside the inventory's in the same database: people, sessions, decisions, and an audit."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Engine, ForeignKey, Index, Integer, MetaData, Table, Text

from inventory.store.books import made
from inventory.store.tables import Json, Moment

VERSION = 1
"""Of the tables below, counted apart from the inventory's: its consumer runs with no console beside it."""

metadata = MetaData()

versions = Table("dockvoice_console", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

people = Table(
    "dockvoice_console_people",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text),  # Hashed; None: a proxy says who signs in.
    Column("added_at", Moment, nullable=False),
)

sessions = Table(
    "dockvoice_console_sessions",
    metadata,
    # Of the cookie only its hash: who reads this table cannot sign in with it.
    Column("token_sha256", Text, primary_key=True),
    Column("name", Text, ForeignKey("dockvoice_console_people.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
)

attempts = Table(
    "dockvoice_console_attempts",
    metadata,
    # Passwords that were wrong, or are being looked at just now.
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("address", Text, nullable=False, index=True),
    Column("at", Moment, nullable=False),
)

deeds = Table(
    "dockvoice_console_deeds",
    metadata,
    # The audit log: a chain, each link over the one before it.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False, index=True),
    Column("deed", Text, nullable=False),
    Column("about", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),  # All of it, as it was hashed.
    Column("link", Text, nullable=False),
    Column("keyid", Text),
    Column("signature", Text),  # None where the console has no key.
)

decisions = Table(
    "dockvoice_console_decisions",
    metadata,
    # Decisions about reviews. The primary key lets only one of two concurrent decisions in.
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("review", Text, primary_key=True),  # The event that says that it waits.
    Column("turn", Integer, primary_key=True, autoincrement=False),  # 1; one more where a device never answered.
    Column("utterance_id", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("values", Json, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("decided_at", Moment, nullable=False),
)

drills = Table(
    "dockvoice_console_drills",
    metadata,
    # Somebody pulled the plug of a device or a broker, to see that nothing is lost: what was counted before and after.
    Column("number", Integer, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("entries_before", BigInteger, nullable=False),
    Column("repeated_before", BigInteger, nullable=False),
    Column("ended_at", Moment),  # None: it goes on.
    Column("said", Integer),  # How many entries the operator made, as he counted them.
    Column("came", BigInteger),
    Column("repeated", BigInteger),
    Column("missing", BigInteger),
)

Index("dockvoice_console_decided", decisions.c.utterance_id)


def prepare(engine: Engine) -> None:
    """Make the console's tables if there are none. Raises Misconfigured for those of another version, Unavailable."""
    made(engine, versions, VERSION, "console")
