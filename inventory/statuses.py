"""Statuses: what each device said last of its connection and of itself, or the broker in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from edge.deliver.events import MalformedMessage, Topics, read_status
from edge.hash_chain import parsed
from inventory.database import reported
from inventory.tables import statuses


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a device's connection and of itself."""

    site: str
    device: str
    state: str  # online or offline
    since: datetime  # When it was heard here that this is its state.
    heard_at: datetime | None  # When it last said anything of itself; None: never.
    said: Mapping[str, Any]  # As in schemas/status.schema.json, from when it was online last; empty: never.


class Statuses:
    """What devices say of themselves, kept as it comes. Each deed is one transaction."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def heard(self, topics: Topics, payload: bytes) -> None:
        """Keep what came on the status topic of a device. Raises MalformedMessage, Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            keep(transaction, topics, payload, self._now())


def keep(transaction: Connection, topics: Topics, payload: bytes, now: datetime) -> None:
    """Keep what came on a device's status topic. Raises MalformedMessage."""
    said = read_status(payload, topics)
    its = (statuses.c.site == topics.site, statuses.c.device == topics.device)
    known = transaction.execute(select(statuses).where(*its).with_for_update()).one_or_none()
    values: dict[str, Any] = {"state": said["state"]}
    if said["state"] == "online":
        # The broker tells it anew at each connection of ours: it is as old as it says, but from no future clock.
        values |= {"heard_at": min(now, _moment(said.get("time"), now)), "online_body": payload.decode()}
    if known is None or known.state != said["state"]:
        values["since"] = values.get("heard_at", now)
    if known is None:
        transaction.execute(insert(statuses).values(site=topics.site, device=topics.device, **values))
    else:
        transaction.execute(update(statuses).where(*its).values(values))


def told(transaction: Connection) -> list[Status]:
    """Every device that was ever heard on its status topic, by site and name."""
    rows = transaction.execute(select(statuses).order_by(statuses.c.site, statuses.c.device))
    return [
        Status(row.site, row.device, row.state, row.since, row.heard_at, parsed(row.online_body or "{}"))
        for row in rows
    ]


def _moment(text: str | None, otherwise: datetime) -> datetime:
    try:
        return otherwise if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise MalformedMessage("/time: is no moment of the calendar") from None
