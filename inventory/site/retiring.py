"""Retiring a device: what is kept of how it is goes; what it recorded, and the keys that prove it, stay."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, insert, select

from dockvoice_protocol.hash_chain import parsed
from inventory.store.statuses import RETIRED
from inventory.store.tables import devices, events, outbox, refused, reviews, statuses, waiting

At = tuple[str, str]
"""Site and name of a device."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a device has that is not here, as far as that is known."""

    missing: int  # Events behind those that were handled, which have not come.
    backlog: int  # Entries that it said last to have recorded and not sent.
    reviews: int  # What waits on it for a person.

    def __bool__(self) -> bool:
        return bool(self.missing or self.backlog or self.reviews)

    @property
    def summary(self) -> str:
        """For a person."""
        counts = {"events are missing": self.missing, "entries wait on it": self.backlog}
        counts["of its utterances wait for a person"] = self.reviews
        return ", ".join(f"{number} {what}" for what, number in counts.items() if number)


def owed(transaction: Connection, at: At) -> LeftBehind:
    """What would be lost with it."""
    come = transaction.execute(select(devices.c.highest, devices.c.handled).where(*_its(devices, at))).one_or_none()
    said = transaction.execute(select(statuses.c.online_body).where(*_its(statuses, at))).scalar()
    backlog = parsed(said or "{}").get("backlog")
    told = backlog.get("entries") if isinstance(backlog, dict) else None
    opened = select(func.count()).select_from(reviews).where(*_its(reviews, at), reviews.c.state == "open")
    return LeftBehind(
        0 if come is None else max(0, come.highest - come.handled),
        told if isinstance(told, int) else 0,
        int(transaction.execute(opened).scalar_one()),
    )


def is_known(transaction: Connection, at: At) -> bool:
    """Whether anything is kept of it."""
    every = (exists().where(*_its(table, at)) for table in (statuses, devices, events, refused))
    return any(transaction.execute(select(one)).scalar_one() for one in every)


def retire(transaction: Connection, at: At, now: object, *, enrolled: bool) -> None:
    """Forget how it is, what waited for its turn, what was to be published to it, and what waited on it for a person.

    Of one that was `enrolled`, or sent events, it stays on record that it was retired.
    """
    came = any(
        transaction.execute(select(exists().where(*_its(table, at)))).scalar_one()
        for table in (devices, events, refused)
    )
    for table, more in ((statuses, ()), (waiting, ()), (outbox, ()), (reviews, (reviews.c.state == "open",))):
        transaction.execute(delete(table).where(*_its(table, at), *more))
    if came or enrolled:
        transaction.execute(insert(statuses).values(site=at[0], device=at[1], state=RETIRED, since=now))


def unknown(transaction: Connection) -> list[At]:
    """Devices that said how they are, and of which no event ever came."""
    there = exists().where(devices.c.site == statuses.c.site, devices.c.device == statuses.c.device)
    wanted = select(statuses.c.site, statuses.c.device).where(~there, statuses.c.state != RETIRED)
    return [(row.site, row.device) for row in transaction.execute(wanted.order_by(statuses.c.site, statuses.c.device))]


def _its(table: Table, at: At) -> tuple[ColumnElement[bool], ...]:
    return table.c.site == at[0], table.c.device == at[1]
