"""A model of the line for the tests of the relay: a journal, a broker and an inventory without any machinery."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from dockvoice_protocol.events import EarlyAnswer
from dockvoice_protocol.outbox import PubackEffect, puback_meaning
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.config import Deliver, SettleBy
from edge.deliver.relay import (
    MOST_REFUSALS,
    NEVER_ARRIVES_REASON,
    Command,
    CountPuback,
    DeadLetterRow,
    PublishRow,
    RaiseAlarm,
    ReadLastRow,
    ReadPendingRows,
    Relay,
    ReopenRows,
    SettleRow,
)
from edge.records import OutboxRow

TIMEOUT_S = 20.0
PUBACKS = [0, 0, 0, 0, 16, 128, 131, 135, 144, 149, 151, 153]
TOO_LARGE = 149
TOMBSTONE = "in its place"
REFUSED_EVERY = 7  # Every seventh event breaks a rule of the inventory.

T = TypeVar("T")


class Inventory:
    """Handles events of one device in order, as the real one does."""

    def __init__(self) -> None:
        self.handled: list[OutboxRow] = []

    def handle(self, row: OutboxRow) -> Receipt | EarlyAnswer:
        expected = len(self.handled) + 1
        if row.sequence > expected:
            return EarlyAnswer(row.event_id, row.sequence, expected)
        if row.sequence == expected:
            self.handled.append(row)
            return Receipt(row.event_id, self._outcome(row, ReceiptOutcome.APPLIED))
        return Receipt(row.event_id, self._outcome(row, ReceiptOutcome.DUPLICATE))

    def restore(self, handled: int) -> None:
        """Back to a backup that had so many events."""
        del self.handled[handled:]

    @staticmethod
    def _outcome(row: OutboxRow, otherwise: ReceiptOutcome) -> ReceiptOutcome:
        return otherwise if row.sequence % REFUSED_EVERY else ReceiptOutcome.REFUSED


class Line:
    """The relay between a journal and a broker, with everything that can happen to either."""

    def __init__(
        self, settle: SettleBy, window: int, receive_maximum: int, poisoned: int = 0, hangs_up: bool = False
    ) -> None:
        self.mode = settle
        self.window = min(window, receive_maximum)
        self.receive_maximum = receive_maximum
        self.poisoned = poisoned  # The number of the event that the broker refuses for its content; 0 for none.
        self.hangs_up = hangs_up  # Whether the broker ends the connection over that event, rather than to refuse it.
        self._settings = Deliver(settle=settle, window=window, receipt_timeout_s=TIMEOUT_S)
        self.relay = Relay(self._settings)
        self.inventory = Inventory()
        self.now = 0.0
        self.up = False
        self.written: list[OutboxRow] = []
        self.settled: set[str] = set()
        self.messages = 0
        self.first_sent = 0  # The highest number that was ever sent.
        self.refused: Counter[str] = Counter()  # How often each event was refused for its content, until it was taken.
        self.aside: set[str] = set()  # What was refused so, and is not settled: it stands aside, beyond the window.
        self.sent_now: set[str] = set()
        """What was published on this connection and is not settled: what fills the window."""
        self.at_broker: list[OutboxRow] = []  # Publications without a PUBACK.
        self.to_inventory: list[OutboxRow] = []
        self.to_device: list[Receipt | EarlyAnswer] = []

    @property
    def owed(self) -> list[OutboxRow]:
        return [row for row in self.written if row.event_id not in self.settled]

    def carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case ReadPendingRows(at_most):
                    self.carry_out(self.relay.add_rows(self.load_due(at_most), self.now))
                case ReadLastRow():
                    self.carry_out(self.relay.republish_last_row(self.last_event(), self.now))
                case PublishRow(row):
                    self._publish(row)
                case SettleRow() | ReopenRows() | DeadLetterRow():
                    self.note(command)
                case CountPuback() | RaiseAlarm():
                    pass

    def load_due(self, at_most: int) -> list[OutboxRow]:
        """What the journal says is owed."""
        return self.owed[:at_most]

    def last_event(self) -> OutboxRow | None:
        """The newest row of the journal."""
        return self.written[-1] if self.written else None

    def minted(self, sequence: int) -> OutboxRow:
        """The row that the journal makes of the next entry."""
        return OutboxRow(f"event-{sequence}", sequence, "{}")

    def note(self, change: SettleRow | ReopenRows | DeadLetterRow) -> None:
        match change:
            case SettleRow(event_id):
                self.settled.add(event_id)
                self.sent_now.discard(event_id)
                self.aside.discard(event_id)
            case ReopenRows(sequence):
                self.settled -= {row.event_id for row in self.written if row.sequence >= sequence}
                self.sent_now.clear()
            case DeadLetterRow(event_id, reason):
                (number,) = [row.sequence for row in self.written if row.event_id == event_id]
                assert number != self.poisoned or self.refused[event_id] >= MOST_REFUSALS
                assert self.refused[event_id] >= MOST_REFUSALS or reason == NEVER_ARRIVES_REASON, (
                    "it was not the event's fault"
                )
                self.written[number - 1] = replace(self.written[number - 1], body=TOMBSTONE)

    def _publish(self, row: OutboxRow) -> None:
        assert self.up, "published without a connection"
        if row.sequence > self.first_sent:
            assert row.sequence == self.first_sent + 1, "what is sent for the first time is sent in order"
            self.first_sent = row.sequence
        if row.event_id not in self.settled:
            self.sent_now.add(row.event_id)
        assert len(self.sent_now) <= self.window + len(self.aside), "the window is exceeded"
        self.messages += 1
        self.at_broker.append(row)

    def write(self) -> None:
        self.written.append(self.minted(len(self.written) + 1))
        self.carry_out(self.relay.handle_new_row())

    def connect(self) -> None:
        self.up = True
        self.carry_out(self.relay.handle_connect(self.receive_maximum))

    def disconnect(self, reaches_the_broker: bool) -> None:
        self.up = False
        if reaches_the_broker:
            self.to_inventory += self.at_broker
        self.at_broker.clear()
        self.sent_now.clear()
        self.aside &= self.refused.keys()
        self.carry_out(self.relay.handle_disconnect())

    def puback(self, index: int, code: int) -> None:
        row = self.at_broker.pop(index)
        poisoned = row.sequence == self.poisoned and TOMBSTONE not in row.body
        if poisoned:
            code = TOO_LARGE if self.hangs_up else 153
        if code < 128:
            self.to_inventory.append(row)
            self.refused.pop(row.event_id, None)
        elif puback_meaning(code).consequence is PubackEffect.DEAD_LETTER:
            self.refused[row.event_id] += 1
            self.aside.add(row.event_id)
        self.carry_out(self.relay.handle_puback(row.event_id, code))
        if poisoned and self.hangs_up:
            self.disconnect(reaches_the_broker=False)

    def crash(self, reaches_the_broker: bool) -> None:
        """The agent is killed. What it knew is gone; what the journal knows, and what is under way, is not."""
        self.relay = Relay(self._settings)
        self.refused.clear()
        self.disconnect(reaches_the_broker)

    def reach_the_inventory(self, index: int, doubled: bool) -> None:
        self.to_device.append(self.inventory.handle(taken(self.to_inventory, index, doubled)))

    def reach_the_device(self, index: int, doubled: bool) -> None:
        answer = taken(self.to_device, index, doubled)
        if isinstance(answer, EarlyAnswer):
            self.carry_out(self.relay.handle_gap_report(answer, self.now))
        else:
            self.carry_out(self.relay.handle_receipt(answer))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.relay.publish_due(self.now))

    def flow(self) -> None:
        """Everything under way arrives, in order."""
        while self.at_broker or self.to_inventory or self.to_device:
            if self.to_device:
                self.reach_the_device(0, doubled=False)
            elif self.to_inventory and self.mode is SettleBy.RECEIPT:
                self.reach_the_inventory(0, doubled=False)
            elif self.at_broker:
                self.puback(0, 0)
            else:
                self.to_inventory.clear()

    def done(self) -> bool:
        handled = self.mode is SettleBy.BROKER or len(self.inventory.handled) == len(self.written)
        return not self.owed and handled

    def settle_everything(self) -> None:
        """From here on the line is good: everything must be settled, without a reconnect but of the broker's doing."""
        if not self.up:
            self.connect()
        # An inventory that lost what it had confirmed is noticed by the next event at the latest, and that an event
        # which no broker takes is itself at fault, by the fate of a later one.
        self.write()
        while len(self.written) <= self.poisoned:
            self.write()
        for _ in range(30 * len(self.written) + 100):
            if not self.up:
                self.connect()
            self.flow()
            if self.done():
                return
            self.wait(self.relay.due_in_s(self.now) or TIMEOUT_S)
        raise AssertionError(f"still owed: {[row.sequence for row in self.owed]}")

    def suffer(self, chance: random.Random) -> None:
        """Some messages arrive, some late, some twice, some never; now and then the connection is lost."""
        if not self.up:
            self.connect()
        self._pass_on(
            chance,
            self.at_broker,
            lambda at, _: self.puback(at, chance.choice(PUBACKS) if chance.random() < 0.1 else 0),
        )
        self._pass_on(chance, self.to_inventory, self.reach_the_inventory)
        self._pass_on(chance, self.to_device, self.reach_the_device)
        self.wait(chance.random() * 5)
        if chance.random() < 0.02:
            end = chance.choice((self.disconnect, self.disconnect, self.crash))
            end(chance.random() < 0.5)

    def _pass_on(self, chance: random.Random, queue: list[T], arrive: Callable[[int, bool], None]) -> None:
        for _ in range(chance.randrange(12)):
            if not queue:
                return
            at = 0 if chance.random() < 0.8 else chance.randrange(len(queue))
            if chance.random() < 0.05:
                queue.pop(at)
            else:
                arrive(at, chance.random() < 0.1)


def taken(messages: list[T], index: int, doubled: bool) -> T:
    return messages[index] if doubled else messages.pop(index)
