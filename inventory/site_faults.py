"""Whose fault an error of the database is: the event's, which is refused for it, or that of the site's own doing.

Sites put triggers and constraints of their own on these tables. What fails in those says nothing about the event: it is
told, the event waits, and comes again when a person has mended it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from edge.errors import Unavailable
from inventory.tables import entries, events

OURS = frozenset(
    {
        *(f"{table.name}_pkey" for table in (events, entries)),
        "one_event_per_sequence",
        "UNIQUE constraint failed: events.event_id",
        "UNIQUE constraint failed: entries.event_id",
        "UNIQUE constraint failed: events.site, events.device, events.sequence",
    }
)
"""The rules of our own tables that an event can break: as PostgreSQL calls them, and what SQLite says of them."""

IN_A_FUNCTION = " function "  # In PostgreSQL's context of an error: it happened in a function, and we have none.


class SiteFault(Unavailable):
    """A trigger, table or rule of the site's own does not let this event in: the events of other devices go on."""


def is_of_the_event(fault: DBAPIError) -> bool:
    """Whether the event itself can never be stored: its id is another's, or a value is none that the database has."""
    if in_a_function(fault):
        return False
    if isinstance(fault, IntegrityError):
        return str(_diagnosed(fault, "constraint_name") or fault.orig) in OURS
    return isinstance(fault, DataError)


def in_a_function(fault: DBAPIError) -> bool:
    """Whether PostgreSQL met the error in a function, as each of its triggers is one."""
    return IN_A_FUNCTION in f" {_diagnosed(fault, 'context') or ''}"


def of_the_site(fault: DBAPIError) -> bool:
    """Whether an error that is not the event's lies in what the site put there, not in the database as a whole.

    SQLite compiles a trigger with the statement that sets it off: what it names and is not there is SQLITE_ERROR.
    """
    sqlite = getattr(fault.orig, "sqlite_errorname", None)
    return isinstance(fault, IntegrityError) or in_a_function(fault) or sqlite == "SQLITE_ERROR"


def _diagnosed(fault: DBAPIError, what: str) -> Any:
    return getattr(getattr(fault.orig, "diag", None), what, None)
