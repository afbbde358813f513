"""The outbox: unconfirmed messages to devices, of every kind in one table.

A message is inserted in the transaction of the change that it reports. The service publishes due rows
(ingest/publisher.py); a command that publishes at once delays its rows for the service meanwhile. A row is deleted when
the broker has it, or, of kinds that the device confirms, when the device does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, exists, func, insert, or_, select, update

from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.outbox import IN_ORDER, Backoff, Outbox, Pending
from inventory.store.books import take_advisory_lock
from inventory.store.database import begin
from inventory.store.tables import outbox

BACKOFF = Backoff(5.0, 7)
"""A broker answers within milliseconds; a refused or unanswered message is retried after five seconds, later after ten
minutes at most, in which an administrator can change the broker's access rules."""

HELD = timedelta(seconds=30)
"""A command that publishes at once has succeeded or failed by then; if it was killed, the service publishes."""

LOST_WITHIN = timedelta(days=7)
"""Brokers keep a message for an absent device about so long. Within it, an unconfirmed request is published again at
each connection of the service, since a reinstalled broker has lost it."""

UNDER_WAY = timedelta(seconds=5)
"""Time in which a device that reports a review as open may still receive the decision that the broker kept."""

STUCK = timedelta(minutes=10)
"""A message pending for longer raises the alarm. A restart of broker and service takes less."""

SUSPECT = 4
"""After this many failed attempts, or a refusal, a message keeps its wait at a new connection: some brokers disconnect
when a message is too large, and receipts of entries are lost with the connection."""

AT_ONCE = 20  # Most rows per turn: mosquitto takes 20 unacknowledged messages.

ORDER = 0x646F6F62
"""PostgreSQL advisory lock ("doob" in ASCII) for inserting messages, so that ids are in commit order."""


class MessageKind(StrEnum):
    """Kinds of messages that must reach devices."""

    DECISION = "decision"
    DECLINED = "declined_posting"
    CLIP_REQUEST = "clip_request"
    EXPECTED = "expected_list"
    CATALOGUE = "catalogue"
    ROSTER = "roster"


CONFIRMED_BY_DEVICE = frozenset({MessageKind.DECISION, MessageKind.CLIP_REQUEST})
"""Kinds that the device confirms; for the others the broker's PUBACK is enough."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to insert."""

    kind: MessageKind
    site: str
    device: str  # "": all devices of the site.
    key: str  # Its subject; a later message with the same key replaces it.
    topic: str
    body: bytes = field(repr=False)
    signed_by: PublicKey
    retain: bool = False


@dataclass(slots=True, kw_only=True)
class DueRow(Pending):
    """A row that is due."""

    id: int
    body: bytes = field(repr=False)
    retain: bool


@dataclass(frozen=True, slots=True)
class PendingKind:
    """The pending messages of one kind."""

    kind: str
    number: int
    oldest: datetime
    attempts: int  # The most of any one message.
    error: str | None  # The latest.

    def is_stuck(self, now: datetime) -> bool:
        """Whether its oldest message has been pending longer than STUCK."""
        return now - self.oldest > STUCK


def insert_messages(
    transaction: Connection, messages: Iterable[Message], now: datetime, *, held: timedelta = timedelta()
) -> list[int]:
    """Insert messages; return their ids. The service publishes them only after `held`."""
    take_advisory_lock(transaction, ORDER)
    ids = []
    for one in messages:
        transaction.execute(delete(outbox).where(*_match_message(one.kind, one.site, one.device, one.key)))
        values = {name: getattr(one, name) for name in Message.__dataclass_fields__}
        values |= {"kind": one.kind.value, "signed_by": one.signed_by.raw.hex()}
        made = insert(outbox).values(**values, created_at=now, attempts=0, due_at=now + held)
        ids.append(int(transaction.execute(made.returning(outbox.c.id)).scalar_one()))
    return ids


def load_messages(transaction: Connection, ids: Sequence[int]) -> dict[str, bytes]:
    """Load the bodies of these outbox rows, by topic."""
    wanted = select(outbox.c.topic, outbox.c.body).where(outbox.c.id.in_(ids)).order_by(outbox.c.id)
    return {row.topic: row.body for row in transaction.execute(wanted)}


def mark_accepted(transaction: Connection, ids: Sequence[int], now: datetime) -> None:
    """Record the broker's PUBACKs: delete the rows, except those that the device confirms."""
    its = outbox.c.id.in_(ids)
    confirms = outbox.c.kind.in_([kind.value for kind in CONFIRMED_BY_DEVICE])
    transaction.execute(delete(outbox).where(its, ~confirms))
    transaction.execute(update(outbox).where(its).values(due_at=None, published_at=now, attempts=0, error=None))


def record_failure(transaction: Connection, ids: Sequence[int], why: str, due_at: datetime | None = None) -> None:
    """Record the error; `due_at` is the time of the next try, None leaves it unchanged."""
    values: dict[str, Any] = {"error": why} if due_at is None else {"error": why, "due_at": due_at}
    transaction.execute(update(outbox).where(outbox.c.id.in_(ids)).values(values))


def delete_confirmed(transaction: Connection, kind: MessageKind, site: str, device: str, key: str) -> None:
    """Delete a message that the device has confirmed."""
    transaction.execute(delete(outbox).where(*_match_message(kind, site, device, key)))


def delete_pending(transaction: Connection, kind: MessageKind, site: str, key: str) -> None:
    """Delete a message that must not be published any more, if it is still pending."""
    its = (outbox.c.kind == kind.value, outbox.c.site == site, outbox.c.key == key)
    transaction.execute(delete(outbox).where(*its))


def make_due_again(transaction: Connection, kind: MessageKind, site: str, device: str, key: str, now: datetime) -> None:
    """Make a published message due again, unless the device confirms it within UNDER_WAY."""
    lost = (*_match_message(kind, site, device, key), outbox.c.due_at.is_(None))
    transaction.execute(update(outbox).where(*lost).values(due_at=now + UNDER_WAY))


def is_pending(kind: MessageKind, site: ColumnElement[str], key: ColumnElement[str]) -> ColumnElement[bool]:
    """A query condition: a message for all devices of a site is pending."""
    return exists().where(*_match_message(kind, site, "", key))


def load_pending_kinds(transaction: Connection) -> list[PendingKind]:
    """Count the pending messages by kind, with oldest time, attempts and error."""
    counted = (
        select(outbox.c.kind, func.count(), func.min(outbox.c.created_at), func.max(outbox.c.attempts))
        .where(outbox.c.due_at.is_not(None))
        .group_by(outbox.c.kind)
        .order_by(outbox.c.kind)
    )
    failing = select(outbox.c.kind, outbox.c.error).where(outbox.c.due_at.is_not(None), outbox.c.error.is_not(None))
    errors: dict[str, str] = {row.kind: row.error for row in transaction.execute(failing.order_by(outbox.c.id))}
    return [
        PendingKind(kind, number, oldest, attempts, errors.get(kind))
        for kind, number, oldest, attempts in transaction.execute(counted)
    ]


class OutboxTable:
    """The outbox table for the service. Each method is one transaction, and raises Unavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._transaction = partial(begin, engine)
        self._now = now

    def connected(self) -> None:
        """Handle a new connection to the broker: make pending rows due, and possibly lost requests pending."""
        now = self._now()
        waits = and_(outbox.c.due_at.is_not(None), outbox.c.error.is_(None), outbox.c.attempts < SUSPECT)
        lost = and_(
            outbox.c.kind == MessageKind.CLIP_REQUEST.value,
            outbox.c.created_at >= now - LOST_WITHIN,
            outbox.c.due_at.is_(None),
        )
        with self._transaction() as transaction:
            transaction.execute(update(outbox).where(or_(waits, lost)).values(due_at=now))

    def take_due(self) -> list[DueRow]:
        """The rows to publish now, counted as attempts; a second service skips them."""
        now = self._now()
        wanted = select(outbox).where(outbox.c.due_at <= now).order_by(outbox.c.id).limit(AT_ONCE)
        schedule: Outbox[DueRow] = Outbox(IN_ORDER, BACKOFF)
        with self._transaction() as transaction:
            for row in transaction.execute(wanted.with_for_update(skip_locked=True)):
                schedule.add(_to_due_row(row))
            going = schedule.take_due(now.timestamp())
            for one in going:
                values = {"attempts": one.attempts, "due_at": datetime.fromtimestamp(one.due, UTC)}
                transaction.execute(update(outbox).where(outbox.c.id == one.id).values(values))
        return going

    def mark_accepted(self, ids: Sequence[int]) -> None:
        """Record the broker's PUBACKs."""
        with self._transaction() as transaction:
            mark_accepted(transaction, ids, self._now())

    def failed(self, ids: Sequence[int], why: str) -> None:
        """Record the broker's refusals."""
        with self._transaction() as transaction:
            record_failure(transaction, ids, why)

    def stuck(self) -> list[PendingKind]:
        """The kinds with messages pending for too long."""
        return [one for one in self.pending() if one.is_stuck(self._now())]

    def pending(self) -> list[PendingKind]:
        """Count the pending messages by kind, with oldest time, attempts and error."""
        with self._transaction() as transaction:
            return load_pending_kinds(transaction)


def _to_due_row(row: Any) -> DueRow:
    due = row.due_at.timestamp()
    return DueRow(
        key=str(row.id),
        order=row.id,
        topic=row.topic,
        due=due,
        attempts=row.attempts,
        id=row.id,
        body=row.body,
        retain=row.retain,
    )


def _match_message(
    kind: MessageKind, site: str | ColumnElement[str], device: str, key: str | ColumnElement[str]
) -> tuple[ColumnElement[bool], ...]:
    return outbox.c.kind == kind.value, outbox.c.site == site, outbox.c.device == device, outbox.c.key == key
