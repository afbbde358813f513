"""Lists trailers: announced, received, closed; each counted for the visit that its page shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from dockvoice_protocol.records import PlaceKind
from inventory.dossier.visits import find_visit_or_default, load_rows_of_many
from inventory.forms import Roles, field_names_with_role
from inventory.store.tables import events, expected, said
from inventory.verify_dossier import EntryHistory, ReceiptTotals, parsed

_At = tuple[str, str]  # Site and number of a trailer.


@dataclass(slots=True)
class Trailer:
    """A trailer in the list."""

    site: str
    name: str
    arrival: int = 0  # Arrival of the last entry that names it.
    announced: set[str] = field(default_factory=set)  # Pallets; here and below.
    received: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    beyond: set[str] = field(default_factory=set)  # Received without announcement.
    entries: int = 0  # Current ones.
    last: datetime | None = None
    closed: bool = False
    visit: int | None = None  # Its number, if its page shows another one by default.

    @property
    def state(self) -> str:
        """The state as a code: announced, open or closed."""
        return "closed" if self.closed else "open" if self.entries else "announced"


def load_trailers(
    transaction: Connection,
    roles: Roles,
    most: int,
    before: tuple[int, _At] | None = None,
    named: str | None = None,
    sites: Collection[str] | None = None,
) -> list[Trailer]:
    """At most `most` trailers named by entries, the latest first; those before a cursor, of these sites."""
    names = field_names_with_role(roles, "trailer")
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
    _fill_in_visit_counts(transaction, found, roles)
    return list(found.values())


def load_announced_trailers(transaction: Connection, roles: Roles, named: str | None = None) -> list[Trailer]:
    """Announced trailers without an entry since the announcement."""
    listed = select(expected.c.site, expected.c.place, expected.c.since)
    rows = listed.where(expected.c.place.startswith(f"{PlaceKind.TRAILER}/", autoescape=True))
    found: dict[_At, Trailer] = {}
    for row in transaction.execute(rows.order_by(expected.c.since.desc())):
        name = str(row.place).partition("/")[2]
        if named in {None, name}:
            found[row.site, name] = Trailer(row.site, name, last=row.since)
    _drop_begun_trailers(transaction, found, roles)
    _fill_in_announced_pallets(transaction, found)  # after the filter: the lines are by far the largest part
    return [one for one in found.values() if one.announced]


def _drop_begun_trailers(transaction: Connection, of: dict[_At, Trailer], roles: Roles) -> None:
    """Drop trailers with entries, unless they were closed and announced again."""
    its = (said.c.field.in_(field_names_with_role(roles, "trailer")), said.c.value.in_([name for _, name in of]))
    there = select(said.c.site, said.c.value, func.max(events.c.received_at).label("came"))
    there = there.join(events, events.c.event_id == said.c.event_id).where(*its)
    again = {}
    for row in transaction.execute(there.group_by(said.c.site, said.c.value)):
        at = (row.site, row.value)
        one = of.pop(at, None)
        if one is not None and one.last is not None and row.came < one.last:
            again[at] = one
    for at, gathered in load_rows_of_many(transaction, again, roles).items() if again else ():
        found = gathered.visits()
        if found[-1].lists and not found[-1].said:
            of[at] = again[at]
            of[at].visit = found[-1].number


def _fill_in_announced_pallets(transaction: Connection, of: dict[_At, Trailer]) -> None:
    places = {f"{PlaceKind.TRAILER}/{name}": name for _, name in of}
    for row in transaction.execute(select(expected).where(expected.c.place.in_(places))):
        if (one := of.get((row.site, places[row.place]))) is not None:
            one.announced = one.missing = {str(line["pallet"]) for line in row.lines or ()}


def _fill_in_visit_counts(transaction: Connection, of: dict[_At, Trailer], roles: Roles) -> None:
    """Fill in the counts of the visit that each trailer's page shows."""
    for at, gathered in load_rows_of_many(transaction, of, roles).items():
        visit = find_visit_or_default(gathered.visits(), gathered)
        if visit is None:
            continue
        one, lists = of[at], (parsed(listed.body) for listed in visit.lists)
        totals = ReceiptTotals(gathered.trailer, EntryHistory(visit.said, roles), lists)
        lines = totals.count.lines
        one.announced = {line.pallet for line in lines if line.expected}
        one.missing = {line.pallet for line in lines if line.status == "missing"}
        one.beyond = {line.pallet for line in lines if line.status == "not_announced"}
        one.received = totals.count.received
        one.entries, one.closed = len(totals.standing), visit.closing is not None
        one.last = max((said.moment for said in visit.said), default=one.last)
