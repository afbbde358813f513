"""The reorder buffer: early events wait in the table dockvoice_waiting for those before them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.systemd import Notifier
from inventory.ingest.ports import BatchStore
from inventory.records import BufferSize, DeviceBuffer, Event, HandledEvent, InvalidEvent
from inventory.store import many
from inventory.store.tables import devices, waiting

MOST_BUFFERED = 1000
"""Maximum gap before a buffered event, and maximum buffered events of a device: one far ahead must resend, and a faulty
one cannot fill the disk.
"""

_MOST_RELEASED = 50
"""Maximum buffered events of a device released at once, so that a full buffer is not read for each event. The rest
follows by `load_due`.
"""

_OF_EVENT = ("type", "form", "utterance_id", "operator", "fields", "replaces", "instance", "answers")
"""Members of an event stored as JSON; its place has columns."""

_KEYS = ["site", "device", "sequence"]


def insert_buffered(transaction: Connection, these: Iterable[Event | InvalidEvent], now: datetime) -> None:
    """Insert these events into the buffer."""
    many.insert_new_rows(transaction, waiting, [_to_row(one, now) for one in these])


def delete_buffered(transaction: Connection, these: Iterable[Event | InvalidEvent]) -> None:
    """Delete these events from the buffer."""
    keys = (*_KEYS, "event_id")
    if rows := [{key: getattr(one, key) for key in keys} for one in these]:
        many.delete_rows(transaction, waiting, rows)


def load_buffered_from(transaction: Connection, after: Mapping[tuple[str, str], int]) -> list[Event | InvalidEvent]:
    """The buffered events of these devices from this number on; rows locked by another consumer are skipped."""
    there = select(waiting.c.site, waiting.c.device, waiting.c.sequence).distinct()
    found = many.select_by_keys(
        transaction, there, waiting, _KEYS, {(*at, number) for at, number in after.items()}
    ).all()
    near = [(row.site, row.device, row.sequence + ahead) for row in found for ahead in range(_MOST_RELEASED)]
    if not near:
        return []
    wanted = select(waiting).order_by(waiting.c.sequence).limit(MOST_BUFFERED).with_for_update(skip_locked=True)
    rows = many.select_by_keys(transaction, wanted, waiting, _KEYS, near).mappings()
    return [_from_row({**row}) for row in rows]


def load_expired(transaction: Connection, now: datetime, patience: timedelta) -> list[Event | InvalidEvent]:
    """The events buffered for longer than `patience`."""
    late = select(waiting).where(waiting.c.came_at < now - patience).order_by(waiting.c.came_at).limit(MOST_BUFFERED)
    return [_from_row({**row}) for row in transaction.execute(late.with_for_update(skip_locked=True)).mappings()]


def load_due(transaction: Connection) -> list[Event | InvalidEvent]:
    """Buffered events whose turn has come, since a consumer without a buffer applied the one before."""
    of_one = (devices.c.site == waiting.c.site) & (devices.c.device == waiting.c.device)
    found = (
        select(waiting).join(devices, of_one).where(waiting.c.sequence <= devices.c.handled + 1).limit(MOST_BUFFERED)
    )
    rows = transaction.execute(found.with_for_update(of=waiting, skip_locked=True)).mappings()
    return [_from_row({**row}) for row in rows]


def count_buffered(transaction: Connection) -> BufferSize:
    """The number of buffered events and devices, and the oldest time of arrival."""
    number, since = transaction.execute(select(func.count(), func.min(waiting.c.came_at))).one()
    of = select(waiting.c.site, waiting.c.device).distinct().subquery()
    return BufferSize(int(number), int(transaction.execute(select(func.count()).select_from(of)).scalar_one()), since)


def count_buffered_by_device(transaction: Connection) -> dict[tuple[str, str], DeviceBuffer]:
    """The buffered events of each device: number, lowest number, and oldest time of arrival."""
    of = (waiting.c.site, waiting.c.device)
    counted = select(*of, func.count(), func.min(waiting.c.sequence), func.min(waiting.c.came_at)).group_by(*of)
    return {
        (site, device): DeviceBuffer(int(number), int(first), since)
        for site, device, number, first, since in transaction.execute(counted)
    }


def _to_row(event: Event | InvalidEvent, now: datetime) -> dict[str, Any]:
    place = {"site": event.site, "device": event.device, "sequence": event.sequence, "event_id": event.event_id}
    what: dict[str, Any] = {"reasons": [*event.reasons]} if isinstance(event, InvalidEvent) else {}
    if isinstance(event, Event):
        what = {name: getattr(event, name) for name in _OF_EVENT} | {"recorded_at": event.recorded_at.isoformat()}
    return {**place, "came_at": now, "said": what, "body": event.body}


def _from_row(row: Mapping[str, Any]) -> Event | InvalidEvent:
    place = {name: row[name] for name in ("event_id", "site", "device", "sequence", "body")}
    what = row["said"]
    if "reasons" in what:
        return InvalidEvent(**place, reasons=tuple(what["reasons"]))
    said_at = datetime.fromisoformat(what["recorded_at"])
    return Event(**place, **{name: what[name] for name in _OF_EVENT}, recorded_at=said_at)


log = logging.getLogger("inventory")

_CHECK_S = 0.5  # Interval of checking for buffered events that are overdue or due.

_REPORT_S = 10.0  # Interval of logging the buffer's size.


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """The size of a batch, and the time limit of the reorder buffer."""

    store: BatchStore
    most: int
    patience: timedelta | None = None
    """Time limit of the buffer; None: an early event is not buffered, and its device gets the expected number."""

    @property
    def holds_early(self) -> bool:
        """Whether events before their turn are buffered."""
        return self.patience is not None


class ReorderBuffer:
    """Releases buffered events whose turn has come, or whose time limit is over."""

    def __init__(self, batching: BatchSettings, clock: Callable[[], float], systemd: Notifier) -> None:
        self._batching = batching
        self._clock = clock
        self._systemd = systemd
        self._check_at = self._report_at = clock()

    def drop_expired_and_apply_due(self, now: Callable[[], datetime]) -> Iterator[HandledEvent]:
        """Yield released events with their outcomes. Called at every turn; an unavailable database is logged."""
        if self._batching.patience is None or self._clock() < self._check_at:
            return
        self._check_at = self._clock() + _CHECK_S
        try:
            yield from self._batching.store.drop_expired_and_apply_due(self._batching.patience)
            self._log_size(now())
        except Unavailable as fault:
            log.warning("not looked at what waits for its turn: %s", fault)

    def _log_size(self, now: datetime) -> None:
        waiting = self._batching.store.count_waiting()
        if waiting.since is not None and self._clock() >= self._report_at:
            self._report_at = self._clock() + _REPORT_S
            age = (now - waiting.since).total_seconds()
            message = (
                f"{waiting.events} events of {waiting.devices} devices wait for what comes before them, {age:.0f} s"
            )
            log.info("%s", message)
            self._systemd.set_status(message)
