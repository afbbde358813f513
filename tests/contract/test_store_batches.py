"""Many events at once become what they become one by one: the same outcomes, the same tables; or nothing is done."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from edge.deliver.device_events import withheld_event
from inventory.records import Applied, Buffered, Duplicate, Early, Event, HandledEvent, InvalidEvent, Outcome, Refused
from inventory.repository import Store
from inventory.store.tables import events, metadata, rejected, stock_moves, versions
from tests.dictated import amended, cancelled, identity, recorded
from tests.store import Read
from tests.tiers import sized

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = [("north", "dock-3"), ("north", "dock-4"), ("south", "dock-1")]


def told(became: Sequence[HandledEvent] | None) -> list[Any]:
    """All that the answers say."""
    assert became is not None
    return [(one.event_id, said, getattr(said, "handled", None), getattr(said, "latest", None)) for one, said in became]


def tables(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All that is in the tables, but for the order of devices among each other."""
    with store.engine.begin() as transaction:
        return {
            table.name: sorted(
                tuple(_plainly(row[column.name]) for column in table.c if column.name not in {"arrival", "id"})
                for row in transaction.execute(select(table)).mappings()
            )
            for table in metadata.sorted_tables
            if table not in {versions, rejected}
        }


def _plainly(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else repr(value)


def order(store: Store) -> dict[tuple[str, str], list[int]]:
    """The numbers of each device as they arrived."""
    found: dict[tuple[str, str], list[int]] = {}
    with store.engine.begin() as transaction:
        for row in transaction.execute(select(events).order_by(events.c.arrival)):
            found.setdefault((row.site, row.device), []).append(row.sequence)
    return found


class Sayings:
    """Events of several devices as they come over a bad link: again, altered, out of turn, from a copied journal."""

    def __init__(self, chance: random.Random, read: Read) -> None:
        self._chance = chance
        self._read = read
        self._next = dict.fromkeys(AT, 1)
        self._before = dict(self._next)
        self._said: list[Event | InvalidEvent] = []
        self.instances = dict.fromkeys(AT, 1)

    def batch(self) -> list[Event | InvalidEvent]:
        """Some of them, in the order of each device's numbers."""
        self._before = dict(self._next)
        made = [self._one() for _ in range(self._chance.randint(1, 25))]
        return sorted(made, key=lambda one: one.sequence)

    def _one(self) -> Event | InvalidEvent:
        chance, at = self._chance, self._chance.choice(AT)
        kind = chance.random()
        if self._said and kind < 0.2:
            return chance.choice(self._said)
        if self._said and kind < 0.25:
            old = chance.choice(self._said)
            return replace(old, body=old.body.replace(b"12", b"13", 1))
        number = self._next[at]
        if kind < 0.3:
            return self._new(at, number + chance.randint(1, 3))
        if kind < 0.33:
            self.instances[at] += 1
        if kind < 0.35:
            # Said before: of two devices that use one id within a batch, either may be the first.
            theirs = chance.choice(AT)
            taken = identity(1, chance.randint(1, max(1, self._before[theirs] - 1)), theirs[1])
            return replace(self._new(at, number), event_id=taken)
        self._next[at] += 1
        one = self._new(at, number)
        self._said.append(one)
        return one

    def _new(self, at: tuple[str, str], number: int) -> Event | InvalidEvent:
        chance, named = self._chance, self._chance.randint(1, max(1, number - 1))
        if chance.random() < 0.1:
            return InvalidEvent(identity(1, number, at[1]), *at, number, b"{}", ("invalid:/dock",))
        fields: dict[str, Any] = {"pallet_id": f"1{chance.randint(1, 4)}", "quantity": chance.randint(1, 99)}
        message = chance.choices(
            [
                recorded(number, at=at, **fields),
                amended(number, named, at=at, **fields),
                cancelled(number, named, at=at),
            ],
            [6, 2, 1],
        )[0]
        if chance.random() < 0.1:
            message = withheld_event(message, "packet too large")
        event = self._read(message)
        return replace(event, instance=f"{self.instances[at]}-{at[1]}") if chance.random() < 0.7 else event


@pytest.mark.parametrize("seed", range(sized(test=2, nightly=6)))
def test_a_batch_becomes_what_its_events_become_one_by_one(url: str, tmp_path: Path, event: Read, seed: int) -> None:
    sayings = Sayings(random.Random(seed), event)
    with (
        closing(Store.open(url, now=lambda: NOON)) as store,
        closing(Store.open(f"sqlite:///{tmp_path / 'one-by-one.db'}", now=lambda: NOON)) as reference,
    ):
        for _ in range(12):
            batch = sayings.batch()
            expected: list[HandledEvent] = [(one, reference.apply(one)) for one in batch]
            became = store.batches.try_apply_all(batch)
            if became is None:  # the id of another device's event
                became = [(one, store.apply(one)) for one in batch]
            assert told(became) == told(expected)
        assert tables(store) == tables(reference)
        assert order(store) == order(reference)
        assert all(numbers == sorted(numbers) for numbers in order(store).values())


def plain(
    event: Read, numbers: Sequence[int], at: tuple[str, str] = AT[0], **fields: Any
) -> list[Event | InvalidEvent]:
    return [event(recorded(number, at=at, **fields)) for number in numbers]


def outcomes(became: Sequence[HandledEvent] | None) -> list[Outcome | Buffered]:
    assert became is not None
    return [said for _, said in became]


def test_one_that_cannot_be_stored_lets_nothing_be_done_at_once(store: Store, event: Read) -> None:
    bad = replace(event(recorded(2)), operator="a\0b") if "sqlite" not in store.where else None
    theirs = replace(event(recorded(1, at=AT[1])), event_id=identity(1, 1))
    store.apply(event(recorded(1)))
    before = tables(store)
    became = store.batches.try_apply_all([theirs])
    assert became is None or outcomes(became) == [Refused(("conflicting_event",))]
    if bad is not None:
        assert store.batches.try_apply_all([bad, *plain(event, [3])]) is None
        assert store.apply(bad) == Refused(("unstorable",))
        assert store.count().rows == 1
    assert before["entries"] == tables(store)["entries"]


def test_a_sites_trigger_lets_nothing_be_done_at_once(store: Store, event: Read) -> None:
    with store.engine.begin() as transaction:
        if transaction.dialect.name == "sqlite":
            transaction.execute(
                text(
                    "CREATE TRIGGER watch BEFORE INSERT ON entries WHEN NEW.device = 'dock-4' "
                    "BEGIN SELECT RAISE(ABORT, 'not on my watch'); END"
                )
            )
        else:
            transaction.execute(
                text(
                    "CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    "IF NEW.device = 'dock-4' THEN RAISE EXCEPTION 'not on my watch'; END IF; RETURN NEW; END $$"
                )
            )
            transaction.execute(
                text("CREATE TRIGGER watch BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION watch()")
            )
    before = tables(store)
    assert store.batches.try_apply_all([*plain(event, [1]), *plain(event, [1], AT[1])]) is None
    assert tables(store) == before
    assert outcomes(store.batches.try_apply_all(plain(event, [1]))) == [Applied()]


def test_two_consumers_with_the_same_devices_wait_for_nobody_for_ever(url: str, store: Store, event: Read) -> None:
    """Each has the devices in another order, and half of the events twice."""
    every = [plain(event, range(1, 41), ("north", f"dock-{number}")) for number in range(6)]

    def work(seed: int) -> int:
        chance, applied = random.Random(seed), 0
        with closing(Store.open(url)) as own:
            for first in range(0, 40, 8):
                mixed = [one for of in every for one in of[first : first + 8]]
                chance.shuffle(mixed)
                early = True
                while early:  # another one has not yet come so far
                    became = outcomes(own.batches.try_apply_all(mixed))
                    applied += sum(isinstance(said, Applied) for said in became)
                    early = any(isinstance(said, Early) for said in became)
        return applied

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 240
    assert store.count().rows == 240


# ---- what comes before its turn, where several consumers share the work ----


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(url: str, clock: Clock) -> Iterator[Store]:
    with closing(Store.open(url, now=clock)) as opened:
        yield opened


def test_what_comes_before_its_turn_is_held_and_follows_the_one_it_waited_for(shared: Store, event: Read) -> None:
    assert outcomes(shared.batches.try_apply_all(plain(event, [3, 4, 2]), hold=True)) == [Buffered()] * 3
    waiting = shared.batches.count_waiting()
    assert (waiting.events, waiting.devices, waiting.since) == (3, 1, NOON)
    assert shared.progress()[0].missing == (1, 4)
    became = shared.batches.try_apply_all(plain(event, [1, 6]), hold=True)
    assert became is not None
    assert [(one.sequence, said) for one, said in became] == [
        (1, Applied()),
        (6, Buffered()),
        *((number, Applied()) for number in (2, 3, 4)),
    ]
    assert order(shared) == {AT[0]: [1, 2, 3, 4]}
    assert shared.batches.count_waiting().events == 1


def test_a_correction_that_comes_before_its_entry_waits_for_it(shared: Store, event: Read) -> None:
    early: list[Event | InvalidEvent] = [event(cancelled(3, 2)), event(amended(2, 1, quantity=7))]
    assert outcomes(shared.batches.try_apply_all(early, hold=True)) == [Buffered(), Buffered()]
    assert outcomes(shared.batches.try_apply_all(plain(event, [1]), hold=True)) == [Applied()] * 3
    assert shared.count().rows == 0
    assert stock(shared) == {"0742": 0}


def test_what_broke_its_form_waits_too(shared: Store, event: Read) -> None:
    unfit = InvalidEvent(identity(1, 2), *AT[0], 2, b"\xff{}", ("malformed:x",))
    assert outcomes(shared.batches.try_apply_all([unfit], hold=True)) == [Buffered()]
    assert outcomes(shared.batches.try_apply_all(plain(event, [1]), hold=True)) == [
        Applied(),
        Refused(("malformed:x",)),
    ]


def test_what_waits_in_vain_is_told_as_early_and_forgotten(shared: Store, event: Read, clock: Clock) -> None:
    shared.batches.try_apply_all(plain(event, [3]), hold=True)
    assert shared.batches.drop_expired_and_apply_due(timedelta(seconds=5)) == []
    clock.now += timedelta(seconds=6)
    ((one, said),) = shared.batches.drop_expired_and_apply_due(timedelta(seconds=5))
    assert (one.sequence, said) == (3, Early(expected=1))
    assert shared.batches.count_waiting().events == 0


def test_what_waits_is_not_forgotten_where_the_one_before_it_was_applied_by_itself(shared: Store, event: Read) -> None:
    shared.batches.try_apply_all(plain(event, [2]), hold=True)
    assert shared.apply(event(recorded(1))) == Applied()
    ((one, said),) = shared.batches.drop_expired_and_apply_due(timedelta(seconds=5))
    assert (one.sequence, said) == (2, Applied())
    assert shared.batches.drop_expired_and_apply_due(timedelta(0)) == []


def test_the_same_held_twice_is_held_once(shared: Store, event: Read) -> None:
    shared.batches.try_apply_all(plain(event, [2, 2]), hold=True)
    shared.batches.try_apply_all(plain(event, [2]), hold=True)
    assert shared.batches.count_waiting().events == 1
    assert outcomes(shared.batches.try_apply_all(plain(event, [1, 2]), hold=True)) == [Applied(), Applied()]
    assert outcomes(shared.batches.drop_expired_and_apply_due(timedelta(seconds=5))) == [Duplicate()]
    assert shared.batches.count_waiting().events == 0


def test_a_device_that_has_gone_far_ahead_is_told_where_to_begin(shared: Store, event: Read) -> None:
    assert outcomes(shared.batches.try_apply_all(plain(event, [5000]), hold=True)) == [Early(expected=1)]
    assert shared.batches.count_waiting().events == 0


# ---- stock moves ----


def stock(store: Store) -> dict[str, int]:
    """What is there of each pallet."""
    summed = select(stock_moves.c.pallet, func.sum(stock_moves.c.quantity)).group_by(stock_moves.c.pallet)
    with store.engine.begin() as transaction:
        return {row[0]: int(row[1]) for row in transaction.execute(summed)}


@pytest.mark.parametrize("at_once", [True, False])
def test_moves_sum_up_to_what_stands(store: Store, event: Read, at_once: bool) -> None:
    said = [
        recorded(1, pallet_id="11", quantity=10),
        recorded(2, pallet_id="22", quantity=4),
        amended(3, 1, pallet_id="22", quantity=6),  # it was another pallet
        recorded(4, pallet_id="33", quantity=5),
        cancelled(5, 4),
    ]
    every: list[Event | InvalidEvent] = [event(one) for one in said]
    if at_once:
        store.batches.try_apply_all(every)
    else:
        for one in every:
            store.apply(one)
    assert stock(store) == {"11": 0, "22": 10, "33": 0}
    with store.engine.begin() as transaction:
        rows = transaction.execute(select(stock_moves).order_by(stock_moves.c.arrival, stock_moves.c.line)).all()
    assert [(int(row.quantity), row.entry == row.event_id) for row in rows] == [
        (10, True),
        (4, True),
        (-10, False),
        (6, True),
        (5, True),
        (-5, False),
    ]
    assert {row.location for row in rows} == {"B"}
