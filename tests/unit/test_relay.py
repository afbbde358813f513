"""The relay, step by step: what it wants done after each event."""

from __future__ import annotations

import pytest

from edge.config import Deliver
from edge.config import Settle as SettleOn
from edge.deliver.relay import PUBACK, Alarm, Command, Meaning, Publish, Relay, Sent, Settle, WantRows
from edge.records import OutboxRow, Receipt, ReceiptOutcome

TIMEOUT_S = 20.0


def row(sequence: int) -> OutboxRow:
    return OutboxRow(f"event-{sequence}", sequence, "{}")


def rows(*sequences: int) -> list[OutboxRow]:
    return [row(sequence) for sequence in sequences]


def relay(*, settle: SettleOn = SettleOn.RECEIPT, window: int = 3, receive_maximum: int | None = 20) -> Relay:
    made = Relay(Deliver(settle=settle, window=window, receipt_timeout_s=TIMEOUT_S))
    if receive_maximum is not None:
        made.connected(receive_maximum)
    return made


def published(commands: list[Command]) -> list[int]:
    assert all(isinstance(command, Publish) for command in commands)
    return [command.row.sequence for command in commands if isinstance(command, Publish)]


def answer(sequence: int, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED) -> Receipt:
    return Receipt(f"event-{sequence}", outcome)


@pytest.mark.parametrize("code", [128, 131, 135, 144, 151, 153, 200])
@pytest.mark.parametrize("settle", SettleOn)
def test_a_refused_publication_alarms_once_and_is_tried_again_after_growing_waits(settle: SettleOn, code: int) -> None:
    machine = relay(settle=settle)
    machine.offered(rows(1), now=0)
    alarm = machine.acknowledged("event-1", code)
    assert alarm == [Alarm(code, PUBACK.get(code, Meaning(f"reason code {code}")))]
    waits, now = [], 0.0
    for _ in range(6):
        wait = machine.next_due(now)
        assert wait is not None
        waits.append(wait)
        assert machine.tick(now + wait - 0.001) == []
        now += wait
        assert published(machine.tick(now)) == [1]
        assert machine.acknowledged("event-1", code) == []
    assert waits == [20, 40, 80, 160, 160, 160]


def test_another_alarm_comes_after_a_success_in_between() -> None:
    machine = relay()
    assert machine.acknowledged("event-1", 135) != []
    assert machine.acknowledged("event-1", 135) == []
    assert machine.acknowledged("event-1", 0) == [Sent("event-1")]
    assert machine.acknowledged("event-1", 135) != []


def test_nothing_is_published_without_a_connection() -> None:
    machine = relay(receive_maximum=None)
    assert machine.written() == []
    assert machine.offered(rows(1, 2), now=0) == []
    assert machine.tick(1000) == []
    assert machine.next_due(0) is None


def test_what_is_not_answered_in_time_goes_again() -> None:
    machine = relay()
    assert published(machine.offered(rows(1, 2), now=5)) == [1, 2]
    machine.acknowledged("event-1", 0)
    assert machine.next_due(5) == TIMEOUT_S
    assert machine.tick(5 + TIMEOUT_S - 0.1) == []
    machine.receipt(answer(2))
    assert published(machine.tick(5 + TIMEOUT_S)) == [1]


def test_everything_unsettled_goes_again_after_a_reconnect() -> None:
    machine = relay()
    machine.offered(rows(1, 2), now=0)
    machine.acknowledged("event-1", 0)
    assert machine.disconnected() == []
    assert machine.next_due(0) is None
    assert machine.tick(1000) == []
    assert machine.connected(20) == [WantRows(3)]
    assert published(machine.offered(rows(1, 2), now=1)) == [1, 2]


def test_a_second_connection_without_a_farewell_to_the_first_starts_anew_too() -> None:
    machine = relay()
    machine.offered(rows(1), now=0)
    machine.connected(20)
    assert published(machine.offered(rows(1), now=1)) == [1]


@pytest.mark.parametrize(("window", "receive_maximum", "limit"), [(3, 20, 3), (3, 2, 2), (16, 1, 1)])
def test_the_window_is_the_smaller_of_ours_and_the_brokers(window: int, receive_maximum: int, limit: int) -> None:
    machine = relay(window=window, receive_maximum=None)
    assert machine.connected(receive_maximum) == [WantRows(limit)]
    assert published(machine.offered(rows(1, 2, 3, 4, 5), now=0)) == [1, 2, 3, 4, 5][:limit]
    assert machine.written() == []


def test_room_is_filled_as_soon_as_there_is_some() -> None:
    machine = relay()
    machine.offered(rows(1, 2, 3), now=0)
    assert machine.receipt(answer(2)) == [Settle("event-2", answer(2)), WantRows(3)]
    assert published(machine.offered(rows(1, 3, 4), now=0)) == [4]


def test_a_journal_that_had_no_more_is_asked_only_when_it_has() -> None:
    machine = relay()
    machine.offered(rows(1, 2), now=0)
    assert machine.receipt(answer(1)) == [Settle("event-1", answer(1))]
    assert machine.written() == [WantRows(3)]
    assert published(machine.offered(rows(2, 3), now=0)) == [3]


def test_rows_go_in_the_order_of_their_sequence() -> None:
    machine = relay(window=9)
    assert published(machine.offered(rows(3, 1, 2), now=0)) == [1, 2, 3]
    assert published(machine.tick(TIMEOUT_S)) == [1, 2, 3]


@pytest.mark.parametrize("outcome", ReceiptOutcome)
def test_any_receipt_settles_with_what_it_says(outcome: ReceiptOutcome) -> None:
    machine = relay()
    machine.offered(rows(1), now=0)
    assert machine.receipt(answer(1, outcome)) == [Settle("event-1", answer(1, outcome))]
    assert machine.next_due(0) is None


def test_a_receipt_that_comes_while_away_settles_all_the_same() -> None:
    machine = relay(receive_maximum=None)
    assert machine.receipt(answer(1)) == [Settle("event-1", answer(1))]


@pytest.mark.parametrize("code", [0, 16])
def test_a_puback_settles_only_where_there_are_no_receipts(code: int) -> None:
    for settle, command in ((SettleOn.RECEIPT, Sent("event-1")), (SettleOn.BROKER, Settle("event-1", None))):
        machine = relay(settle=settle)
        machine.offered(rows(1), now=0)
        assert machine.acknowledged("event-1", code) == [command]
        assert (machine.next_due(0) is None) == (settle is SettleOn.BROKER)
