"""Trailers as a list shows them: what is announced, what came, and whether they are closed.

What a trailer's dossier says counts; this looks at no more than a list needs, of as many trailers as it shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from edge.records import PlaceKind
from inventory.forms import Roles, trailer_fields
from inventory.tables import entries, expected, said

At = tuple[str, str]
"""Site and number of a trailer."""


@dataclass(slots=True)
class Trailer:
    """One in the list."""

    site: str
    name: str
    arrival: int = 0  # Of the last entry that names it.
    announced: set[str] = field(default_factory=set)  # Pallets.
    received: set[str] = field(default_factory=set)
    entries: int = 0  # That stand.
    last: datetime | None = None
    closed: bool = False

    @property
    def state(self) -> str:
        """Announced, open or closed."""
        return "closed" if self.closed else "open" if self.entries else "announced"


def latest(
    transaction: Connection,
    roles: Roles,
    most: int,
    before: tuple[int, At] | None = None,
    named: str | None = None,
    sites: Collection[str] | None = None,
) -> list[Trailer]:
    """`most` trailers that entries name, the one heard of last first; those before a place, of these sites."""
    names = trailer_fields(roles)
    last = func.max(said.c.arrival)
    query = select(said.c.site, said.c.value, last.label("arrival")).where(said.c.field.in_(names))
    if named is not None:
        query = query.where(said.c.value == named)
    if sites is not None:
        query = query.where(said.c.site.in_(sites))
    query = query.group_by(said.c.site, said.c.value).order_by(last.desc(), said.c.site, said.c.value)
    if before is not None:
        arrival, (site, name) = before
        behind = or_(said.c.site > site, and_(said.c.site == site, said.c.value > name))
        query = query.having(or_(last < arrival, and_(last == arrival, behind)))
    found = {(row.site, row.value): Trailer(*row) for row in transaction.execute(query.limit(most))}
    _announce(transaction, found)
    _count(transaction, found, roles)
    return list(found.values())


def awaited(transaction: Connection, roles: Roles, named: str | None = None) -> list[Trailer]:
    """Those that are announced, and that no entry names yet. Devices know 200 lists at most."""
    listed = select(expected.c.site, expected.c.place, expected.c.since)
    rows = listed.where(expected.c.place.startswith(f"{PlaceKind.TRAILER}/", autoescape=True))
    found: dict[At, Trailer] = {}
    for row in transaction.execute(rows.order_by(expected.c.since.desc())):
        name = str(row.place).partition("/")[2]
        if named in {None, name}:
            found[row.site, name] = Trailer(row.site, name, last=row.since)
    there = select(said.c.site, said.c.value).where(
        said.c.field.in_(trailer_fields(roles)), said.c.value.in_([name for _, name in found])
    )
    for begun in transaction.execute(there.distinct()):
        found.pop((begun.site, begun.value), None)
    _announce(transaction, found)  # only now: of a list, its lines are by far the most
    return [one for one in found.values() if one.announced]


def _announce(transaction: Connection, of: dict[At, Trailer]) -> None:
    places = {f"{PlaceKind.TRAILER}/{name}": name for _, name in of}
    for row in transaction.execute(select(expected).where(expected.c.place.in_(places))):
        if (one := of.get((row.site, places[row.place]))) is not None:
            one.announced = {str(line["pallet"]) for line in row.lines or ()}


def _count(transaction: Connection, of: dict[At, Trailer], roles: Roles) -> None:
    names, numbers = trailer_fields(roles), {name for _, name in of}
    wanted = (
        select(entries, said.c.value.label("trailer"))
        .join(said, said.c.event_id == entries.c.event_id)
        .where(said.c.field.in_(names), said.c.value.in_(numbers))
        .order_by(entries.c.arrival)
    )
    of_each: dict[At, list[Any]] = defaultdict(list)
    for row in transaction.execute(wanted):
        of_each[row.site, row.trailer].append(row)
    for at, rows in of_each.items():
        if at in of:
            _count_one(of[at], rows, roles)


def _count_one(one: Trailer, rows: Iterable[Any], roles: Roles) -> None:
    for row in rows:
        role = roles.get(row.form, {"kind": "other", "fields": {}})
        one.last = row.recorded_at
        if row.state == "current":
            one.entries += 1
            if role["kind"] == "receipt" and (pallet := row.fields.get(role["fields"].get("pallet"))) is not None:
                one.received.add(str(pallet))
        if row.replaces is None and row.state != "cancelled":
            # What corrects an entry belongs to the visit of that one, and opens no trailer again.
            one.closed = role["kind"] == "closing"
