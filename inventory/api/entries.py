"""Entries, one entry with its history and its proof, and the feed of applied events."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, column, select, table, text, tuple_

from dockvoice_protocol.hash_chain import parse_event_or_empty
from inventory.api.endpoint import Answer, ApiContext, Problem, demand_scope, endpoint
from inventory.api.models import ArrivalOut, EntriesOut, EntryOut, EventsOut, FlagOut, LifeOut, StepOut
from inventory.api.parameters import (
    Device,
    EventId,
    Limit,
    Query,
    Since,
    Site,
    State,
    Text,
    Until,
    cursor_type,
    decode_cursor,
    encode_cursor,
)
from inventory.api.tokens import Scope
from inventory.queries import history, listing
from inventory.queries.listing import EntryFilter
from inventory.reviews.flags import load_flags
from inventory.store.tables import ARRIVALS, events

_PLACE = (int, str)  # A cursor: the arrival and the event.

COMMIT_TIMEOUT_S = 2.0  # Timeout for concurrent transactions: one takes milliseconds, a batch some hundreds.
_POLL_S = 0.02


class _EntriesQuery(Query):
    """Parameters of the list of entries."""

    site: Site | None = None
    device: Device | None = None
    form: Text | None = None
    operator: Text | None = None
    trailer: Text | None = None
    pallet: Text | None = None
    state: State | None = None
    since: Since | None = None
    until: Until | None = None
    limit: Limit = 100
    cursor: cursor_type(*_PLACE) | None = None  # type: ignore[valid-type] # it makes a type


class _EntryQuery(Query):
    """The parameters of one entry."""

    event_id: EventId


@endpoint("GET", "/v1/entries", "listEntries", _EntriesQuery, EntriesOut)
def _list_entries(context: ApiContext) -> Answer:
    """Entries, the latest first.

    In the order in which they came here, which is nobody's clock: a device that was out of reach delivers old entries
    late. What counts is what has `counts`: true. `since` and `until` are about `recorded_at`; a day is one on the
    site's clock, and `until` a day is to its end.
    """
    asked: _EntriesQuery = context.parameters
    site, _, device = (asked.device or "").partition("/")
    if device:
        demand_scope(context.token, site, Scope.READ)
    wanted = EntryFilter(
        form=asked.form,
        device=(site, device) if device else None,
        operator=asked.operator,
        trailer=asked.trailer,
        pallet=asked.pallet,
        state=asked.state,
        since=asked.since,  # type: ignore[arg-type] # the validator has parsed it
        until=asked.until,  # type: ignore[arg-type]
        sites=context.sites(asked.site),
    )
    before = None if asked.cursor is None else tuple(decode_cursor(asked.cursor, _PLACE))
    with context.read_transaction() as transaction:
        found = listing.load_entries(transaction, wanted, context.resources.roles, asked.limit + 1, before)
    page, following = context.cut_page(found, asked.limit, lambda one: one.place)
    return Answer(EntriesOut(entries=[EntryOut.model_validate(one) for one in page], next=following))


@endpoint("GET", "/v1/entries/{event_id}", "getEntry", _EntryQuery, LifeOut, problems=("unknown",))
def _get_entry(context: ApiContext) -> Answer:
    """One entry with its history and its proof.

    What it replaced, what replaced it, why it was refused; and whether its device signed each event.
    """
    event_id = context.parameters.event_id
    with context.read_transaction() as transaction:
        steps = history.load_amendment_chain(transaction, context.resources.keys, event_id)
        found = next((one for one in steps if one.event_id == event_id), None)
        against = load_flags(transaction, [event_id]).get(event_id, [])
    if found is None or not context.token.may_access(found.site, Scope.READ):  # a token for another site learns nothing
        raise Problem("unknown", f"{event_id}: no event of this id is here")
    stands = next((one.event_id for one in reversed(steps) if one.state == "current"), None)
    shown = [StepOut.model_validate(one) for one in steps]
    flags = [FlagOut.model_validate(one) for one in against]
    return Answer(LifeOut(site=found.site, device=found.device, stands=stands, history=shown, flags=flags))


class _EventsQuery(Query):
    """Parameters of the event feed."""

    site: Site | None = None
    limit: Limit = 100
    cursor: cursor_type(*_PLACE) | None = None  # type: ignore[valid-type] # it makes a type


@endpoint("GET", "/v1/events", "listEvents", _EventsQuery, EventsOut)
def _events_feed(context: ApiContext) -> Answer:
    """Events as they were applied, the first one first.

    For a program that keeps what it has taken: begin without a cursor, take the events of a page and `next` with them
    in one transaction of yours, and ask for that the next time. Nothing is passed over and nothing comes twice,
    whatever clocks do. An amendment or a cancellation is an event too. After the database was restored from a copy
    begin anew, and leave out what you have by its `id`.
    """
    asked: _EventsQuery = context.parameters
    sites = context.sites(asked.site)
    place: list[str | int] = [0, ""] if asked.cursor is None else decode_cursor(asked.cursor, _PLACE)
    upto = _committed_horizon(context)
    wanted = select(events.c.arrival, events.c.event_id, events.c.received_at, events.c.body)
    wanted = wanted.where(tuple_(events.c.arrival, events.c.event_id) > tuple_(*place))
    if upto is not None:
        wanted = wanted.where(events.c.arrival <= upto)
    if sites is not None:
        wanted = wanted.where(events.c.site.in_(sites))
    with context.read_transaction() as transaction:
        rows = transaction.execute(wanted.order_by(events.c.arrival, events.c.event_id).limit(asked.limit + 1)).all()
    page = rows[: asked.limit]
    last = encode_cursor([page[-1].arrival, page[-1].event_id] if page else place)
    found = [_event_out(row) for row in page]
    return Answer(EventsOut(events=found, next=context.next_page(last), more=len(rows) > asked.limit))


def _event_out(row: Any) -> ArrivalOut:
    return ArrivalOut(arrival=row.arrival, received_at=row.received_at, event=parse_event_or_empty(row.body))


def _committed_horizon(context: ApiContext) -> int | None:
    """The arrival number up to which all transactions have committed; None: no other transaction runs.

    On PostgreSQL consumers run concurrently, and each draws its number before it commits: 101 may be visible before
    100, and a reader that continues after 101 would never see 100. While a transaction holds a number it holds a lock
    on the sequence. On SQLite there is one writer.
    """
    with context.read_transaction() as transaction:
        if transaction.dialect.name != "postgresql":
            return None
        upto = _last_arrival_number(transaction)
        before = _transactions_with_arrival_number(transaction)
    until = time.monotonic() + COMMIT_TIMEOUT_S
    while before and time.monotonic() < until:
        time.sleep(_POLL_S)
        with context.read_transaction() as transaction:
            before &= _transactions_with_arrival_number(transaction)
    return upto if not before else 0  # one is slow: nothing is returned now, so that nothing is skipped


def _last_arrival_number(transaction: Connection) -> int:
    """The last value drawn from the sequence of arrival numbers."""
    found: int = transaction.execute(select(column("last_value")).select_from(table(ARRIVALS.name))).scalar_one()
    return found


def _transactions_with_arrival_number(transaction: Connection) -> set[str]:
    """The transactions that hold a number and have not committed."""
    held = text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = CAST(:name AS regclass) "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock'"
    )
    return set(transaction.execute(held, {"name": ARRIVALS.name}).scalars())


ENDPOINTS = (_list_entries, _get_entry, _events_feed)
