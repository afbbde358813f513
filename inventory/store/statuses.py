"""Statuses: the latest status of each device, published by it or by the broker in its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from dockvoice_protocol.events import Topics, parse_status, parse_time
from dockvoice_protocol.hash_chain import parse_event_or_empty
from inventory.store import many
from inventory.store.database import begin
from inventory.store.tables import statuses


@dataclass(frozen=True, slots=True)
class Status:
    """A device's latest known status."""

    site: str
    device: str
    state: str  # online or offline.
    since: datetime  # When we received the change to this state.
    heard_at: datetime | None  # When the device last published its status; None: never.
    said: Mapping[str, Any]  # As in schemas/status.schema.json, from its last time online; empty: never.


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """A parsed message of a device's status topic."""

    site: str
    device: str
    state: str
    said_at: datetime | None  # By the clock of the device; None: not given.
    body: str
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retained: bool = False  # Whether the broker had kept it from before.

    @classmethod
    def read(cls, payload: bytes, topics: Topics, *, retained: bool = False) -> StatusMessage:
        """Parse a payload. Raises MalformedMessage."""
        said = parse_status(payload, topics)
        said_at = parse_time(said["time"]) if "time" in said else None
        return cls(topics.site, topics.device, said["state"], said_at, payload.decode(), said, retained)

    @classmethod
    def cleared(cls, topics: Topics) -> StatusMessage:
        """The offline status of a device whose retained status was cleared."""
        return cls(topics.site, topics.device, "offline", None, "")


class Statuses:
    """Stores devices' statuses. Each method is one transaction."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def record(self, messages: Sequence[StatusMessage]) -> None:
        """Store status messages in this order. Raises Unavailable."""
        with begin(self._engine) as transaction:
            _store_statuses(transaction, messages, self._now())

    def mark_missing_offline(self, online: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Mark devices offline that were online and are not in `online`; return them. Raises Unavailable."""
        with begin(self._engine) as transaction:
            linked = select(statuses.c.site, statuses.c.device).where(statuses.c.state == "online")
            lost = sorted({(row.site, row.device) for row in transaction.execute(linked)} - {*online})
            away = {"state": "offline", "since": self._now()}
            many.update_rows(
                transaction, statuses, _KEYS, [{"site": site, "device": name, **away} for site, name in lost]
            )
        return lost


_KEYS = ["site", "device"]

RETIRED = "retired"  # State of a device out of service: no query lists it.


def _store_statuses(transaction: Connection, messages: Sequence[StatusMessage], now: datetime) -> None:
    """Store status messages in this order."""
    first = {(message.site, message.device): message for message in reversed(messages)}
    rows = [
        {"site": site, "device": device, "state": message.state, "since": _status_time(message, now)}
        for (site, device), message in sorted(first.items())
    ]
    many.insert_new_rows(transaction, statuses, rows)
    # Rows are locked in the order of their names, so that two consumers cannot deadlock.
    locked = select(statuses).order_by(statuses.c.site, statuses.c.device).with_for_update()
    found = many.select_by_keys(transaction, locked, statuses, _KEYS, sorted(first)).mappings()
    known = {(row["site"], row["device"]): {**row} for row in found}
    for message in messages:
        its = known[message.site, message.device]
        if its["state"] != message.state:
            its |= {"state": message.state, "since": _status_time(message, now)}
        if message.state == "online":
            its |= {"heard_at": _status_time(message, now), "online_body": message.body}
    many.update_rows(transaction, statuses, _KEYS, list(known.values()))


def _status_time(message: StatusMessage, now: datetime) -> datetime:
    """The message's own time for "online", which the broker repeats, unless in the future; else now."""
    return now if message.state != "online" or message.said_at is None else min(now, message.said_at)


def load_statuses(transaction: Connection) -> list[Status]:
    """The statuses of all devices in service, by site and name."""
    in_service = select(statuses).where(statuses.c.state != RETIRED)
    rows = transaction.execute(in_service.order_by(statuses.c.site, statuses.c.device))
    return [
        Status(row.site, row.device, row.state, row.since, row.heard_at, parse_event_or_empty(row.online_body or "{}"))
        for row in rows
    ]


def load_retired(transaction: Connection) -> set[tuple[str, str]]:
    """Site and name of the devices out of service."""
    wanted = select(statuses.c.site, statuses.c.device).where(statuses.c.state == RETIRED)
    return {(row.site, row.device) for row in transaction.execute(wanted)}
