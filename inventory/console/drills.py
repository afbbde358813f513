"""Drills: somebody pulls the plug, and what is counted after is held against what was counted before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, distinct, func, insert, select, update

from inventory.store.console_tables import drills
from inventory.store.tables import devices, entries


@dataclass(frozen=True, slots=True)
class Counted:
    """What the inventory has of a device."""

    entries: int  # First recordings: a correction is no further one.
    repeated: int  # Recordings beyond the first of one and the same utterance: what must never be made.
    missing: int  # Events that have not come, as far as later ones were sent.


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill; until it has ended, with what is counted just now."""

    number: int
    site: str
    device: str
    who: str
    began_at: datetime
    ended_at: datetime | None
    said: int | None
    came: int
    repeated: int
    missing: int

    @property
    def passed(self) -> bool:
        """Whether exactly what was said came, once."""
        return self.said == self.came and not self.repeated and not self.missing


def counted(transaction: Connection, site: str, device: str) -> Counted:
    """What is there now."""
    its = (entries.c.site == site, entries.c.device == device, entries.c.replaces.is_(None))
    each = select(func.count(), func.count() - func.count(distinct(entries.c.utterance_id))).where(*its)
    number, repeated = transaction.execute(each).one()
    of = select(devices.c.highest - devices.c.handled).where(devices.c.site == site, devices.c.device == device)
    return Counted(number, repeated, max(0, transaction.execute(of).scalar() or 0))


def begin(transaction: Connection, site: str, device: str, who: str, now: datetime) -> bool:
    """Count, and keep it; whether there is a drill of this device now that was begun here."""
    going_on = select(drills.c.number).where(
        drills.c.site == site, drills.c.device == device, drills.c.ended_at.is_(None)
    )
    if transaction.execute(going_on).first() is not None:
        return False
    before = counted(transaction, site, device)
    noted = {"entries_before": before.entries, "repeated_before": before.repeated}
    transaction.execute(insert(drills).values(site=site, device=device, who=who, began_at=now, **noted))
    return True


def end(transaction: Connection, number: int, said: int, now: datetime) -> Drill | None:
    """Count again, and hold it against what was said; None where no such drill goes on."""
    found = next((one for one in latest(transaction, 1, number) if one.ended_at is None), None)
    if found is None:
        return None
    values = {"said": said, "came": found.came, "repeated": found.repeated, "missing": found.missing}
    its = (drills.c.number == number, drills.c.ended_at.is_(None))
    if not transaction.execute(update(drills).where(*its).values(ended_at=now, **values)).rowcount:
        return None
    return next(iter(latest(transaction, 1, number)))


def latest(transaction: Connection, most: int, number: int | None = None) -> list[Drill]:
    """The latest first; one alone, by its number."""
    wanted = select(drills).order_by(drills.c.number.desc()).limit(most)
    found = []
    for row in transaction.execute(wanted if number is None else wanted.where(drills.c.number == number)).all():
        came, repeated, missing = row.came, row.repeated, row.missing
        if row.ended_at is None:
            now = counted(transaction, row.site, row.device)
            came, repeated, missing = now.entries - row.entries_before, now.repeated - row.repeated_before, now.missing
        kept = (row.number, row.site, row.device, row.who, row.began_at, row.ended_at, row.said)
        found.append(Drill(*kept, came, repeated, missing))
    return found
