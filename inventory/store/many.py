"""Many rows in one statement, on SQLite and PostgreSQL alike.

PostgreSQL gets all rows as one JSON value, so a statement's text does not depend on their number, and the site's
triggers and rules apply as for any INSERT (COPY would bypass rules). Arrays (`unnest`) take the driver five times as
long to encode.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from pydantic_core import to_json
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    FromClause,
    Insert,
    LargeBinary,
    Select,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from inventory.store.tables import Moment

_Row = Mapping[str, Any]


@contextmanager
def pipelined(transaction: Connection) -> Iterator[None]:
    """Run the block in psycopg's pipeline mode, without waiting for answers; errors surface on exit."""
    driver = transaction.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        yield
        return
    try:
        with driver.pipeline():
            yield
    except psycopg.Error as fault:  # raised outside of SQLAlchemy, which would wrap it
        raise DBAPIError.instance(None, None, fault, psycopg.Error, dialect=transaction.dialect) from fault


def insert_rows(transaction: Connection, table: Table, rows: Sequence[_Row]) -> None:
    """Insert these rows, which have the same columns."""
    if rows and transaction.dialect.name == "postgresql":
        names = tuple(rows[0])
        transaction.execute(_insert_statement(table, names), _to_parameter(rows))
    elif rows:
        transaction.execute(insert(table), list(rows))


def insert_new_rows(transaction: Connection, table: Table, rows: Sequence[_Row]) -> None:
    """Insert these rows, skipping those that conflict with existing ones."""
    if rows and transaction.dialect.name == "postgresql":
        names = tuple(rows[0])
        transaction.execute(_insert_new_statement(table, names), _to_parameter(rows))
    elif rows:
        transaction.execute(insert(table).prefix_with("OR IGNORE"), list(rows))


def update_rows(transaction: Connection, table: Table, keys: Sequence[str], rows: Sequence[_Row]) -> None:
    """Update the rows matched by `keys` to the other values of these rows."""
    if rows and transaction.dialect.name == "postgresql":
        names = tuple(rows[0])
        transaction.execute(_update_statement(table, tuple(keys), names), _to_parameter(rows))
    elif rows:
        names = tuple(name for name in rows[0] if name not in keys)
        its = and_(*(table.c[key] == bindparam(f"its_{key}") for key in keys))
        changed = update(table).where(its).values({name: bindparam(f"to_{name}") for name in names})
        given = [{f"to_{name}": row[name] for name in names} | {f"its_{key}": row[key] for key in keys} for row in rows]
        transaction.execute(changed, given)


def delete_rows(transaction: Connection, table: Table, rows: Sequence[_Row]) -> None:
    """Delete the rows that have these values, at least one row."""
    names = tuple(rows[0])
    if transaction.dialect.name == "postgresql":
        gone = tuple_(*(table.c[name] for name in names)).in_(select(*_json_source(table, names).c))
        transaction.execute(delete(table).where(gone), _to_parameter(rows))
    else:
        these = [tuple(row[name] for name in names) for row in rows]
        transaction.execute(delete(table).where(tuple_(*(table.c[name] for name in names)).in_(these)))


def select_by_keys(
    transaction: Connection, query: Select[Any], table: Table, keys: Sequence[str], of: Collection[Any]
) -> Any:
    """Execute `query`, limited to rows of `table` whose `keys` equal one of these tuples."""
    if transaction.dialect.name != "postgresql":
        # SQLite scans the table for a list of tuples; a join uses the index.
        given = func.json_each(bindparam("every", type_=Text)).table_valued("value", name="given")
        its = (table.c[key] == func.json_extract(given.c.value, f"$[{n}]") for n, key in enumerate(keys))
        return transaction.execute(query.where(*its), {"every": to_json([*{*of}]).decode()})
    rows = [dict(zip(keys, one, strict=True)) for one in of]
    source = _json_source(table, tuple(keys))
    met = query.where(tuple_(*(table.c[key] for key in keys)).in_(select(*source.c)))
    return transaction.execute(met, _to_parameter(rows))


@cache
def _insert_statement(table: Table, names: tuple[str, ...]) -> Insert:
    return insert(table).from_select(list(names), select(*_value_columns(table, names)))


@cache
def _insert_new_statement(table: Table, names: tuple[str, ...]) -> Insert:
    made = postgresql.insert(table).from_select(list(names), select(*_value_columns(table, names)))
    return made.on_conflict_do_nothing()


@cache
def _update_statement(table: Table, keys: tuple[str, ...], names: tuple[str, ...]) -> Update:
    source = _json_source(table, names)
    its = and_(*(table.c[key] == source.c[key] for key in keys))
    return update(table).where(its).values({name: source.c[name] for name in names if name not in keys})


def _value_columns(table: Table, names: tuple[str, ...]) -> list[Any]:
    source = _json_source(table, names)
    return [func.decode(source.c[name], "hex") if _is_bytes(table.c[name]) else source.c[name] for name in names]


def _json_source(table: Table, names: tuple[str, ...]) -> FromClause:
    of = [column(name, _source_type(table.c[name])) for name in names]
    every = cast(bindparam("every", type_=Text), postgresql.JSON)
    return func.json_to_recordset(every).table_valued(*of, name="given").render_derived(with_types=True)


def _source_type(of: Column[Any]) -> Any:
    if _is_bytes(of):
        return Text()  # JSON has no bytes: hex instead
    return DateTime(timezone=True) if isinstance(of.type, Moment) else of.type


def _is_bytes(of: Column[Any]) -> bool:
    return isinstance(of.type, LargeBinary)


def _to_parameter(rows: Sequence[_Row]) -> dict[str, str]:
    """The rows as the statement's JSON parameter. Raises ValueError for text that is not valid Unicode."""
    return {"every": to_json(rows, bytes_mode="hex").decode()}
