"""Whatever the line does, every row is settled in the end; the window is never exceeded; first sendings keep the order.

A model broker and inventory lose, double and refuse messages, and the connection comes and goes at any moment. The
journal, as the real one, remembers only what is settled.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.config import Deliver
from edge.config import Settle as SettleOn
from edge.deliver.relay import Alarm, Command, Publish, Relay, Sent, Settle, WantRows
from edge.records import OutboxRow, Receipt, ReceiptOutcome

TIMEOUT_S = 20.0
PUBACKS = st.sampled_from([0, 16, 128, 135, 151])


class Line(RuleBasedStateMachine):
    """The relay between a journal and a broker, with everything that can happen to either."""

    @initialize(settle=st.sampled_from(SettleOn), window=st.integers(1, 5), receive_maximum=st.integers(1, 5))
    def begin(self, settle: SettleOn, window: int, receive_maximum: int) -> None:
        self.mode = settle
        self.window = min(window, receive_maximum)
        self.receive_maximum = receive_maximum
        self.relay = Relay(Deliver(settle=settle, window=window, receipt_timeout_s=TIMEOUT_S))
        self.now = 0.0
        self.up = False
        self.written: list[OutboxRow] = []
        self.settled: set[str] = set()
        self.first_sent: list[int] = []
        self.sent_now: set[str] = set()
        """What was published on this connection and is not settled: what fills the window."""
        self.at_broker: list[str] = []
        """Publications without a PUBACK."""
        self.at_inventory: list[str] = []
        """Publications the inventory has not answered."""

    def carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case WantRows(at_most):
                    oldest = [row for row in self.written if row.event_id not in self.settled]
                    self.carry_out(self.relay.offered(oldest[:at_most], self.now))
                case Publish(row):
                    self.publish(row)
                case Settle(event_id):
                    self.settled.add(event_id)
                    self.sent_now.discard(event_id)
                case Sent() | Alarm():
                    pass

    def publish(self, row: OutboxRow) -> None:
        assert self.up, "published without a connection"
        if row.sequence not in self.first_sent:
            self.first_sent.append(row.sequence)
        self.sent_now.add(row.event_id)
        self.at_broker.append(row.event_id)

    @rule()
    def write(self) -> None:
        sequence = len(self.written) + 1
        self.written.append(OutboxRow(f"event-{sequence}", sequence, "{}"))
        self.carry_out(self.relay.written())

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        self.up = True
        self.carry_out(self.relay.connected(self.receive_maximum))

    @precondition(lambda self: self.up)
    @rule(reaches_the_broker=st.booleans())
    def disconnect(self, reaches_the_broker: bool) -> None:
        self.up = False
        if reaches_the_broker:
            self.at_inventory += self.at_broker
        self.at_broker.clear()
        self.sent_now.clear()
        self.carry_out(self.relay.disconnected())

    @precondition(lambda self: self.at_broker)
    @rule(data=st.data(), code=PUBACKS)
    def puback(self, data: st.DataObject, code: int) -> None:
        event_id = self.at_broker.pop(data.draw(st.integers(0, len(self.at_broker) - 1)))
        if code < 128:
            self.at_inventory.append(event_id)
        self.carry_out(self.relay.acknowledged(event_id, code))

    @precondition(lambda self: self.at_inventory and self.mode is SettleOn.RECEIPT)
    @rule(data=st.data(), outcome=st.sampled_from(ReceiptOutcome), doubled=st.booleans())
    def receive_receipt(self, data: st.DataObject, outcome: ReceiptOutcome, doubled: bool) -> None:
        index = data.draw(st.integers(0, len(self.at_inventory) - 1))
        event_id = self.at_inventory[index] if doubled else self.at_inventory.pop(index)
        self.carry_out(self.relay.receipt(Receipt(event_id, outcome)))

    @precondition(lambda self: self.at_inventory)
    @rule()
    def lose_everything_on_the_way(self) -> None:
        self.at_inventory.clear()

    @rule(seconds=st.floats(0, 3 * TIMEOUT_S))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.relay.tick(self.now))

    @invariant()
    def the_window_is_never_exceeded(self) -> None:
        assert len(self.sent_now) <= self.window

    @invariant()
    def first_sendings_keep_the_order(self) -> None:
        assert self.first_sent == sorted(self.first_sent)

    @invariant()
    def what_is_owed_has_a_time_at_which_it_is_looked_at_again(self) -> None:
        owed = len(self.written) > len(self.settled)
        if self.up and owed:
            assert self.relay.next_due(self.now) is not None

    def teardown(self) -> None:
        """From here on the line is good: everything must be settled, without a reconnect to help."""
        if not self.up:
            self.connect()
        for _ in range(10 * len(self.written) + 10):
            if len(self.settled) == len(self.written):
                break
            self.answer_everything()
            self.now += self.relay.next_due(self.now) or 0.0
            self.carry_out(self.relay.tick(self.now))
        assert self.settled == {row.event_id for row in self.written}
        assert self.first_sent == [row.sequence for row in self.written]

    def answer_everything(self) -> None:
        while self.at_broker:
            event_id = self.at_broker.pop(0)
            self.carry_out(self.relay.acknowledged(event_id, 0))
            if self.mode is SettleOn.RECEIPT:
                self.carry_out(self.relay.receipt(Receipt(event_id, ReceiptOutcome.APPLIED)))


Line.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLine = Line.TestCase
