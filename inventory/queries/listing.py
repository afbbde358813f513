"""Lists of entries, the latest first: by form, device, operator, trailer, pallet and time; read page by page.

Sorted by the order of arrival, which depends on no clock. A page reads only the rows that it shows, however many
entries there are: each filter has an index in that order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from dockvoice_protocol.records import FieldValue
from inventory.forms import Roles, field_names_with_role
from inventory.reviews.flags import Flag, load_flags
from inventory.store.tables import devices, entries, said

EntryPosition = tuple[int, str]  # Sort key of an entry: its arrival and event id, since two may share an arrival.


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Filters of the list of entries; None: no restriction."""

    form: str | None = None
    device: tuple[str, str] | None = None  # Site and name.
    operator: str | None = None
    trailer: str | None = None
    pallet: str | None = None
    state: str | None = None
    since: datetime | None = None  # Recorded from then, by the device's clock.
    until: datetime | None = None
    sites: tuple[str, ...] | None = None  # Only these sites.


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry in a list."""

    event_id: str
    site: str
    device: str
    form: str
    fields: Mapping[str, FieldValue]
    operator: str | None
    recorded_at: datetime
    state: str
    replaces: str | None  # The entry that it corrects.
    replaced_by: str | None  # The entry that corrects it.
    arrival: int
    answers: int
    utterance_id: str
    flags: Sequence[Flag]  # The flags that rules of the site have raised.

    @property
    def is_struck(self) -> bool:
        """Whether a person decided that it does not count; it is listed all the same."""
        return any(flag.is_struck for flag in self.flags)

    @property
    def counts(self) -> bool:
        """Whether it stands: it is current, and nobody has struck it."""
        return self.state == "current" and not self.is_struck

    @property
    def place(self) -> EntryPosition:
        """Its sort key, from which the next page starts."""
        return self.arrival, self.event_id


LISTED_COLUMNS = [entries.c[name] for name in ListedEntry.__dataclass_fields__ if name not in {"replaced_by", "flags"}]


def load_entries(
    transaction: Connection, entry_filter: EntryFilter, roles: Roles, most: int, before: EntryPosition | None = None
) -> list[ListedEntry]:
    """At most `most` entries that match, the latest first; those before a sort key."""
    query = select(*LISTED_COLUMNS).where(*_conditions(transaction, entry_filter))
    if before is not None:
        query = query.where(tuple_(entries.c.arrival, entries.c.event_id) < tuple_(*before))
    named = {"trailer": entry_filter.trailer, "pallet": entry_filter.pallet}
    searched = {role: value for role, value in named.items() if value is not None}
    for role, value in searched.items():
        its = (said.c.value == value, said.c.field.in_(field_names_with_role(roles, role)))
        query = query.where(entries.c.event_id.in_(select(said.c.event_id).where(*its)))
    # Few entries name a pallet or trailer: look them up and sort, instead of following the index of all entries.
    order = (entries.c.arrival + 0, entries.c.event_id) if searched else (entries.c.arrival, entries.c.event_id)
    rows = transaction.execute(query.order_by(*(one.desc() for one in order)).limit(most)).mappings().all()
    after = _load_replacements(transaction, [row["event_id"] for row in rows if row["state"] == "amended"])
    against = load_flags(transaction, [row["event_id"] for row in rows])
    return [
        ListedEntry(**row, replaced_by=after.get(row["event_id"]), flags=against.get(row["event_id"], ()))
        for row in rows
    ]


def _conditions(transaction: Connection, wanted: EntryFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.form is not None:
        found.append(entries.c.form == wanted.form)
    if wanted.operator is not None:
        found.append(entries.c.operator == wanted.operator)
    if wanted.state is not None:
        found.append(entries.c.state == wanted.state)
    if wanted.device is not None:
        found += [entries.c.site == wanted.device[0], entries.c.device == wanted.device[1]]
    if wanted.sites is not None:
        # Without an index: none has the order too, and a site has a large share of all entries.
        found.append(func.coalesce(entries.c.site, "").in_(wanted.sites))
    if wanted.since is not None or wanted.until is not None:
        found += _recorded_within(transaction, wanted.since, wanted.until)
    return found


def _recorded_within(
    transaction: Connection, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """Conditions for a period, with the range of arrivals, so that an old hour needs no scan of all later entries."""
    said_then = [] if since is None else [entries.c.recorded_at >= since]
    said_then += [] if until is None else [entries.c.recorded_at < until]
    first, last = transaction.execute(
        select(func.min(entries.c.arrival), func.max(entries.c.arrival)).where(*said_then)
    ).one()
    if first is None:
        return [entries.c.arrival < 0]
    return [*said_then, entries.c.arrival.between(first, last)]


def _load_replacements(transaction: Connection, amended: list[str]) -> dict[str, str]:
    if not amended:
        return {}
    found = select(entries.c.replaces, entries.c.event_id).where(entries.c.replaces.in_(amended))
    return {row.replaces: row.event_id for row in transaction.execute(found)}


def load_device_names(transaction: Connection) -> list[tuple[str, str]]:
    """Site and name of every device."""
    found = select(devices.c.site, devices.c.device).order_by(devices.c.site, devices.c.device)
    return [(row.site, row.device) for row in transaction.execute(found)]
