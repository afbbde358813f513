"""The connection to SQLite or PostgreSQL: durable commits, and errors translated with advice for repair.

Errors are attributed to the event, which is refused, or to the site's own triggers and constraints on these tables:
then it is reported, and the event is retried until they are repaired.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dockvoice_protocol.errors import DockvoiceError, Misconfigured, StorageFailed, Unavailable, UnreadableInput
from dockvoice_protocol.records import to_decimal
from dockvoice_protocol.systemd import create_owned_directory, create_owned_file
from inventory.store.tables import FIRST_VERSION, VERSION, entries, events, metadata, versions

_ALLOWED = "sqlite:////path/inventory.db or postgresql+psycopg://user@host/name"

_POSTGRESQL = {
    "application_name": "dockvoice-inventory",
    "client_encoding": "utf8",  # a server of encoding SQL_ASCII would return bytes otherwise
    "connect_timeout": "5",  # seconds
    # An unreachable server is noticed after 10 s (the unit is ms), not after the kernel's quarter hour.
    "tcp_user_timeout": "10000",
    "keepalives_idle": "10",
}
"""libpq's parameters that the URL does not set."""

_BUSY_S = 10
"""Seconds that a writer waits for another process's transaction on the same SQLite file; ours take milliseconds."""

_SQLITE_BUSY = 5  # https://www.sqlite.org/rescode.html

_BUSY_LOOK_S = 0.01  # Polling interval for a busy file: creating the tables takes some ten of these.

_READS = "dockvoice_reads"  # The engine option of read-only transactions.

_COMMITS_EARLY = "dockvoice_commits_early"
"""Whether the server's own setting returns from a commit before it is durable; in the connection's `info`."""

CREATING = 0x646F636B
"""PostgreSQL advisory lock ("dock" in ASCII) for creating tables: two consumers may start at once."""


def parse_url(url: str) -> URL:
    """Parse a database URL. Raises Misconfigured, without repeating the URL, which may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise Misconfigured(f"database: is not a database URL; it must be {_ALLOWED}") from None
    kind = parsed.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise Misconfigured(f"database: found {kind}, allowed are SQLite and PostgreSQL: {_ALLOWED}")
    if parsed.query:
        raise Misconfigured(f"database: an SQLite URL takes no parameters, found {', '.join(parsed.query)}; {_ALLOWED}")
    if parsed.database in {None, "", ":memory:"}:
        raise Misconfigured("database: SQLite in memory forgets everything; name a file: sqlite:////path/inventory.db")
    return parsed


def format_url(url: URL) -> str:
    """Format the URL for messages, without password and parameters."""
    return url.set(query={}).render_as_string(hide_password=True)


def connect(url: URL) -> Engine:
    """Create an engine whose commits are durable; it connects on first use."""
    return _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgresql_engine(url)


def _sqlite_engine(url: URL) -> Engine:
    # One connection per process: two concurrent checkpoints can damage the file in SQLite before 3.51.3.
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"timeout": _BUSY_S})

    @event.listens_for(engine, "connect")
    def _set_connection_options(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # so that sqlite3 issues no BEGIN of its own
        _set_wal_mode(connection, engine.dialect.loaded_dbapi.OperationalError)
        for setting in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {setting}")
        connection.create_aggregate("exact_sum", 1, _ExactSum)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes can fail with SQLITE_BUSY_SNAPSHOT: transactions that may
        # write are exclusive from the beginning. Read-only ones block no writer.
        reads = connection.get_execution_options().get(_READS, False)
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


class _ExactSum:
    """Exact SUM for SQLite, whose own adds fractions as doubles, so that 0.1 + 0.2 - 0.3 is not 0."""

    def __init__(self) -> None:
        self._sum = Decimal(0)

    def step(self, value: float | None) -> None:
        """Add one number."""
        self._sum += 0 if value is None else to_decimal(value)

    def finalize(self) -> int | str:
        """The exact sum as text; 0 as a number, so that it compares equal to 0."""
        return str(self._sum) if self._sum else 0


def _set_wal_mode(connection: Any, refusal: type[Exception]) -> None:
    """Set WAL mode, retrying: SQLite refuses one of two programs that open a new file at once without waiting."""
    patience_ends = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except refusal as fault:
            # The low byte is the primary result code: another program may also be recovering the file.
            if getattr(fault, "sqlite_errorcode", 0) & 0xFF != _SQLITE_BUSY or time.monotonic() > patience_ends:
                raise
            time.sleep(_BUSY_LOOK_S)
        else:
            return


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction. Raises Unavailable."""
    with translated_errors(engine.url), engine.begin() as transaction:
        yield transaction


def read_only_engine(engine: Engine) -> Engine:
    """The engine with read-only transactions, on the same pool: on SQLite they block no writer.

    The database rejects writes in them.
    """
    return engine.execution_options(**{_READS: True, "postgresql_readonly": engine.dialect.name == "postgresql"})


def _postgresql_engine(url: URL) -> Engine:
    own = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=own)

    @event.listens_for(engine, "connect")
    def _set_connection_options(connection: Any, record: Any) -> None:
        # psycopg has no dates before year 1 or after 9999, which local times of a server outside of UTC can reach.
        asked = connection.execute(
            "SELECT set_config('timezone', 'UTC', false), current_setting('synchronous_commit'), pg_backend_pid()"
        )
        _, committing, pid = asked.fetchone()
        connection.commit()
        record.info[_COMMITS_EARLY] = committing in {"off", "local"}
        if pid != connection.info.backend_pid:  # a pool such as PgBouncer, with another session for each transaction
            connection.prepare_threshold = None

    @event.listens_for(engine, "begin")
    def _commit_durably(connection: Connection) -> None:
        # A receipt promises durability whatever the server's setting; `local` would not wait for a synchronous standby,
        # which may be the primary next. In the transaction, since a pool's sessions are others' too.
        if connection.info[_COMMITS_EARLY]:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")

    return engine


def create_migrate_or_check(engine: Engine, *, create: bool) -> None:
    """Create or migrate the tables if `create`; else check that they exist, are ours and current.

    Raises UnreadableInput for a missing file, Misconfigured for tables that are missing, foreign or of another version,
    StorageFailed if the file's directory cannot be created, Unavailable.
    """
    if engine.dialect.name == "sqlite":
        _prepare_file(Path(str(engine.url.database)), create=create)
    with translated_errors(engine.url), engine.begin() as transaction:
        if engine.dialect.name == "postgresql":
            transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATING})
        if inspect(transaction).has_table(versions.name):
            _migrate_or_check_version(transaction, engine.url, create=create)
        else:
            _create_tables(transaction, engine.url, create=create)


def _prepare_file(path: Path, *, create: bool) -> None:
    if not create and not path.exists():
        raise UnreadableInput(f"{path}: no such database; `dockvoice inventory` makes it, or name another one")
    try:
        create_owned_directory(path.parent)
        # Owner only: it holds what operators dictated. SQLite gives its other files the same mode, and, created by
        # root, the same owner. An existing file keeps its mode: a site may let others read it.
        if create and not path.exists():
            with suppress(FileExistsError):  # another process created it
                create_owned_file(path)
    except OSError as fault:
        raise StorageFailed(
            f"{path.parent}: cannot be made ({fault.strerror}); make it, or give another database"
        ) from None


def _migrate_or_check_version(transaction: Connection, url: URL, *, create: bool) -> None:
    version = int(transaction.execute(select(versions.c.version)).scalar() or 0)
    outdated = FIRST_VERSION <= version < VERSION
    if outdated and create:
        from inventory.store.migrations import migrate  # noqa: PLC0415 - Alembic takes a quarter of a second to import

        migrate(transaction)
    elif outdated:
        raise Misconfigured(
            f"{format_url(url)}: its tables are of version {version}; `dockvoice inventory` brings them up to date"
        )
    elif version != VERSION:
        unreleased = "from before 1.0, " if version < FIRST_VERSION else ""
        raise Misconfigured(
            f"{format_url(url)}: its tables are of version {version}, {unreleased}this program's of {VERSION}; "
            "run the dockvoice that made them, or give another database"
        )


def _create_tables(transaction: Connection, url: URL, *, create: bool) -> None:
    present = inspect(transaction)
    if taken := metadata.tables.keys() & {*present.get_table_names(), *present.get_view_names()}:
        raise Misconfigured(
            f"{format_url(url)}: the tables {', '.join(sorted(taken))} there are not Dockvoice's; give another database"
        )
    if not create:
        raise Misconfigured(f"{format_url(url)}: holds no tables of Dockvoice; `dockvoice inventory` makes them")
    metadata.create_all(transaction, checkfirst=False)
    transaction.execute(insert(versions).values(version=VERSION))


@contextmanager
def translated_errors(url: URL) -> Iterator[None]:
    """Translate the driver's errors, leaving out the statement and its values."""
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError, InternalError, OperationalError) as fault:
        raise _translate_error(url, fault) from None
    except PoolTimeout as fault:
        raise Unavailable(f"{format_url(url)}: {_first_line(fault)}; {_repair_advice(url)}") from None
    except DBAPIError as fault:
        if "not a database" in str(fault.orig):
            raise Misconfigured(f"{format_url(url)}: is not an SQLite database; give another file") from None
        raise Unavailable(f"{format_url(url)}: {_first_line(fault)}; {_repair_advice(url)}") from None


def _translate_error(url: URL, fault: DBAPIError) -> DockvoiceError:
    if _is_caused_by_site(fault):
        return SiteFault(
            f"{format_url(url)}: {_first_line(fault)}; mend the trigger, table or rule of yours that says so"
        )
    if isinstance(fault, ProgrammingError):
        return Misconfigured(f"{format_url(url)}: {_first_line(fault)}; mend the tables or the user's rights")
    return Unavailable(f"{format_url(url)}: {_first_line(fault)}; {_repair_advice(url)}")


def _first_line(fault: DBAPIError | PoolTimeout) -> str:
    lines = str(fault.orig if isinstance(fault, DBAPIError) else fault).strip().splitlines()
    return lines[0] if lines else type(fault).__name__


def _repair_advice(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return "see that the disk has room and the file can be written"
    return "see that the server runs and lets this user in, or give another database"


_OURS = frozenset(
    {
        *(f"{table.name}_pkey" for table in (events, entries)),
        "one_event_per_sequence",
        "UNIQUE constraint failed: events.event_id",
        "UNIQUE constraint failed: entries.event_id",
        "UNIQUE constraint failed: events.site, events.device, events.sequence",
    }
)
"""Constraints of our tables that an event can violate: PostgreSQL's names, and SQLite's messages."""

_MONTH = re.compile(r"_(\d{4}_\d\d|default)")
"""What config/postgresql/partitions.sql adds to the names of a table and its constraints for each partition."""

_IN_A_FUNCTION = " function "  # In PostgreSQL's error context of a function; none of ours is one.


class SiteFault(Unavailable):
    """A trigger, table or rule of the site's own rejects this event; events of other devices go on."""


def is_caused_by_event(fault: DBAPIError) -> bool:
    """Whether the event can never be stored: its id is another's, or the database cannot store a value."""
    if _is_raised_in_function(fault):
        return False
    if isinstance(fault, IntegrityError):
        return _MONTH.sub("", str(_get_diagnostic(fault, "constraint_name") or fault.orig)) in _OURS
    return isinstance(fault, DataError)


def _is_raised_in_function(fault: DBAPIError) -> bool:
    """Whether PostgreSQL raised the error in a function, such as a trigger's."""
    return _IN_A_FUNCTION in f" {_get_diagnostic(fault, 'context') or ''}"


def _is_caused_by_site(fault: DBAPIError) -> bool:
    """Whether an error, not caused by the event, comes from the site's own triggers or constraints.

    SQLite compiles a trigger with the statement that fires it: a missing name in the trigger is SQLITE_ERROR.
    """
    sqlite = getattr(fault.orig, "sqlite_errorname", None)
    return isinstance(fault, IntegrityError) or _is_raised_in_function(fault) or sqlite == "SQLITE_ERROR"


def _get_diagnostic(fault: DBAPIError, what: str) -> Any:
    return getattr(getattr(fault.orig, "diag", None), what, None)
