"""Handles one event in one transaction: reads its stored state, decides by `rule`, and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, exists, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from dockvoice_protocol.hash_chain import parse_event_or_empty
from dockvoice_protocol.records import FieldValue
from inventory.ingest.rule import (
    AcceptedWrite,
    AppliedBefore,
    DeviceState,
    decide_change,
    replaced_state,
    uses_no_number,
)
from inventory.records import Applied, Early, Event, InvalidEvent, Outcome, Refused
from inventory.reviews import continuity, flags
from inventory.store import stock
from inventory.store.database import is_caused_by_event
from inventory.store.tables import ARRIVALS, MAX_SEARCHED_CHARS, devices, entries, events, refused, rejected, said

_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""Each dialect's INSERT, which supports ON CONFLICT DO NOTHING."""

_ARRIVAL: dict[str, ColumnElement[int]] = {
    "sqlite": select(func.coalesce(func.max(events.c.arrival), 0) + 1).scalar_subquery(),
    "postgresql": ARRIVALS.next_value(),
}
"""The next number in the order of arrival. It is drawn while the device's row is locked, so the events of a device keep
their order without consumers waiting for each other."""

UNSTORABLE_ERRORS = (OverflowError, UnicodeEncodeError)
"""A driver's errors for a value that it cannot pass to the database."""


class _NotApplicable(Exception):
    """Rolls back the savepoint of an event that the tables do not allow."""


def handle_event(transaction: Connection, event: Event | InvalidEvent, clock: Callable[[], datetime]) -> Outcome:
    """Apply or refuse `event` if it is the device's next; else return its earlier outcome, or the expected number."""
    device = _lock_device(transaction, event, clock)
    now = clock()  # Read after the lock, so that the order of handling is that of receipt.
    before = _load_earlier_outcome(transaction, event)
    decision = decide_change(event, device, before)
    became = _apply_in_savepoint(transaction, event, decision, now) if isinstance(decision, AcceptedWrite) else decision
    if isinstance(became, Refused) and before is None and device.advances(event):
        transaction.execute(insert(refused).values(refused_row(event, became, now)))
    if isinstance(became, Applied) and isinstance(event, Event):
        flags.flag_broken_rules(transaction, event, now)
    if device.advances(event):
        continuity.flag_broken_chain(transaction, event, device.handled, now)
        device.advance(event)
    elif isinstance(became, Refused) and uses_no_number(became.reasons):
        _store_rejected_copy_once(transaction, event, became, now)
    if continuity.is_number_jump(event, device.handled):
        continuity.insert_jump_flag_unless_open(transaction, event, device.handled, now)
    _update_device_progress(transaction, event, device, now)
    if isinstance(became, Early):
        return became
    is_late = device.handled > event.sequence or (isinstance(became, Refused) and uses_no_number(became.reasons))
    latest = _load_last_handled_event(transaction, event, device.handled) if is_late else None
    return replace(became, handled=device.handled, latest=latest)


def _load_last_handled_event(
    transaction: Connection, event: Event | InvalidEvent, handled: int
) -> dict[str, Any] | None:
    """The last handled event of the device, which proves to the device how far it was handled."""
    for table in (events, refused):
        its = select(table.c.body).where(*_match_device(table, event), table.c.sequence == handled)
        if (body := transaction.execute(its).scalar()) is not None:
            return parse_event_or_empty(body) or None
    return None


def _lock_device(transaction: Connection, event: Event | InvalidEvent, clock: Callable[[], datetime]) -> DeviceState:
    """Lock the device's row until the transaction ends, so that no other consumer handles its events."""
    # SQLite has no row locks and needs none: a writing transaction is exclusive from its beginning.
    locked = select(devices.c.handled, devices.c.instance).where(*_match_device(devices, event)).with_for_update()
    found = transaction.execute(locked).one_or_none()
    if found is None:
        begun = {"site": event.site, "device": event.device, "handled": 0, "highest": 0, "heard_at": clock()}
        transaction.execute(_INSERT[transaction.dialect.name](devices).values(begun).on_conflict_do_nothing())
        found = transaction.execute(locked).one()
    return DeviceState(int(found.handled), found.instance)


def _update_device_progress(
    transaction: Connection, event: Event | InvalidEvent, device: DeviceState, now: datetime
) -> None:
    come = 0 if continuity.is_number_jump(event, device.handled) else event.sequence
    highest = case((devices.c.highest < come, come), else_=devices.c.highest)
    its = update(devices).where(*_match_device(devices, event))
    values = {"handled": device.handled, "highest": highest, "instance": device.instance, "heard_at": now}
    transaction.execute(its.values(values))


def _load_earlier_outcome(transaction: Connection, event: Event | InvalidEvent) -> AppliedBefore | Refused | None:
    applied = select(events.c.type, events.c.body).where(*_match_event(events, event))
    if (found := transaction.execute(applied).one_or_none()) is not None:
        return AppliedBefore(found.type, found.body)
    reasons = transaction.execute(select(refused.c.reasons).where(*_match_event(refused, event))).scalar()
    return None if reasons is None else Refused(tuple(reasons))


def _apply_in_savepoint(
    transaction: Connection, event: Event | InvalidEvent, change: AcceptedWrite, now: datetime
) -> Applied | Refused:
    """Write the change within a savepoint, all or nothing; a Refused if the event cannot be stored.

    Other database errors are raised. After a full disk there is no savepoint to roll back to.
    """
    assert isinstance(event, Event)  # noqa: S101 - the rule refuses what is unfit
    savepoint = transaction.begin_nested()
    try:
        if change is AcceptedWrite.RECORD:
            transaction.execute(insert(events).values(event_row(event, _ARRIVAL[transaction.dialect.name], now)))
        else:
            filled = update(events).where(*_match_event(events, event))
            transaction.execute(filled.values(type=event.type, body=event.body.decode()))
        _write_entry_and_stock_moves(transaction, event, now)
        check_deferred_constraints(transaction)
    except DBAPIError as fault:
        if not is_caused_by_event(fault):
            raise
        savepoint.rollback()
        return Refused((_refusal_reason(fault),))
    except (_NotApplicable, *UNSTORABLE_ERRORS) as fault:
        savepoint.rollback()
        return Refused((_refusal_reason(fault),))
    savepoint.commit()
    return Applied()


def check_deferred_constraints(transaction: Connection) -> None:
    """Run the site's deferred constraints now."""
    if transaction.dialect.name == "postgresql":
        transaction.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def _refusal_reason(fault: Exception) -> str:
    match fault:
        case _NotApplicable():
            return str(fault)
        case IntegrityError():
            return "conflicting_event"  # another device's event has its id
        case _:
            return "unstorable"


def event_row(event: Event, arrival: int | ColumnElement[int], now: datetime) -> dict[str, Any]:
    """Build the row of an applied event."""
    return {
        "event_id": event.event_id,
        "site": event.site,
        "device": event.device,
        "sequence": event.sequence,
        "type": event.type,
        "body": event.body.decode(),
        "received_at": now,
        "arrival": arrival,
    }


def _write_entry_and_stock_moves(transaction: Connection, event: Event, now: datetime) -> None:
    arrival = transaction.execute(select(events.c.arrival).where(events.c.event_id == event.event_id)).scalar_one()
    if event.replaces is not None:
        _end_entry(transaction, event, event.replaces)
    if event.fields is not None:
        transaction.execute(insert(entries).values(entry_row(event, event.fields, arrival)))
        if texts := text_rows(event, event.fields, arrival):
            transaction.execute(insert(said), texts)
    stock.insert_added_and_reversed_moves(transaction, event, now, arrival)


def _end_entry(transaction: Connection, event: Event, named: str) -> None:
    """Mark the named entry amended or cancelled. Its device's row is locked, and only that device may end it."""
    its = (*_match_device(entries, event), entries.c.event_id == named)
    ended = replaced_state(event, transaction.execute(select(entries.c.state).where(*its)).scalar())
    if isinstance(ended, Refused):
        raise _NotApplicable(*ended.reasons)
    transaction.execute(update(entries).where(*its).values(state=ended))


def entry_row(event: Event, fields: Mapping[str, FieldValue], arrival: int) -> dict[str, Any]:
    """Build the row of a current entry."""
    return {
        "event_id": event.event_id,
        "site": event.site,
        "device": event.device,
        "form": event.form,
        "fields": dict(fields),
        "operator": event.operator,
        "utterance_id": event.utterance_id,
        "recorded_at": event.recorded_at,
        "state": "current",
        "replaces": event.replaces,
        "arrival": arrival,
        "answers": event.answers,
    }


def text_rows(event: Event, fields: Mapping[str, FieldValue], arrival: int) -> list[dict[str, Any]]:
    """Build the rows of an entry's text values, for the search."""
    texts = {name: one for name, one in fields.items() if isinstance(one, str) and len(one) <= MAX_SEARCHED_CHARS}
    same = {"event_id": event.event_id, "site": event.site, "arrival": arrival}
    return [{**same, "field": name, "value": one} for name, one in texts.items()]


def refused_row(event: Event | InvalidEvent, refusal: Refused, now: datetime) -> dict[str, Any]:
    """Build the row of a refused event."""
    return {
        "event_id": event.event_id,
        "site": event.site,
        "device": event.device,
        "sequence": event.sequence,
        "reasons": list(refusal.reasons),
        "body": event.body,
        "received_at": now,
    }


def _store_rejected_copy_once(
    transaction: Connection, event: Event | InvalidEvent, refusal: Refused, now: datetime
) -> None:
    """Store a copy of an event refused out of turn, once."""
    topic, reason = f"{event.site}/{event.device}", f"refused: {', '.join(refusal.reasons)}"
    is_there = exists().where(rejected.c.topic == topic, rejected.c.payload == event.body)
    if not transaction.execute(select(is_there)).scalar_one():
        transaction.execute(insert(rejected).values(payload=event.body, topic=topic, reason=reason, received_at=now))


def _match_device(table: Table, event: Event | InvalidEvent) -> tuple[ColumnElement[bool], ...]:
    return table.c.site == event.site, table.c.device == event.device


def _match_event(table: Table, event: Event | InvalidEvent) -> tuple[ColumnElement[bool], ...]:
    return *_match_device(table, event), table.c.event_id == event.event_id
