"""Each event is applied once, in one transaction, whoever sends it again and however often."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, RowMapping, distinct, func, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from edge.errors import Unavailable
from edge.records import FieldValue
from inventory.database import connect, parse, prepare, reported, shown
from inventory.records import Applied, Applying, Counts, Duplicate, Event, Refused, Row
from inventory.tables import entries, events, rejected


class Store:
    """The tables. Safe to use from several threads and several processes at once."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    @classmethod
    def open(cls, url: str, *, create: bool = True, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self:
        """Connect to the database `url` names, making the tables where there are none and `create`.

        Raises Misconfigured (URL, foreign or newer tables), UnreadableInput (no file, and not to `create`), Unavailable
        (no answer), StorageFailed (no directory).
        """
        engine = connect(parse(url))
        try:
            prepare(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, now)

    @property
    def where(self) -> str:
        """The database, for a person: without its password."""
        return shown(self._engine.url)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def answers(self) -> None:
        """Ask the database for nothing. Raises Unavailable when it does not answer."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            transaction.execute(select(1))

    def apply(self, event: Event) -> Applying:
        """Take `event` in, in one transaction. Raises Unavailable: then nothing was done, and it may be tried again.

        The unique keys decide, not a look beforehand: of two consumers with the same event, one applies it.
        """
        with reported(self._engine.url):
            try:
                with self._engine.begin() as transaction:
                    self._take(transaction, event)
            except IntegrityError:
                return self._already_there(event)
            except _NotApplicable as fault:
                return Refused((fault.reason,))
            except (DataError, OverflowError, UnicodeEncodeError):
                # A value that this database cannot hold would come back for ever and hold up all that follows.
                return Refused(("unstorable",))
            return Applied()

    def _take(self, transaction: Connection, event: Event) -> None:
        transaction.execute(
            insert(events).values(
                event_id=event.event_id,
                site=event.site,
                device=event.device,
                sequence=event.sequence,
                type=event.type,
                body=event.body,
                received_at=self._now(),
            )
        )
        if event.replaces is not None:
            _end(transaction, event, event.replaces)
        if event.fields is not None:
            _add(transaction, event, event.fields)

    def _already_there(self, event: Event) -> Duplicate | Refused:
        with self._engine.begin() as transaction:
            bodies = select(events.c.body).where(events.c.event_id == event.event_id)
            body = transaction.execute(bodies).scalar()
            numbers = select(events.c.event_id).where(
                events.c.site == event.site, events.c.device == event.device, events.c.sequence == event.sequence
            )
            taken = transaction.execute(numbers).scalar()
        if body is not None:
            same = body == event.body or json.loads(body) == json.loads(event.body)
            return Duplicate() if same else Refused(("conflicting_event",))
        if taken is not None:
            return Refused(("sequence_reused",))
        raise Unavailable(f"{self.where}: a conflicting event was removed while it was looked at; try again")

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        """Keep a message that cannot be answered, so that it is not lost. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            transaction.execute(
                insert(rejected).values(payload=payload, topic=topic, reason=reason, received_at=self._now())
            )

    def rows(self, limit: int | None = None) -> list[Row]:
        """The latest `limit` entries in the order in which they came; all without a limit."""
        latest = (
            select(entries, events.c.sequence, events.c.received_at)
            .join(events, events.c.event_id == entries.c.event_id)
            .order_by(events.c.received_at.desc(), events.c.sequence.desc(), events.c.event_id.desc())
            .limit(limit)
        )
        with reported(self._engine.url), self._engine.begin() as transaction:
            found = transaction.execute(latest).mappings().all()
        return [_row(mapping) for mapping in reversed(found)]

    def count(self) -> Counts:
        """What is in the tables, at one moment."""
        states = select(entries.c.state, func.count().label("number")).group_by(entries.c.state)
        # What an operator said becomes one entry; an amendment may well go back to the same utterance.
        beyond_first = func.count() - func.count(distinct(entries.c.utterance_id))
        with reported(self._engine.url), self._engine.begin() as transaction:
            by_state = {row.state: int(row.number) for row in transaction.execute(states)}
            return Counts(
                rows=by_state.get("current", 0),
                amended=by_state.get("amended", 0),
                cancelled=by_state.get("cancelled", 0),
                events=_one(transaction, select(func.count()).select_from(events)),
                repeated=_one(transaction, select(beyond_first).where(entries.c.replaces.is_(None))),
                rejected=_one(transaction, select(func.count()).select_from(rejected)),
            )


class _NotApplicable(Exception):
    """Rolls the transaction back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _end(transaction: Connection, event: Event, named: str) -> None:
    """Mark the named entry amended or cancelled. Only its own device may, and only while it stands."""
    state = "cancelled" if event.fields is None else "amended"
    of_device = (entries.c.event_id == named, entries.c.site == event.site, entries.c.device == event.device)
    ended = update(entries).where(*of_device, entries.c.state == "current").values(state=state)
    if transaction.execute(ended).rowcount == 1:
        return
    known = transaction.execute(select(entries.c.state).where(*of_device)).scalar()
    raise _NotApplicable("unknown_event" if known is None else f"already_{known}")


def _add(transaction: Connection, event: Event, fields: Mapping[str, FieldValue]) -> None:
    transaction.execute(
        insert(entries).values(
            event_id=event.event_id,
            site=event.site,
            device=event.device,
            form=event.form,
            fields=dict(fields),
            operator=event.operator,
            utterance_id=event.utterance_id,
            recorded_at=event.recorded_at,
            state="current",
            replaces=event.replaces,
        )
    )


def _row(found: RowMapping) -> Row:
    return Row(**{name: found[name] for name in Row.__dataclass_fields__})


def _one(transaction: Connection, statement: Any) -> int:
    return int(transaction.execute(statement).scalar_one())
