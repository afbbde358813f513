"""Retires a device: deletes its status; its entries, and the keys that verify them, stay."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, insert, select

from dockvoice_protocol.hash_chain import parse_event_or_empty
from inventory.store.statuses import RETIRED
from inventory.store.tables import devices, events, outbox, refused, reviews, statuses, waiting

At = tuple[str, str]  # Site and name of a device.


@dataclass(frozen=True, slots=True)
class UnsentData:
    """Data of a device that has not arrived, as far as known."""

    missing: int  # Events after those handled that have not arrived.
    backlog: int  # Pending entries in its last status.
    reviews: int  # Its open reviews.

    def __bool__(self) -> bool:
        return bool(self.missing or self.backlog or self.reviews)

    @property
    def summary(self) -> str:
        """The numbers in one line."""
        counts = {"events are missing": self.missing, "entries wait on it": self.backlog}
        counts["of its utterances wait for a person"] = self.reviews
        return ", ".join(f"{number} {what}" for what, number in counts.items() if number)


def count_data_lost_with(transaction: Connection, device: At) -> UnsentData:
    """The data that would be lost with the device."""
    come = transaction.execute(
        select(devices.c.highest, devices.c.handled).where(*_match_device(devices, device))
    ).one_or_none()
    said = transaction.execute(select(statuses.c.online_body).where(*_match_device(statuses, device))).scalar()
    backlog = parse_event_or_empty(said or "{}").get("backlog")
    pending = backlog.get("entries") if isinstance(backlog, dict) else None
    opened = select(func.count()).select_from(reviews).where(*_match_device(reviews, device), reviews.c.state == "open")
    return UnsentData(
        0 if come is None else max(0, come.highest - come.handled),
        pending if isinstance(pending, int) else 0,
        int(transaction.execute(opened).scalar_one()),
    )


def is_known_device(transaction: Connection, device: At) -> bool:
    """Whether any row names the device."""
    return _is_named_in(transaction, device, statuses, devices, events, refused)


def delete_and_mark_retired(transaction: Connection, device: At, now: object, *, enrolled: bool) -> None:
    """Delete its status, buffered events, outbox rows and open reviews.

    If it was `enrolled`, or sent events, a row records that it was retired.
    """
    came = _is_named_in(transaction, device, devices, events, refused)
    for table, more in ((statuses, ()), (waiting, ()), (outbox, ()), (reviews, (reviews.c.state == "open",))):
        transaction.execute(delete(table).where(*_match_device(table, device), *more))
    if came or enrolled:
        transaction.execute(insert(statuses).values(site=device[0], device=device[1], state=RETIRED, since=now))


def find_devices_without_events(transaction: Connection) -> list[At]:
    """Devices with a status and without any event."""
    there = exists().where(devices.c.site == statuses.c.site, devices.c.device == statuses.c.device)
    wanted = select(statuses.c.site, statuses.c.device).where(~there, statuses.c.state != RETIRED)
    return [(row.site, row.device) for row in transaction.execute(wanted.order_by(statuses.c.site, statuses.c.device))]


def _is_named_in(transaction: Connection, device: At, *tables: Table) -> bool:
    every = (exists().where(*_match_device(table, device)) for table in tables)
    return any(transaction.execute(select(one)).scalar_one() for one in every)


def _match_device(table: Table, at: At) -> tuple[ColumnElement[bool], ...]:
    return table.c.site == at[0], table.c.device == at[1]
