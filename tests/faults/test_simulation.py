"""Fifty runs of agent, broker and inventory in bad weather, by night thousands: each ends with what was said.

The agent's delivery, its relay and the inventory's consumer are the real ones; broker, network and time are models, and
in most runs journal and database are too. A run that fails names its seed, and `python -m tests.simulation SEED` shows
it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pytest
from typing_extensions import override

from dockvoice_protocol.outbox import FAILURE
from edge.deliver.relay import Command, PublishRow, Relay
from edge.keep.storage import DiskFull
from edge.records import OutboxRow
from inventory.records import Event, InvalidEvent, Outcome
from tests.simulation.events import Saying
from tests.simulation.outbox import ModelOutbox
from tests.simulation.run import Parts, Wrong, simulate, simulate_all
from tests.simulation.shelf import ModelTables
from tests.tiers import SEED, sized

FIRST = sized(test=0, nightly=SEED)  # By day always the same runs; each night has its own.
RUNS = sized(test=50, nightly=1_500)
AT_ONCE = 50
REAL_RUNS = sized(test=3, nightly=30)
ENOUGH = 100  # A planted fault is found within so many runs; most within ten.


@pytest.mark.parametrize("first", range(FIRST, FIRST + RUNS, AT_ONCE))
def test_the_inventory_is_what_was_said_whatever_happened_on_the_way(first: int) -> None:
    said, commits = simulate_all(range(first, first + AT_ONCE))
    print(f"seeds {first} to {first + AT_ONCE - 1}: {said} entries, {commits} commits on either side, all exact")
    assert said >= AT_ONCE, "in each run there is something to lose"


def test_the_real_journal_and_the_real_database_commit_the_same_at_the_same_moments() -> None:
    for seed in range(FIRST, FIRST + REAL_RUNS):
        assert simulate(seed, Parts(real=True)).trace == simulate(seed).trace, f"seed {seed}"


def test_a_seed_says_everything() -> None:
    assert simulate(7).trace == simulate(7).trace != simulate(8).trace


class SettlesAtPuback(Relay):
    """Takes the broker's word for it."""

    @override
    def handle_puback(self, event_id: str, reason_code: int) -> list[Command]:
        if reason_code < FAILURE:
            return self._settle(event_id, None)
        return super().handle_puback(event_id, reason_code)


class TakesRefusalsForSuccess(Relay):
    """A PUBACK is a PUBACK, whatever it says: what paho's `on_publish` suggests."""

    @override
    def handle_puback(self, event_id: str, reason_code: int) -> list[Command]:
        return self._settle(event_id, None)


class SkipsARow(Relay):
    """Overlooks the third event, whenever it is offered."""

    @override
    def add_rows(self, rows: Iterable[OutboxRow], now: float) -> list[Command]:
        return super().add_rows([row for row in rows if row.sequence != 3], now)


class StaysInFlight(Relay):
    """What was sent once is on the way for ever."""

    @override
    def publish_due(self, now: float) -> list[Command]:
        sent = super().publish_due(now)
        for command in sent:
            if isinstance(command, PublishRow) and (pending := self._pending.get(command.row.event_id)) is not None:
                pending.due = math.inf
        return sent

    @override
    def _clear_schedule(self) -> None:
        """Not even after a reconnect."""


class DeletesBeforeSending(ModelOutbox):
    """Hands a row out and has it no more."""

    def load_due(self, limit: int) -> list[OutboxRow]:
        rows = super().load_due(limit)
        for row in rows:
            self._rows[row.event_id].settled = True
        return rows


class SwallowsAFullDisk(ModelOutbox):
    """Says that it is safe, and it is not."""

    def speak(self, saying: Saying) -> None:
        try:
            super().speak(saying)
        except DiskFull:
            return


class HasNoKey(ModelTables):
    """Applies what comes, as often as it comes."""

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        return self._new(event) if isinstance(event, InvalidEvent) else self._keep(event)


class HasNoTurns(ModelTables):
    """Applies each once, in any order."""

    def _new(self, event: Event | InvalidEvent) -> Outcome:
        return super()._new(event) if isinstance(event, InvalidEvent) else self._keep(event)


class MixesUpTwo(ModelTables):
    """Gives one event the fields of the one before."""

    def _keep(self, event: Event) -> Outcome:  # type: ignore[override] # as the model's own
        became = super()._keep(event)
        if len(self._kept.rows) == 2 and event.fields is not None:
            self._kept.rows[1] = (event.sequence, self._kept.rows[0][1])
        return became


FAULTY: Sequence[Parts] = [
    *(Parts(relay=relay) for relay in (SettlesAtPuback, TakesRefusalsForSuccess, SkipsARow, StaysInFlight)),
    *(Parts(outbox=outbox) for outbox in (DeletesBeforeSending, SwallowsAFullDisk)),
    *(Parts(tables=tables) for tables in (HasNoKey, HasNoTurns, MixesUpTwo)),
]


@pytest.mark.parametrize("faulty", FAULTY, ids=str)
def test_a_planted_fault_is_found(faulty: Parts) -> None:
    found = []
    for seed in range(ENOUGH):
        try:
            simulate(seed, faulty)
        except Wrong as fault:
            found.append(str(fault))
            break
    assert found, f"not within {ENOUGH} runs"
    print(found[0])
    assert f"python -m tests.simulation {seed}" in found[0]
