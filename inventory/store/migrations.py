"""Migrations of the tables from earlier versions: Alembic, in the caller's transaction.

Alembic stores the version as a number in our own table `dockvoice_inventory`, so that older programs see that these
tables are newer than theirs. A revision's name is that number.
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

_ONE = Lock()  # Alembic's `op` is global to the process: one upgrade at a time.


class _Number(TypeDecorator[str]):
    """A number in the database, a string to Alembic."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: Any, _dialect: Dialect) -> str:
        return str(value)


class _OurVersions:
    """Alembic's hook for a version table that is not its own."""

    def version_table_impl(self, *, version_table: str, **_its: object) -> Table:
        return Table(version_table, MetaData(), Column("version", _Number, key="version_num", primary_key=True))


# Alembic uses the class defined last for a dialect.


class _Postgresql(_OurVersions, PostgresqlImpl):
    __dialect__ = "postgresql"


class _Sqlite(_OurVersions, SQLiteImpl):
    __dialect__ = "sqlite"


def migrate(transaction: Connection) -> None:
    """Migrate the tables to this program's version. The caller holds the lock CREATING."""
    with _ONE:
        command.upgrade(_alembic_config(connection=transaction), "head")
    log.warning("the tables are brought up to date: version %d", newest_version())


def newest_version() -> int:
    """The version that the revisions lead to."""
    return int(ScriptDirectory.from_config(_alembic_config()).get_current_head() or 0)


def _alembic_config(**attributes: object) -> Config:
    settings = Config(attributes=attributes)
    settings.set_main_option("script_location", str(REVISIONS).replace("%", "%%"))
    return settings
