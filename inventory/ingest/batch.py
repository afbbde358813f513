"""Handles many events in one transaction, in a dozen statements for all of them.

Rows read at the start decide most events by `rule`: the device's next event, a repeated one, one before its turn. Any
other event, and the later ones of its device, go through `applying.handle_event` in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from operator import attrgetter
from typing import Any

from pydantic_core import PydanticSerializationError
from sqlalchemy import Connection, Engine, Table, func, select
from sqlalchemy.exc import DataError, IntegrityError

from dockvoice_protocol.hash_chain import parse_event_or_empty
from inventory.ingest import reorder_buffer
from inventory.ingest.applying import (
    UNSTORABLE_ERRORS,
    check_deferred_constraints,
    entry_row,
    event_row,
    handle_event,
    refused_row,
    text_rows,
)
from inventory.ingest.reorder_buffer import MOST_BUFFERED
from inventory.ingest.rule import (
    AcceptedWrite,
    AppliedBefore,
    DeviceState,
    decide_change,
    replaced_state,
    uses_no_number,
)
from inventory.records import (
    Applied,
    Buffered,
    BufferSize,
    DeviceBuffer,
    Duplicate,
    Early,
    Event,
    HandledEvent,
    InvalidEvent,
    Outcome,
    Refused,
)
from inventory.reviews import continuity, flags
from inventory.reviews.continuity import Links
from inventory.store import many, stock
from inventory.store.database import SiteFault, read_only_engine, translated_errors
from inventory.store.kafka_outbox import insert_applied
from inventory.store.tables import ARRIVALS, devices, entries, events, pallets, refused, said, stock_moves

At = tuple[str, str]  # Site and name of a device.


@dataclass(slots=True)
class _Device(DeviceState):
    """A device's state while its batch is handled."""

    highest: int
    link: str | None = None  # Hash-chain link of the last handled event; None: not known.
    held: int = 0  # Number of its events in the reorder buffer.
    singly: bool = False  # Whether its remaining events are handled one by one.


@dataclass(slots=True)
class _BatchEvent:
    """An event of the batch, with its outcome."""

    event: Event | InvalidEvent
    place: float  # Its position in the batch.
    was_held: bool = False
    became: Outcome | Buffered | None = None

    @property
    def at(self) -> At:
        """Site and name of its device."""
        return self.event.site, self.event.device


@dataclass(slots=True)
class _NamedEntry:
    """An entry that an event corrects."""

    state: str
    of: At
    move: Mapping[str, Any] | None  # The stock move that it added.


@dataclass(slots=True)
class _PendingWrites:
    """The rows to write, by kind."""

    applied: list[_BatchEvent] = field(default_factory=list)
    refused: list[tuple[_BatchEvent, Refused]] = field(default_factory=list)
    held: list[_BatchEvent] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)  # New states of entries that are no longer current.


class BatchApplier:
    """Applies many events at once. Each method is one transaction; all raise Unavailable, with nothing changed."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], *, feeds_kafka: bool = False) -> None:
        """With `feeds_kafka`, each event that is applied enters the outbox to Kafka."""
        self._engine = engine
        self._reads = read_only_engine(engine)
        self._now = now
        self._enter_outbox = insert_applied if feeds_kafka else lambda *_: None

    def try_apply_all(self, given: Sequence[Event | InvalidEvent], *, hold: bool = False) -> list[HandledEvent] | None:
        """Apply or refuse these events; their outcomes in order.

        None, with nothing changed, if one of them or a trigger of the site's causes an error: then the caller applies
        them one by one. With `hold`, an event before its turn is buffered, and the outcomes of buffered events that
        became due follow the others.
        """
        try:
            with translated_errors(self._engine.url):
                try:
                    with self._engine.begin() as transaction:
                        came = [_BatchEvent(event, place) for place, event in enumerate(given)]
                        # An error means that one of them cannot be applied in a batch.
                        handled = _Batch(transaction, came, self._now, hold=hold).run()
                        self._enter_outbox(transaction, handled)
                        return handled
                except (DataError, IntegrityError, PydanticSerializationError, *UNSTORABLE_ERRORS):
                    return None
        except SiteFault:
            return None

    def drop_expired_and_apply_due(self, patience: timedelta) -> list[HandledEvent]:
        """Remove events buffered longer than `patience`, with outcome `early`; apply those whose turn has come."""
        with translated_errors(self._engine.url), self._engine.begin() as transaction:
            handled = _drop_expired_and_apply_due(transaction, self._now, patience)
            self._enter_outbox(transaction, handled)
            return handled

    def count_waiting(self) -> BufferSize:
        """The number of events that wait in the reorder buffer now, and the age of the oldest."""
        with translated_errors(self._engine.url), self._reads.begin() as transaction:
            return reorder_buffer.count_buffered(transaction)

    def count_waiting_by_device(self) -> dict[At, DeviceBuffer]:
        """By device with buffered events, their number and the age of the oldest."""
        with translated_errors(self._engine.url), self._reads.begin() as transaction:
            return reorder_buffer.count_buffered_by_device(transaction)


class _Batch:
    def __init__(
        self, transaction: Connection, given: list[_BatchEvent], clock: Callable[[], datetime], *, hold: bool
    ) -> None:
        self._transaction = transaction
        self._clock = clock
        self._hold = hold
        self._devices = _lock_devices(transaction, {one.at for one in given}, clock)
        self._now = clock()  # read only after the locks: the order of handling is that of receipt
        following = reorder_buffer.load_buffered_from(transaction, self._next_missing(given)) if hold else []
        waited = [_BatchEvent(event, -1.0, was_held=True) for event in following]
        self.every = [*given, *waited]
        for one in waited:
            self._devices[one.at].held += 1
        self._applied, self._refused = _load_outcomes(transaction, self.every)
        self._named = _load_named_entries(transaction, self.every)
        self._load_last_links()
        self._ruled = {
            site for site in {one.event.site for one in self.every} if flags.has_active_rule(transaction, site)
        }
        self._written = _PendingWrites()
        self._proofs: list[tuple[_BatchEvent, int]] = []

    def run(self) -> list[HandledEvent]:
        """Handle the events: the outcomes of those given in order, then those of buffered ones that became due."""
        self._decide_outcomes()
        self._write()
        self._apply_undecided_singly()
        check_deferred_constraints(self._transaction)
        return [(one.event, one.became) for one in self.every if one.became is not None]

    def _load_last_links(self) -> None:
        """Load the link that each device's next event continues, if that event is in the batch."""
        turn = {one.at for one in self.every if one.event.sequence == self._devices[one.at].handled + 1}
        found = continuity.load_links(self._transaction, [(*at, self._devices[at].handled) for at in turn])
        for (site, device, _), link in found.items():
            self._devices[site, device].link = link

    def _next_missing(self, given: Iterable[_BatchEvent]) -> dict[At, int]:
        """The first number of each device that is neither handled nor in the batch."""
        there = {(*one.at, one.event.sequence) for one in given}
        runs = {at: count(device.handled + 1) for at, device in self._devices.items()}
        return {at: next(number for number in run if (*at, number) not in there) for at, run in runs.items()}

    def _decide_outcomes(self) -> None:
        """Decide the outcome of each event, those of a device in the order of their numbers."""
        queues: dict[At, list[_BatchEvent]] = defaultdict(list)
        for one in self.every:
            queues[one.at].append(one)
        for at in sorted(queues):
            place, device = -1.0, self._devices[at]
            for one in sorted(queues[at], key=lambda one: one.event.sequence):
                # A buffered event comes after the one that it waited for.
                one.place = place = max(place, -1.0 if one.was_held else one.place)
                if not device.singly:
                    one.became = self._decide_from_loaded_rows(one, device)
                    device.singly = one.became is None
                if not continuity.is_number_jump(one.event, device.handled):
                    device.highest = max(device.highest, one.event.sequence)

    def _decide_from_loaded_rows(self, one: _BatchEvent, device: _Device) -> Outcome | Buffered | None:
        """Decide the outcome of an event from the loaded rows; None if it needs `applying.handle_event`."""
        event, before = one.event, self._earlier_outcome(one)
        if event.event_id in self._applied and before is None:
            return None  # Another device's event has its id.
        decision = decide_change(event, device, before)
        if before is not None:
            return self._answer_repeated_without_writing(one, device, decision)
        match decision:
            case Early() if not continuity.is_number_jump(event, device.handled):
                return self._hold_or_return_early(one, device)
            case AcceptedWrite() | Refused() if device.advances(event):
                seal = continuity.parse_chain_members(event.body)
                return (
                    self._queue_applied_or_refused(one, device, decision, seal)
                    if self._continues_chain_and_has_no_rule(event, device, seal)
                    else None
                )
            case _:
                return None

    def _earlier_outcome(self, one: _BatchEvent) -> AppliedBefore | Refused | None:
        of, before = self._applied.get(one.event.event_id, (one.at, None))
        return before if before is not None and of == one.at else self._refused.get((*one.at, one.event.event_id))

    def _continues_chain_and_has_no_rule(self, event: Event | InvalidEvent, device: _Device, seal: Links) -> bool:
        """Whether the event continues its device's hash chain, and no pallet rule needs the current tables."""
        ruled = (
            isinstance(event, Event) and event.site in self._ruled and flags.pallet_row(event, self._now) is not None
        )
        return continuity.continues_chain(device.link, seal) and not ruled

    def _queue_applied_or_refused(
        self, one: _BatchEvent, device: _Device, decision: AcceptedWrite | Refused, seal: Links
    ) -> Applied | Refused:
        event = one.event
        refusal = decision if isinstance(decision, Refused) else self._register_entry_changes(one)
        device.advance(event)
        device.link = seal.link
        if refusal is not None:
            self._written.refused.append((one, refusal))
            self._refused[*one.at, event.event_id] = refusal
            return replace(refusal, handled=device.handled)
        assert isinstance(event, Event)  # noqa: S101 - the rule refuses what is unfit
        self._written.applied.append(one)
        self._applied[event.event_id] = one.at, AppliedBefore(event.type, event.body.decode())
        return Applied(device.handled)

    def _answer_repeated_without_writing(
        self, one: _BatchEvent, device: _Device, decision: AcceptedWrite | Duplicate | Refused | Early
    ) -> Outcome | None:
        """The outcome of a repeated event; None if something must be written as well."""
        if device.advances(one.event) or not isinstance(decision, Duplicate | Refused):
            return None
        if isinstance(decision, Refused) and uses_no_number(decision.reasons):
            return None
        if device.handled > one.event.sequence:
            self._proofs.append((one, device.handled))
        return replace(decision, handled=device.handled)

    def _hold_or_return_early(self, one: _BatchEvent, device: _Device) -> Early | Buffered:
        event = one.event
        if one.was_held:
            return Buffered()
        if not self._hold or device.held >= MOST_BUFFERED or event.sequence > device.handled + MOST_BUFFERED:
            return Early(expected=device.handled + 1)
        device.held += 1
        self._written.held.append(one)
        return Buffered()

    def _register_entry_changes(self, one: _BatchEvent) -> Refused | None:
        """Record the entry that the event ends and the one that it creates; a Refused if it cannot."""
        event = one.event
        assert isinstance(event, Event)  # noqa: S101 - the rule refuses what is unfit
        if event.replaces is not None:
            named = self._named.get(event.replaces)
            ended = replaced_state(event, named.state if named is not None and named.of == one.at else None)
            if isinstance(ended, Refused):
                return ended
            self._written.ended[event.replaces] = self._named[event.replaces].state = ended
        if event.fields is not None:
            self._named[event.event_id] = _NamedEntry("current", one.at, stock.make_added_move(event, self._now, None))
        return None

    def _write(self) -> None:
        """Write all rows, each table in one statement."""
        transaction, written = self._transaction, self._written
        applied = sorted(written.applied, key=attrgetter("place"))
        arrivals = _draw_arrivals(transaction, len(applied))
        with many.pipelined(transaction):
            made: set[str] = {one.event.event_id for one in applied}
            # Earlier entries are ended first: a constraint of the site's may allow only one current entry of a pallet.
            ended = [{"event_id": one, "state": state} for one, state in written.ended.items()]
            many.update_rows(transaction, entries, ["event_id"], [row for row in ended if row["event_id"] not in made])
            rows = _RowsByTable(self._now)
            for one, arrival in zip(applied, arrivals, strict=True):
                rows.add(one.event, arrival, self._named)
            for table, its in rows.of.items():
                many.insert_rows(transaction, table, its)
            many.insert_rows(
                transaction, refused, [refused_row(one.event, became, self._now) for one, became in written.refused]
            )
            many.update_rows(transaction, entries, ["event_id"], [row for row in ended if row["event_id"] in made])
            self._insert_and_delete_buffered()
            many.update_rows(
                transaction, devices, ["site", "device"], [self._device_row(at) for at in sorted(self._devices)]
            )
        self._attach_latest_events_to_outcomes()

    def _device_row(self, at: At) -> dict[str, Any]:
        device = self._devices[at]
        its = {"handled": device.handled, "highest": device.highest, "instance": device.instance}
        return {"site": at[0], "device": at[1], **its, "heard_at": self._now}

    def _insert_and_delete_buffered(self) -> None:
        reorder_buffer.insert_buffered(self._transaction, (one.event for one in self._written.held), self._now)
        done = (one for one in self.every if one.was_held and not isinstance(one.became, Buffered | None))
        reorder_buffer.delete_buffered(self._transaction, (one.event for one in done))
        for one in self.every:
            if one.was_held and one.became == Buffered():
                one.became = None  # still buffered: no answer

    def _attach_latest_events_to_outcomes(self) -> None:
        """Attach the last handled event to the outcomes of devices that are behind it."""
        bodies = {(*one.at, one.event.sequence): one.event.body for one, _ in self._written.refused}
        bodies |= {(*one.at, one.event.sequence): one.event.body for one in self._written.applied}
        lacking = {(*one.at, handled) for one, handled in self._proofs} - {*bodies}
        for table in (events, refused):
            wanted = select(table.c.site, table.c.device, table.c.sequence, table.c.body)
            keys = ["site", "device", "sequence"]
            for row in many.select_by_keys(self._transaction, wanted, table, keys, lacking) if lacking else ():
                bodies.setdefault((row.site, row.device, row.sequence), row.body)
        for one, handled in self._proofs:
            latest = (
                parse_event_or_empty(body) or None if (body := bodies.get((*one.at, handled))) is not None else None
            )
            if isinstance(one.became, Duplicate | Refused):
                one.became = replace(one.became, latest=latest)

    def _apply_undecided_singly(self) -> None:
        """Handle the events that the batch could not decide."""
        for one in sorted((one for one in self.every if self._devices[one.at].singly), key=attrgetter("place")):
            if one.became is not None:
                continue
            if one.was_held and one.event.sequence > _load_handled(self._transaction, one.event) + 1:
                continue  # an event before it is missing
            one.became = handle_event(self._transaction, one.event, self._clock)
            if one.was_held:
                reorder_buffer.delete_buffered(self._transaction, [one.event])


@dataclass(slots=True)
class _RowsByTable:
    """The rows of applied events by table, in an order that satisfies the foreign keys."""

    now: datetime
    of: dict[Table, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for table in (events, entries, said, pallets, stock_moves):
            self.of[table] = []

    def add(self, event: Event | InvalidEvent, arrival: int, named: Mapping[str, _NamedEntry]) -> None:
        """Add the rows of one event."""
        assert isinstance(event, Event)  # noqa: S101 - the rule refuses what is unfit
        self.of[events].append(event_row(event, arrival, self.now))
        if event.replaces is not None and (before := named[event.replaces].move) is not None:
            self.of[stock_moves].append(stock.make_reversing_move(before, event, self.now, arrival))
        if event.fields is None:
            return
        self.of[entries].append(entry_row(event, event.fields, arrival))
        self.of[said] += text_rows(event, event.fields, arrival)
        self.of[pallets] += [row] if (row := flags.pallet_row(event, self.now)) is not None else []
        if (move := named[event.event_id].move) is not None:
            self.of[stock_moves].append({**move, "arrival": arrival})


def _lock_devices(transaction: Connection, wanted: Collection[At], clock: Callable[[], datetime]) -> dict[At, _Device]:
    """The states of these devices, their rows locked until the transaction ends.

    Missing rows are inserted first, and all rows are locked in the order of their names, so that two consumers cannot
    deadlock.
    """
    if not wanted:
        return {}
    begun = {"handled": 0, "highest": 0, "heard_at": clock()}
    new = [{"site": site, "device": device, **begun} for site, device in sorted(wanted)]
    many.insert_new_rows(transaction, devices, new)
    every = select(devices).order_by(devices.c.site, devices.c.device).with_for_update()
    found = many.select_by_keys(transaction, every, devices, ["site", "device"], sorted(wanted))
    return {(row.site, row.device): _Device(int(row.handled), row.instance, int(row.highest)) for row in found}


_Applied = dict[str, tuple[At, AppliedBefore]]  # Applied events by id, with their devices.


def _load_outcomes(
    transaction: Connection, every: Sequence[_BatchEvent]
) -> tuple[_Applied, dict[tuple[str, str, str], Refused]]:
    """The stored outcomes of these events: applied, or refused."""
    if not every:
        return {}, {}
    wanted = select(events.c.event_id, events.c.site, events.c.device, events.c.type, events.c.body)
    ids = {(one.event.event_id,) for one in every}
    applied = {
        row.event_id: ((row.site, row.device), AppliedBefore(row.type, row.body))
        for row in many.select_by_keys(transaction, wanted, events, ["event_id"], ids)
    }
    keys = ["site", "device", "event_id"]
    its = select(refused.c.site, refused.c.device, refused.c.event_id, refused.c.reasons)
    found = many.select_by_keys(transaction, its, refused, keys, {(*one.at, one.event.event_id) for one in every})
    return applied, {(row.site, row.device, row.event_id): Refused(tuple(row.reasons)) for row in found}


def _load_named_entries(transaction: Connection, every: Iterable[_BatchEvent]) -> dict[str, _NamedEntry]:
    """The entries that events of the batch correct."""
    names = {one.event.replaces for one in every if isinstance(one.event, Event) and one.event.replaces is not None}
    if not names:
        return {}
    # Few, and given by value: from the JSON of `many.select_by_keys` PostgreSQL would plan to read all of stock_moves.
    of_entries, of_moves = (table.c.event_id.in_(sorted(names)) for table in (entries, stock_moves))
    wanted = select(entries.c.event_id, entries.c.site, entries.c.device, entries.c.state).where(of_entries)
    found = transaction.execute(wanted).all()
    moves = select(stock_moves).where(stock_moves.c.line == stock.ADDS, of_moves)
    # SQLAlchemy keys are `quoted_name`, slow to encode; convert to `str`.
    added = {
        row["event_id"]: {str(name): value for name, value in row.items()}
        for row in transaction.execute(moves).mappings()
    }
    return {row.event_id: _NamedEntry(row.state, (row.site, row.device), added.get(row.event_id)) for row in found}


def _draw_arrivals(transaction: Connection, number: int) -> list[int]:
    """The next `number` numbers in the order of arrival."""
    if not number:
        return []
    if transaction.dialect.name == "postgresql":
        drawn = select(ARRIVALS.next_value()).select_from(func.generate_series(1, number))
        return sorted(transaction.execute(drawn).scalars())
    highest = int(transaction.execute(select(func.coalesce(func.max(events.c.arrival), 0))).scalar_one())
    return [highest + one for one in range(1, number + 1)]


def _drop_expired_and_apply_due(
    transaction: Connection, clock: Callable[[], datetime], patience: timedelta
) -> list[HandledEvent]:
    """Remove events buffered longer than `patience`, with outcome `early`; apply those whose turn has come."""
    gone = reorder_buffer.load_expired(transaction, clock(), patience)
    reorder_buffer.delete_buffered(transaction, gone)
    handled: list[HandledEvent] = [(one, Early(expected=_load_handled(transaction, one) + 1)) for one in gone]
    turn = [_BatchEvent(event, -1.0, was_held=True) for event in reorder_buffer.load_due(transaction)]
    return handled + _Batch(transaction, turn, clock, hold=True).run() if turn else handled


def _load_handled(transaction: Connection, event: Event | InvalidEvent) -> int:
    its = (devices.c.site == event.site, devices.c.device == event.device)
    return int(transaction.execute(select(devices.c.handled).where(*its)).scalar_one())
