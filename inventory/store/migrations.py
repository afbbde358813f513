"""How tables of an earlier version become those of this program: Alembic, within the transaction that found them.

Alembic remembers the version in our own table `dockvoice_inventory`, where it has always stood as a number: so programs
of an earlier version read there that these tables are not theirs. A revision's name is that number.
"""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.ddl.sqlite import SQLiteImpl
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Dialect, Integer, MetaData, Table, TypeDecorator

log = logging.getLogger("inventory")

REVISIONS = Path(__file__).parent / "revisions"

_ONE = Lock()  # What Alembic hands to a revision, `op`, is the process's own: one upgrade at a time.


class _Number(TypeDecorator[str]):
    """A number in the database, a name to Alembic."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: Any, _dialect: Dialect) -> str:
        return str(value)


class _OurVersions:
    """Where Alembic looks for the version, in the way that it offers for tables that are not its own."""

    def version_table_impl(self, *, version_table: str, **_its: object) -> Table:
        return Table(version_table, MetaData(), Column("version", _Number, key="version_num", primary_key=True))


# Alembic takes the class that was defined last for the dialect it names.


class _Postgresql(_OurVersions, PostgresqlImpl):
    __dialect__ = "postgresql"


class _Sqlite(_OurVersions, SQLiteImpl):
    __dialect__ = "sqlite"


def upgrade(transaction: Connection) -> None:
    """Bring the tables to this program's version. The caller holds the lock CREATING."""
    with _ONE:
        command.upgrade(_settings(connection=transaction), "head")
    log.warning("the tables are brought up to date: version %d", newest())


def newest() -> int:
    """The version to which the revisions lead."""
    return int(ScriptDirectory.from_config(_settings()).get_current_head() or 0)


def _settings(**attributes: object) -> Config:
    settings = Config(attributes=attributes)
    settings.set_main_option("script_location", str(REVISIONS).replace("%", "%%"))
    return settings
