"""The drill: a user cuts the power while an operator makes entries; counts before and after are compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, distinct, func, insert, select, update
from starlette.responses import RedirectResponse, Response

from inventory.console.context import RequestContext, Route, live_routes, parse_integer
from inventory.queries import listing
from inventory.store.console_tables import drills
from inventory.store.tables import devices, entries

_MOST = 20  # Drills that are listed.
_MOST_ENTRIES = 10_000  # A higher count is a typing error.


@dataclass(frozen=True, slots=True)
class _DrillCounts:
    """Numbers of a device's entries."""

    came: int  # Entries without corrections.
    repeated: int  # Entries beyond the first of one utterance, which must never exist.
    missing: int  # Events that have not arrived although later ones have.


@dataclass(frozen=True, slots=True)
class _Drill:
    """One drill; until it has ended, with the counts of now."""

    number: int
    site: str
    device: str
    who: str
    began_at: datetime
    ended_at: datetime | None
    said: int | None
    counts: _DrillCounts

    @property
    def passed(self) -> bool:
        """Whether exactly the entries that were made arrived, once."""
        return _DrillCounts(self.said or 0, 0, 0) == self.counts and self.said is not None


def _count_device_entries(transaction: Connection, site: str, device: str) -> _DrillCounts:
    """Count a device's entries, the repeated ones and the missing events."""
    its = (entries.c.site == site, entries.c.device == device, entries.c.replaces.is_(None))
    each = select(func.count(), func.count() - func.count(distinct(entries.c.utterance_id))).where(*its)
    number, repeated = transaction.execute(each).one()
    missing = select(devices.c.highest - devices.c.handled).where(devices.c.site == site, devices.c.device == device)
    return _DrillCounts(number, repeated, max(0, transaction.execute(missing).scalar() or 0))


def _begin_drill(transaction: Connection, site: str, device: str, who: str, now: datetime) -> bool:
    """Store the counts at the start of a drill; False if one of this device is under way."""
    open_drill = (drills.c.site == site, drills.c.device == device, drills.c.ended_at.is_(None))
    if transaction.execute(select(drills.c.number).where(*open_drill)).first() is not None:
        return False
    before = _count_device_entries(transaction, site, device)
    counts = {"entries_before": before.came, "repeated_before": before.repeated}
    transaction.execute(insert(drills).values(site=site, device=device, who=who, began_at=now, **counts))
    return True


def _end_drill(transaction: Connection, number: int, said: int, now: datetime) -> _Drill | None:
    """Store the counts and the number that the operator gives; None if no such drill is under way."""
    found = next((one for one in _latest_drills(transaction, 1, number) if one.ended_at is None), None)
    if found is None:
        return None
    its = (drills.c.number == number, drills.c.ended_at.is_(None))
    values = {"ended_at": now, "said": said, **asdict(found.counts)}
    if not transaction.execute(update(drills).where(*its).values(values)).rowcount:
        return None
    return next(iter(_latest_drills(transaction, 1, number)))


def _latest_drills(transaction: Connection, most: int, number: int | None = None) -> list[_Drill]:
    """Load the latest drills, the latest first, or only the one of this number; an open one has the counts of now."""
    wanted = select(drills).order_by(drills.c.number.desc()).limit(most)
    found = []
    for row in transaction.execute(wanted if number is None else wanted.where(drills.c.number == number)).all():
        counts = _DrillCounts(row.came, row.repeated, row.missing)
        if row.ended_at is None:
            now = _count_device_entries(transaction, row.site, row.device)
            counts = _DrillCounts(now.came - row.entries_before, now.repeated - row.repeated_before, now.missing)
        found.append(_Drill(row.number, row.site, row.device, row.who, row.began_at, row.ended_at, row.said, counts))
    return found


def _drills_values(context: RequestContext) -> dict[str, Any]:
    with context.read_transaction() as transaction:
        known, found = listing.load_device_names(transaction), _latest_drills(transaction, _MOST)
    under_way, over = ([one for one in found if bool(one.ended_at) is ended] for ended in (False, True))
    return {"devices": known, "going_on": under_way, "over": over}


def _begin(context: RequestContext) -> Response:
    """Begin a drill of a device, if none is under way."""
    site, _, device = context.form.get("device", "").partition("/")
    with context.transaction() as transaction:
        if (site, device) not in listing.load_device_names(transaction):
            return context.refuse("drill.unknown", 404)
        if _begin_drill(transaction, site, device, context.user_name, context.resources.now()):
            context.audit(transaction, "drill_began", f"{site}/{device}")
    return RedirectResponse("/drill", 303)


def _end(context: RequestContext) -> Response:
    """End a drill with the number of entries that were made."""
    number, said = (parse_integer(context.form.get(name, "")) for name in ("number", "said"))
    if number is None or said is None or said > _MOST_ENTRIES:
        return context.refuse("drill.no_number", 400)
    with context.transaction() as transaction:
        ended = _end_drill(transaction, number, said, context.resources.now())
        if ended is not None:
            details: dict[str, Any] = {"said": said, **asdict(ended.counts), "passed": ended.passed}
            context.audit(transaction, "drill_ended", f"{ended.site}/{ended.device}", **details)
    return RedirectResponse("/drill", 303)


ROUTES = (
    *live_routes("drill.html", _drills_values),
    Route("/begin", _begin, changes=True),
    Route("/end", _end, changes=True),
)
