"""The outbox: what is not confirmed, of every kind in one table: messages for devices, and work.

A message is inserted in the transaction of the change that it reports. The service publishes due rows
(ingest/publisher.py); a command that publishes at once delays its rows for the service meanwhile. A row is deleted when
the broker has it, or, of kinds that the device confirms, when the device does.

Work has no message: its program does what the tables say of the row's key, and deletes the row when it is done. The
tables know without the row what is to be done, so that missing rows are inserted again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.outbox import Backoff, Outbox, Pending, Policy
from inventory.store.database import begin
from inventory.store.many import insert_new_rows
from inventory.store.request_database import take_advisory_lock
from inventory.store.tables import outbox

BACKOFF = Backoff(5.0, 7)
"""A broker answers within milliseconds; a refused or unanswered message is retried after five seconds, later after ten
minutes at most, in which an administrator can change the broker's access rules. Office staff do not wait longer for a
posting or a dossier either."""

HELD_BACK_FOR = timedelta(seconds=30)
"""A command that publishes at once has succeeded or failed by then; if it was killed, the service publishes."""

_LOST_WITHIN = timedelta(days=7)
"""Brokers keep a message for an absent device about so long. Within it, an unconfirmed request is published again at
each connection of the service, since a reinstalled broker has lost it. A declined posting is deleted after it."""

CONFIRMATION_TIME = timedelta(seconds=5)
"""Time in which a device that reports a review as open may still receive the decision that the broker kept."""

STUCK_AFTER = timedelta(minutes=10)
"""What is pending for longer raises the alarm. A restart of broker, service or another system takes less."""

_SUSPECT = 4
"""After this many failed attempts, or a refusal, a message keeps its wait at a new connection: some brokers disconnect
when a message is too large, and receipts of entries are lost with the connection."""

_AT_ONCE = 20  # Most rows per turn: mosquitto takes 20 unacknowledged messages.

_ORDER = 0x646F6F62
"""PostgreSQL advisory lock ("doob" in ASCII) for inserting messages, so that ids are in commit order."""


class MessageKind(StrEnum):
    """Kinds of what is pending: messages that must reach devices, and work."""

    DECISION = "decision"
    DECLINED = "declined_posting"
    CLIP_REQUEST = "clip_request"
    EXPECTED = "expected_list"
    CATALOGUE = "catalogue"
    ROSTER = "roster"
    ERP_POSTING = "erp_posting"  # Work of a connector, named as the device; the key is the entry's event.
    DOSSIER = "dossier"  # Work of the service; the key is the trailer.


WORK_KINDS = frozenset({MessageKind.ERP_POSTING, MessageKind.DOSSIER})  # Kinds without a message.

_MESSAGES = frozenset(MessageKind) - WORK_KINDS

_CONFIRMED_BY_DEVICE = frozenset({MessageKind.DECISION, MessageKind.CLIP_REQUEST})
"""Kinds that the device confirms; for the others the broker's PUBACK is enough, where the broker keeps them."""

_IN_TRANSIT = timedelta(seconds=5)
"""A status that comes sooner after a message was published may have been sent before it."""


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
    site: str
    subject: str  # The row's key.
    body: bytes = field(repr=False)
    retain: bool


@dataclass(frozen=True, slots=True)
class PendingKind:
    """The pending rows of one kind."""

    kind: str
    number: int
    oldest: datetime
    attempts: int  # The most of any one.
    error: str | None  # The latest.

    def is_stuck(self, now: datetime) -> bool:
        """Whether its oldest message has been pending longer than STUCK_AFTER."""
        return now - self.oldest > STUCK_AFTER


def insert_messages(
    transaction: Connection, messages: Iterable[Message], now: datetime, *, held: timedelta = timedelta()
) -> list[int]:
    """Insert messages; return their ids. The service publishes them only after `held`."""
    take_advisory_lock(transaction, _ORDER)
    ids = []
    for one in messages:
        transaction.execute(delete(outbox).where(*match_row(one.kind, one.site, one.device, one.key)))
        values = {name: getattr(one, name) for name in Message.__dataclass_fields__}
        values |= {"kind": one.kind.value, "signed_by": one.signed_by.raw.hex()}
        made = insert(outbox).values(**values, created_at=now, attempts=0, due_at=now + held)
        ids.append(int(transaction.execute(made.returning(outbox.c.id)).scalar_one()))
    return ids


def insert_message_unless_pending(transaction: Connection, one: Message, now: datetime, *, held: timedelta) -> bool:
    """Insert a message as `insert_messages` does, unless one of its key is pending; whether it was inserted."""
    take_advisory_lock(transaction, _ORDER)
    is_pending = exists().where(*match_row(one.kind, one.site, one.device, one.key))
    if transaction.execute(select(is_pending)).scalar_one():
        return False
    insert_messages(transaction, [one], now, held=held)
    return True


def insert_work(
    transaction: Connection, kind: MessageKind, these: Iterable[tuple[str, str, str]], now: datetime
) -> None:
    """Insert work by site, device and key; what is pending already stays as it is."""
    message = {"topic": "", "body": b"", "retain": False, "signed_by": ""}
    same = {"kind": kind.value, **message, "created_at": now, "attempts": 0, "due_at": now}
    rows = [{**same, "site": site, "device": device, "key": key} for site, device, key in these]
    insert_new_rows(transaction, outbox, rows)


def load_messages(transaction: Connection, ids: Sequence[int]) -> dict[str, bytes]:
    """Load the bodies of these outbox rows, by topic."""
    wanted = select(outbox.c.topic, outbox.c.body).where(outbox.c.id.in_(ids)).order_by(outbox.c.id)
    return {row.topic: row.body for row in transaction.execute(wanted)}


def delete_or_await_confirmation(transaction: Connection, ids: Sequence[int], now: datetime) -> None:
    """Record the broker's PUBACKs, or that work is done: delete the rows, except those that the device confirms.

    What nobody confirms stays until its device comes online, a week at most (`handle_devices_online`).
    """
    its = outbox.c.id.in_(ids)
    confirms = outbox.c.kind.in_([kind.value for kind in _CONFIRMED_BY_DEVICE])
    declined_first_time = and_(outbox.c.kind == MessageKind.DECLINED.value, outbox.c.published_at.is_(None))
    transaction.execute(delete(outbox).where(its, ~confirms, ~declined_first_time))
    transaction.execute(update(outbox).where(its).values(due_at=None, published_at=now, attempts=0, error=None))


def record_failure(transaction: Connection, ids: Sequence[int], why: str, due_at: datetime | None = None) -> None:
    """Record the error; `due_at` is the time of the next try, None leaves it unchanged."""
    values: dict[str, Any] = {"error": why} if due_at is None else {"error": why, "due_at": due_at}
    transaction.execute(update(outbox).where(outbox.c.id.in_(ids)).values(values))


def delete_confirmed(transaction: Connection, kind: MessageKind, site: str, device: str, key: str) -> None:
    """Delete a message that the device has confirmed, or work that is done."""
    transaction.execute(delete(outbox).where(*match_row(kind, site, device, key)))


def delete_pending(transaction: Connection, kind: MessageKind, site: str, key: str) -> None:
    """Delete a message that must not be published any more, if it is still pending."""
    its = (outbox.c.kind == kind.value, outbox.c.site == site, outbox.c.key == key)
    transaction.execute(delete(outbox).where(*its))


def schedule_republish(
    transaction: Connection, kind: MessageKind, site: str, device: str, key: str, now: datetime
) -> None:
    """Make a published message due again after CONFIRMATION_TIME, so that a confirmation under way comes first."""
    lost = (*match_row(kind, site, device, key), outbox.c.due_at.is_(None))
    transaction.execute(update(outbox).where(*lost).values(due_at=now + CONFIRMATION_TIME))


def handle_devices_online(
    transaction: Connection, devices: Collection[tuple[str, str]], now: datetime, *, session_kept: bool
) -> None:
    """Handle that devices, by site and name, said that they are online: what was published may have missed them.

    Without a kept session it is published again: requests until they are confirmed, for as long as a broker would have
    kept them, and declined postings, which nobody confirms, once. Older ones are deleted, of every device: some never
    come back.
    """
    its = tuple_(outbox.c.site, outbox.c.device).in_(list(devices))
    published = and_(outbox.c.due_at.is_(None), outbox.c.published_at <= now - _IN_TRANSIT)
    declined = and_(published, outbox.c.kind == MessageKind.DECLINED.value)
    expired = outbox.c.published_at < now - _LOST_WITHIN
    transaction.execute(delete(outbox).where(declined, or_(its, expired) if session_kept else expired))
    if session_kept:
        return
    requests = and_(
        its, published, outbox.c.kind == MessageKind.CLIP_REQUEST.value, outbox.c.created_at >= now - _LOST_WITHIN
    )
    transaction.execute(update(outbox).where(or_(and_(its, declined), requests)).values(due_at=now))


def is_pending_for_site(kind: MessageKind, site: ColumnElement[str], key: ColumnElement[str]) -> ColumnElement[bool]:
    """A query condition: a message of this kind and key for all devices of a site is pending."""
    return exists().where(*match_row(kind, site, "", key))


def load_pending_kinds(transaction: Connection) -> list[PendingKind]:
    """The pending rows by kind: their number, the oldest, most attempts and latest error."""
    counted = (
        select(outbox.c.kind, func.count(), func.min(outbox.c.created_at), func.max(outbox.c.attempts))
        .where(outbox.c.due_at.is_not(None))
        .group_by(outbox.c.kind)
        .order_by(outbox.c.kind)
    )
    failing = select(func.max(outbox.c.id)).where(outbox.c.due_at.is_not(None), outbox.c.error.is_not(None))
    latest = select(outbox.c.kind, outbox.c.error).where(outbox.c.id.in_(failing.group_by(outbox.c.kind)))
    errors: dict[str, str] = {row.kind: row.error for row in transaction.execute(latest)}
    return [
        PendingKind(kind, number, oldest, attempts, errors.get(kind))
        for kind, number, oldest, attempts in transaction.execute(counted)
    ]


class OutboxTable:
    """The outbox table for the service. Each method is one transaction, and raises Unavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._transaction = partial(begin, engine)
        self._now = now

    def handle_connect(self) -> None:
        """Handle a new connection to the broker: make pending messages due, and possibly lost requests pending."""
        now = self._now()
        is_message = outbox.c.kind.in_(_MESSAGES)
        waits = and_(is_message, outbox.c.due_at.is_not(None), outbox.c.error.is_(None), outbox.c.attempts < _SUSPECT)
        lost = and_(
            outbox.c.kind == MessageKind.CLIP_REQUEST.value,
            outbox.c.created_at >= now - _LOST_WITHIN,
            outbox.c.due_at.is_(None),
        )
        with self._transaction() as transaction:
            transaction.execute(update(outbox).where(or_(waits, lost)).values(due_at=now))

    def take_due(self, kinds: Collection[MessageKind] = _MESSAGES) -> list[DueRow]:
        """What to publish or do now, counted as attempts; a second service skips it."""
        now = self._now()
        wanted = select(outbox).where(outbox.c.kind.in_(kinds), outbox.c.due_at <= now)
        wanted = wanted.order_by(outbox.c.id).limit(_AT_ONCE)
        schedule: Outbox[DueRow] = Outbox(Policy.IN_ORDER, BACKOFF)
        with self._transaction() as transaction:
            for row in transaction.execute(wanted.with_for_update(skip_locked=True)):
                schedule.add(_to_due_row(row))
            going = schedule.start_due_attempts(now.timestamp())
            for one in going:
                values = {"attempts": one.attempts, "due_at": datetime.fromtimestamp(one.due, UTC)}
                transaction.execute(update(outbox).where(outbox.c.id == one.id).values(values))
        return going

    def delete_or_await_confirmation(self, ids: Sequence[int]) -> None:
        """Delete the rows that the broker took, or whose work is done, except those that the device confirms."""
        with self._transaction() as transaction:
            delete_or_await_confirmation(transaction, ids, self._now())

    def record_failure(self, ids: Sequence[int], why: str) -> None:
        """Record the broker's refusals, or the error of work."""
        with self._transaction() as transaction:
            record_failure(transaction, ids, why)

    def drop(self, kind: str) -> int:
        """Delete the pending work of this kind; the number."""
        with self._transaction() as transaction:
            return transaction.execute(delete(outbox).where(outbox.c.kind == kind)).rowcount

    def stuck_kinds(self) -> list[PendingKind]:
        """The kinds of which something is pending for too long."""
        return [one for one in self.count_pending_by_kind() if one.is_stuck(self._now())]

    def count_pending_by_kind(self) -> list[PendingKind]:
        """Count the pending rows by kind."""
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
        site=row.site,
        subject=row.key,
        body=row.body,
        retain=row.retain,
    )


def match_row(
    kind: MessageKind, site: str | ColumnElement[str], device: str | ColumnElement[str], key: str | ColumnElement[str]
) -> tuple[ColumnElement[bool], ...]:
    """Conditions for the one row of this kind, site, device and key."""
    return outbox.c.kind == kind.value, outbox.c.site == site, outbox.c.device == device, outbox.c.key == key
