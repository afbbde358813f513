"""Whatever the line does, the inventory handles each event once and in order, and every row is settled in the end.

Besides: the window is never exceeded, and what is sent for the first time is sent in order. Messages are lost, doubled,
disordered and refused in both directions, the connection comes and goes at any moment, one event is such that no broker
takes it, and the inventory may be restored from a backup or begin anew. The journal remembers only what is settled.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.config import Settle as SettleOn
from tests.line import PUBACKS, TIMEOUT_S, Line


class Faults(RuleBasedStateMachine):
    """Hypothesis looks for the order of faults that breaks it."""

    @initialize(
        settle=st.sampled_from(SettleOn),
        window=st.integers(1, 5),
        receive_maximum=st.integers(1, 5),
        poisoned=st.integers(0, 4),
    )
    def begin(self, settle: SettleOn, window: int, receive_maximum: int, poisoned: int) -> None:
        # Where a PUBACK settles, a dead letter's place needs no filling: nobody waits for its number.
        self.line = Line(settle, window, receive_maximum, poisoned if settle is SettleOn.RECEIPT else 0)

    @rule()
    def write(self) -> None:
        self.line.write()

    @precondition(lambda self: not self.line.up)
    @rule()
    def connect(self) -> None:
        self.line.connect()

    @precondition(lambda self: self.line.up)
    @rule(reaches_the_broker=st.booleans())
    def disconnect(self, reaches_the_broker: bool) -> None:
        self.line.disconnect(reaches_the_broker)

    @precondition(lambda self: self.line.at_broker)
    @rule(data=st.data(), code=st.sampled_from(PUBACKS))
    def puback(self, data: st.DataObject, code: int) -> None:
        self.line.puback(index(data, self.line.at_broker), code)

    @precondition(lambda self: self.line.to_inventory and self.line.mode is SettleOn.RECEIPT)
    @rule(data=st.data(), doubled=st.booleans())
    def reach_the_inventory(self, data: st.DataObject, doubled: bool) -> None:
        self.line.reach_the_inventory(index(data, self.line.to_inventory), doubled)

    @precondition(lambda self: self.line.to_device)
    @rule(data=st.data(), doubled=st.booleans())
    def reach_the_device(self, data: st.DataObject, doubled: bool) -> None:
        self.line.reach_the_device(index(data, self.line.to_device), doubled)

    @precondition(lambda self: self.line.to_inventory or self.line.to_device)
    @rule(entries=st.booleans(), answers=st.booleans())
    def lose_what_is_under_way(self, entries: bool, answers: bool) -> None:
        if entries:
            self.line.to_inventory.clear()
        if answers:
            self.line.to_device.clear()

    @precondition(lambda self: self.line.inventory.handled)
    @rule(data=st.data())
    def restore_the_inventory(self, data: st.DataObject) -> None:
        self.line.inventory.restore(index(data, self.line.inventory.handled))

    @rule(seconds=st.floats(0, 3 * TIMEOUT_S))
    def wait(self, seconds: float) -> None:
        self.line.wait(seconds)

    @invariant()
    def the_inventory_handles_each_once_and_in_order(self) -> None:
        handled = [row.sequence for row in self.line.inventory.handled]
        assert handled == list(range(1, len(handled) + 1))

    @invariant()
    def what_is_owed_has_a_time_at_which_it_is_looked_at_again(self) -> None:
        if self.line.up and self.line.owed:
            assert self.line.relay.next_due(self.line.now) is not None

    def teardown(self) -> None:
        if hasattr(self, "line"):
            self.line.settle_everything()


def index(data: st.DataObject, messages: Sequence[object]) -> int:
    return data.draw(st.integers(0, len(messages) - 1))


Faults.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestFaults = Faults.TestCase


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_events_over_a_bad_line_are_applied_in_order_and_once(seed: int) -> None:
    chance = random.Random(seed)
    line = Line(SettleOn.RECEIPT, window=16, receive_maximum=20, poisoned=chance.randrange(1000))
    while len(line.inventory.handled) < 1000:
        for _ in range(min(chance.randrange(8), 1000 - len(line.written))):
            line.write()
        line.suffer(chance)
    line.settle_everything()
    assert [row.sequence for row in line.inventory.handled] == list(range(1, len(line.written) + 1))
    print(f"seed {seed}: 1000 events in {line.now:.0f} s of its clock, {line.messages} messages")
