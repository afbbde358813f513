"""The API's own table, beside the inventory's in the same database: the tokens of programs that may ask."""

from __future__ import annotations

from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text

from inventory.store.books import made
from inventory.store.tables import Json, Moment

VERSION = 1
"""Of the table below, counted apart from the inventory's and the console's: both run with no API beside them."""

metadata = MetaData()

versions = Table("dockvoice_api", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

tokens = Table(
    "dockvoice_api_tokens",
    metadata,
    Column("name", Text, primary_key=True),
    # Of the token only its hash: who reads this table cannot ask with it. It has 256 bits of chance, so that no salt
    # and no slow hash adds anything.
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("grants", Json, nullable=False),  # By site, read or write; `*` for every site.
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ends_at", Moment),  # None: it holds until it is revoked.
    Column("used_at", Moment),  # To the hour; None: never.
)


def prepare(engine: Engine) -> None:
    """Make the API's table if there is none. Raises Misconfigured for one of another version, Unavailable."""
    made(engine, versions, VERSION, "API")
