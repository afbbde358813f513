"""What becomes of an event, in one transaction: each is handled once, those of a device in the order of their number.

To handle is to apply or to refuse; both are remembered and both advance the device, so that the same event gets the
same answer however often it comes, and one that can never be applied holds nothing up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, exists, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from dockvoice_protocol.events import WITHHELD
from dockvoice_protocol.hash_chain import parsed
from dockvoice_protocol.records import FieldValue
from inventory.records import Applied, Applying, Duplicate, Early, Event, Refused, Unfit
from inventory.reviews import continuity, flags
from inventory.store import stock
from inventory.store.database import is_of_the_event
from inventory.store.tables import ARRIVALS, SEARCHED, devices, entries, events, refused, rejected, said

INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The dialects' own INSERT, which can pass over a row that is there."""

ARRIVAL: dict[str, ColumnElement[int]] = {
    "sqlite": select(func.coalesce(func.max(events.c.arrival), 0) + 1).scalar_subquery(),
    "postgresql": ARRIVALS.next_value(),
}
"""The next number in the order of arrival. It is taken while the device's row is locked: so the events of a device keep
their order, and consumers need not wait for each other."""

UNSTORABLE = (OverflowError, UnicodeEncodeError)
"""What a driver says of a value that it can never hand to its database."""

OUT_OF_TURN = frozenset({"sequence_reused", "conflicting_event", "another_instance"})
"""Reasons of refusals that use up no number: such an event is no part of what the device's numbers tell, and its copy
lies among what was rejected."""


class _NotApplicable(Exception):
    """Takes back what was begun of the event."""


def handle(transaction: Connection, event: Event | Unfit, clock: Callable[[], datetime]) -> Applying:
    """Apply `event` or refuse it if it is its turn; else say what became of it before, or which number is expected."""
    handled, instance = _wait_for_turn(transaction, event, clock)
    now = clock()  # only here: what was handled later was received later
    became = _known(transaction, event, now) or _new(transaction, event, handled, instance, now)
    if isinstance(became, Applied) and isinstance(event, Event):
        flags.look(transaction, event, now)
    if event.sequence == handled + 1 and not is_superseded(event.instance, instance):
        continuity.look(transaction, event, handled, now)
        handled += 1
        instance = event.instance or instance
    elif isinstance(became, Refused) and OUT_OF_TURN & {*became.reasons}:
        _keep_copy(transaction, event, became, now)
    if continuity.jumps(event, handled):
        continuity.tell_jump(transaction, event, handled, now)
    _note(transaction, event, handled, instance, now)
    if isinstance(became, Early):
        return became
    is_late = handled > event.sequence or (isinstance(became, Refused) and bool(OUT_OF_TURN & {*became.reasons}))
    latest = _latest(transaction, event, handled) if is_late else None
    return replace(became, handled=handled, latest=latest)


def _latest(transaction: Connection, event: Event | Unfit, handled: int) -> dict[str, Any] | None:
    """The device's event of this number: it proves to the device how far it has come, which we only could claim."""
    for table in (events, refused):
        its = select(table.c.body).where(*_of_device(table, event), table.c.sequence == handled)
        if (body := transaction.execute(its).scalar()) is not None:
            return parsed(body) or None
    return None


def _wait_for_turn(
    transaction: Connection, event: Event | Unfit, clock: Callable[[], datetime]
) -> tuple[int, str | None]:
    """The device's last handled number, and of which instance of its journal.

    Until the transaction ends, nobody else handles an event of the device.
    """
    # SQLite has no row locks and needs none: a writing transaction is alone there from its beginning.
    locked = select(devices.c.handled, devices.c.instance).where(*_of_device(devices, event)).with_for_update()
    found = transaction.execute(locked).one_or_none()
    if found is None:
        begun = {"site": event.site, "device": event.device, "handled": 0, "highest": 0, "heard_at": clock()}
        transaction.execute(INSERT[transaction.dialect.name](devices).values(begun).on_conflict_do_nothing())
        found = transaction.execute(locked).one()
    return int(found.handled), found.instance


def _note(transaction: Connection, event: Event | Unfit, handled: int, instance: str | None, now: datetime) -> None:
    come = 0 if continuity.jumps(event, handled) else event.sequence
    highest = case((devices.c.highest < come, come), else_=devices.c.highest)
    noted = update(devices).where(*_of_device(devices, event))
    transaction.execute(noted.values(handled=handled, highest=highest, instance=instance, heard_at=now))


def _known(transaction: Connection, event: Event | Unfit, now: datetime) -> Applying | None:
    """What is to be said of an event that came before; None of one that never did."""
    applied = select(events.c.type, events.c.body).where(*_itself(events, event))
    if (found := transaction.execute(applied).one_or_none()) is not None:
        return _again(transaction, event, found.type, found.body, now)
    reasons = transaction.execute(select(refused.c.reasons).where(*_itself(refused, event))).scalar()
    return None if reasons is None else Refused(tuple(reasons))


def _again(transaction: Connection, event: Event | Unfit, kind: str, body: str, now: datetime) -> Applying:
    if body.encode() == event.body:
        return Duplicate()
    if isinstance(event, Unfit):
        return Refused(event.reasons)
    # What a device says in full outweighs that it withheld it, whichever comes first.
    if event.type == WITHHELD or json.loads(body) == json.loads(event.body):
        return Duplicate()
    if kind == WITHHELD:
        return _attempt(transaction, event, partial(_fill_in, now=now))
    return Refused(("conflicting_event",))


def _new(transaction: Connection, event: Event | Unfit, handled: int, instance: str | None, now: datetime) -> Applying:
    if event.sequence <= handled:
        return Refused(("sequence_reused",))
    if is_superseded(event.instance, instance):
        return Refused(("another_instance",))
    if event.sequence > handled + 1:
        return Early(expected=handled + 1)
    became = _attempt(transaction, event, partial(_record, now=now))
    if isinstance(became, Refused):
        _remember(transaction, event, became, now)
    return became


def _attempt(
    transaction: Connection, event: Event | Unfit, change: Callable[[Connection, Event], None]
) -> Applied | Refused:
    """Make the change whole or not at all.

    Raises what the database says of anything else than the event. After a full disk there is no savepoint to return to.
    """
    if isinstance(event, Unfit):
        return Refused(event.reasons)
    savepoint = transaction.begin_nested()
    try:
        change(transaction, event)
        if transaction.dialect.name == "postgresql":
            transaction.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # the site's may be deferred
    except DBAPIError as fault:
        if not is_of_the_event(fault):
            raise
        savepoint.rollback()
        return Refused((_reason(fault),))
    except (_NotApplicable, *UNSTORABLE) as fault:
        savepoint.rollback()
        return Refused((_reason(fault),))
    savepoint.commit()
    return Applied()


def is_superseded(instance: str | None, known: str | None) -> bool:
    """Whether events of `instance` cannot follow those of `known`: it is older, or another one of the same age.

    A device's journal takes a new one, with the number after the last, each time that it is opened and written. So what
    was restored from a copy, or runs beside one, is found out by its first event. None says nothing: of
    what breaks a rule it is not believed.
    """
    if instance is None or known is None or instance == known:
        return False
    return int(instance.partition("-")[0]) <= int(known.partition("-")[0])


def _reason(fault: Exception) -> str:
    match fault:
        case _NotApplicable():
            return str(fault)
        case IntegrityError():
            return "conflicting_event"  # its id is that of another device's event
        case _:
            return "unstorable"


def _record(transaction: Connection, event: Event, now: datetime) -> None:
    transaction.execute(
        insert(events).values(
            event_id=event.event_id,
            site=event.site,
            device=event.device,
            sequence=event.sequence,
            type=event.type,
            body=event.body.decode(),
            received_at=now,
            arrival=ARRIVAL[transaction.dialect.name],
        )
    )
    _change(transaction, event, now)


def _fill_in(transaction: Connection, event: Event, now: datetime) -> None:
    """The entry that was withheld at first takes its place."""
    transaction.execute(update(events).where(*_itself(events, event)).values(type=event.type, body=event.body.decode()))
    _change(transaction, event, now)


def _change(transaction: Connection, event: Event, now: datetime) -> None:
    arrival = transaction.execute(select(events.c.arrival).where(events.c.event_id == event.event_id)).scalar_one()
    if event.replaces is not None:
        _end(transaction, event, event.replaces)
    if event.fields is not None:
        _add(transaction, event, event.fields, arrival)
    stock.book(transaction, event, now, arrival)


def _end(transaction: Connection, event: Event, named: str) -> None:
    """Mark the named entry amended or cancelled. Only its own device may, and only while it stands."""
    state = "cancelled" if event.fields is None else "amended"
    its = (*_of_device(entries, event), entries.c.event_id == named)
    ended = update(entries).where(*its, entries.c.state == "current").values(state=state)
    if transaction.execute(ended).rowcount == 1:
        return
    known = transaction.execute(select(entries.c.state).where(*its)).scalar()
    raise _NotApplicable("unknown_event" if known is None else f"already_{known}")


def _add(transaction: Connection, event: Event, fields: Mapping[str, FieldValue], arrival: int) -> None:
    transaction.execute(insert(entries).values(entry_row(event, fields, arrival)))
    if texts := text_rows(event, fields, arrival):
        transaction.execute(insert(said), texts)


def entry_row(event: Event, fields: Mapping[str, FieldValue], arrival: int) -> dict[str, Any]:
    """The row of an entry that stands."""
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
    """The rows by which an entry is searched for."""
    texts = {name: one for name, one in fields.items() if isinstance(one, str) and len(one) <= SEARCHED}
    same = {"event_id": event.event_id, "site": event.site, "arrival": arrival}
    return [{**same, "field": name, "value": one} for name, one in texts.items()]


def _remember(transaction: Connection, event: Event | Unfit, refusal: Refused, now: datetime) -> None:
    transaction.execute(insert(refused).values(refused_row(event, refusal, now)))


def refused_row(event: Event | Unfit, refusal: Refused, now: datetime) -> dict[str, Any]:
    """The row of an event that broke a rule."""
    return {
        "event_id": event.event_id,
        "site": event.site,
        "device": event.device,
        "sequence": event.sequence,
        "reasons": list(refusal.reasons),
        "body": event.body,
        "received_at": now,
    }


def _keep_copy(transaction: Connection, event: Event | Unfit, refusal: Refused, now: datetime) -> None:
    """Once, however often it comes."""
    topic, reason = f"{event.site}/{event.device}", f"refused: {', '.join(refusal.reasons)}"
    is_there = exists().where(rejected.c.topic == topic, rejected.c.payload == event.body)
    if not transaction.execute(select(is_there)).scalar_one():
        transaction.execute(insert(rejected).values(payload=event.body, topic=topic, reason=reason, received_at=now))


def _of_device(table: Table, event: Event | Unfit) -> tuple[ColumnElement[bool], ...]:
    return table.c.site == event.site, table.c.device == event.device


def _itself(table: Table, event: Event | Unfit) -> tuple[ColumnElement[bool], ...]:
    return *_of_device(table, event), table.c.event_id == event.event_id
