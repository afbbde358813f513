"""Whatever the line does, the inventory handles each event once and in order, and every row is settled in the end.

Besides: the window is never exceeded, and what is sent for the first time is sent in order. Messages are lost, doubled,
disordered and refused for every reason there is, the connection comes and goes at any moment, the agent is killed, the
machine sleeps for a day, one event is such that no broker takes it (some hang up over it), and the inventory may be
restored from a backup or begin anew. The journal remembers only what is settled.

A stepped wall clock is no rule here: the relay is given monotonic seconds and knows no other clock, which import-linter
holds it to.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.config import SettleBy
from edge.deliver.relay import DeadLetterRow, ReopenRows, SettleRow
from edge.keep.journal import Journal
from edge.records import OutboxRow
from tests.sayings import ACCEPT, entry, render, utterance
from tests.simulation.line import PUBACKS, TIMEOUT_S, TOMBSTONE, Line
from tests.tiers import examples, sized


class JournalledLine(Line):
    """The line with the real outbox at its end; what the model says is owed must be owed there too."""

    def __init__(self, settle: SettleBy, window: int, receive_maximum: int, poisoned: int, hangs_up: bool) -> None:
        super().__init__(settle, window, receive_maximum, poisoned, hangs_up)
        self._scratch = TemporaryDirectory()
        self.journal = Journal.open(Path(self._scratch.name))

    def load_due(self, at_most: int) -> list[OutboxRow]:
        return self.journal.outbox.load_due(at_most)

    def last(self) -> OutboxRow | None:
        return self.journal.outbox.last_event()

    def minted(self, sequence: int) -> OutboxRow:
        said = utterance(sequence)
        return self.journal.commit(entry(said, self.journal.store_utterance(said)), ACCEPT, render)

    def note(self, change: SettleRow | ReopenRows | DeadLetterRow) -> None:
        super().note(change)
        match change:
            case SettleRow(event_id, receipt):
                assert self.journal.outbox.settle(event_id, receipt)
            case ReopenRows(sequence):
                self.journal.outbox.reopen(sequence)
            case DeadLetterRow(event_id, reason):
                assert self.journal.outbox.dead_letter(event_id, reason, lambda event: {**event, "data": TOMBSTONE})

    def crash(self, reaches_the_broker: bool) -> None:
        self.journal.close()
        self.journal = Journal.open(Path(self._scratch.name))
        super().crash(reaches_the_broker)

    def close(self) -> None:
        self.journal.close()
        self._scratch.cleanup()


class Faults(RuleBasedStateMachine):
    """Hypothesis looks for the order of faults that breaks it."""

    kind: type[Line] = Line

    @initialize(
        settle=st.sampled_from(SettleBy),
        window=st.integers(1, 5),
        receive_maximum=st.integers(1, 5),
        poisoned=st.integers(0, 4),
        hangs_up=st.booleans(),
    )
    def begin(self, settle: SettleBy, window: int, receive_maximum: int, poisoned: int, hangs_up: bool) -> None:
        # Where a PUBACK settles, a dead letter's place needs no filling: nobody waits for its number.
        poisoned = poisoned if settle is SettleBy.RECEIPT else 0
        self.line = self.kind(settle, window, receive_maximum, poisoned, hangs_up)

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

    @rule(reaches_the_broker=st.booleans())
    def crash(self, reaches_the_broker: bool) -> None:
        self.line.crash(reaches_the_broker)

    @precondition(lambda self: self.line.at_broker)
    @rule(data=st.data(), code=st.sampled_from(PUBACKS))
    def puback(self, data: st.DataObject, code: int) -> None:
        self.line.puback(index(data, self.line.at_broker), code)

    @precondition(lambda self: self.line.to_inventory and self.line.mode is SettleBy.RECEIPT)
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

    @rule()
    def sleep_for_a_day(self) -> None:
        self.line.wait(24 * 3600)

    @invariant()
    def the_inventory_handles_each_once_and_in_order(self) -> None:
        handled = [row.sequence for row in self.line.inventory.handled]
        assert handled == list(range(1, len(handled) + 1))

    @invariant()
    def what_is_owed_has_a_time_at_which_it_is_looked_at_again(self) -> None:
        if self.line.up and self.line.owed:
            assert self.line.relay.due_in_s(self.line.now) is not None

    def teardown(self) -> None:
        if hasattr(self, "line"):
            self.line.settle_everything()


class FaultsOverAnOutbox(Faults):
    """The same with the journal's own outbox."""

    kind = JournalledLine
    line: JournalledLine

    @invariant()
    def the_outbox_owes_what_the_model_owes(self) -> None:
        owed = [row.event_id for row in self.line.owed]
        assert [row.event_id for row in self.line.journal.outbox.load_due(1000)] == owed
        assert self.line.journal.outbox.count_unsettled() == len(owed)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            if hasattr(self, "line"):
                self.line.close()


def index(data: st.DataObject, messages: Sequence[object]) -> int:
    return data.draw(st.integers(0, len(messages) - 1))


Faults.TestCase.settings = settings(stateful_step_count=50)
TestFaults = Faults.TestCase
FaultsOverAnOutbox.TestCase.settings = settings(examples(1 / 5), stateful_step_count=50)
TestFaultsOverAnOutbox = FaultsOverAnOutbox.TestCase


@pytest.mark.parametrize("seed", range(sized(quick=1, test=2, nightly=5)))
def test_a_thousand_events_over_a_bad_line_are_applied_in_order_and_once(seed: int) -> None:
    chance = random.Random(seed)
    poisoned, hangs_up = chance.randrange(1000), chance.random() < 0.5
    line = Line(SettleBy.RECEIPT, window=16, receive_maximum=20, poisoned=poisoned, hangs_up=hangs_up)
    while len(line.inventory.handled) < 1000:
        for _ in range(min(chance.randrange(8), 1000 - len(line.written))):
            line.write()
        line.suffer(chance)
    line.settle_everything()
    assert [row.sequence for row in line.inventory.handled] == list(range(1, len(line.written) + 1))
    print(f"seed {seed}: 1000 events in {line.now:.0f} s of its clock, {line.messages} messages")
