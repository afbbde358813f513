"""The relay, step by step: what it wants done after each event."""

from __future__ import annotations

import math
from itertools import pairwise

from dockvoice_protocol.events import EarlyAnswer
from dockvoice_protocol.outbox import ANSWERS, FAILURE, ROOM_S, PubackEffect, UnansweredCause, puback_meaning
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
from tests.rows import each_of

TIMEOUT_S = 20.0


def row(sequence: int) -> OutboxRow:
    return OutboxRow(f"event-{sequence}", sequence, "{}")


def rows(*sequences: int) -> list[OutboxRow]:
    return [row(sequence) for sequence in sequences]


def relay(*, settle: SettleBy = SettleBy.RECEIPT, window: int = 3, receive_maximum: int | None = 20) -> Relay:
    made = Relay(Deliver(settle=settle, window=window, receipt_timeout_s=TIMEOUT_S))
    if receive_maximum is not None:
        made.handle_connect(receive_maximum)
    return made


def published(commands: list[Command]) -> list[int]:
    assert all(isinstance(command, PublishRow) for command in commands)
    return [command.row.sequence for command in commands if isinstance(command, PublishRow)]


def answer(sequence: int, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED) -> Receipt:
    return Receipt(f"event-{sequence}", outcome)


def early(sequence: int, expected: int) -> EarlyAnswer:
    return EarlyAnswer(f"event-{sequence}", sequence, expected)


CODES = [code for code in ANSWERS if isinstance(code, int)]
UNKNOWN = 200
SOMEBODYS_FAULT = [code for code in [*CODES, UNKNOWN] if puback_meaning(code).alarm]
ITS_OWN_FAULT = [code for code in CODES if puback_meaning(code).consequence is PubackEffect.DEAD_LETTER]


def test_every_answer_is_known_with_its_consequence() -> None:
    assert {answer: meant.consequence for answer, meant in ANSWERS.items()} == {
        0: PubackEffect.SENT,
        16: PubackEffect.SENT,
        128: PubackEffect.LATER,
        131: PubackEffect.LATER,
        135: PubackEffect.LATER,
        144: PubackEffect.LATER,
        149: PubackEffect.DEAD_LETTER,
        151: PubackEffect.LATER,
        153: PubackEffect.DEAD_LETTER,
        UnansweredCause.TIMEOUT: PubackEffect.LATER,
        UnansweredCause.LINK_LOST: PubackEffect.AT_RECONNECT,
    }
    assert all(meant.remedy for meant in ANSWERS.values() if meant.alarm)
    assert [code for code in CODES if puback_meaning(code).alarm] == [code for code in CODES if code >= FAILURE]


@each_of("code", SOMEBODYS_FAULT)
@each_of("settle", SettleBy)
def test_a_refused_publication_alarms_once_and_is_tried_again_after_growing_waits(settle: SettleBy, code: int) -> None:
    machine = relay(settle=settle)
    machine.add_rows(rows(1), now=0)
    alarm = machine.handle_puback("event-1", code)
    assert alarm[0] == RaiseAlarm(code, puback_meaning(code))
    waits, now = [], 0.0
    for _ in range(6):
        wait = machine.due_in_s(now)
        assert wait is not None
        waits.append(wait)
        assert machine.publish_due(now + wait - 0.001) == []
        now += wait
        assert published(machine.publish_due(now)) == [1]
        assert RaiseAlarm(code, puback_meaning(code)) not in machine.handle_puback("event-1", code)
    assert waits == [20, 40, 80, 160, 160, 160]


def test_what_is_not_answered_in_time_goes_again() -> None:
    machine = relay()
    assert published(machine.add_rows(rows(1, 2), now=5)) == [1, 2]
    machine.handle_puback("event-1", 0)
    assert machine.due_in_s(5) == TIMEOUT_S
    assert machine.publish_due(5 + TIMEOUT_S - 0.1) == []
    machine.handle_receipt(answer(2))
    assert published(machine.publish_due(5 + TIMEOUT_S)) == [1]


def test_an_answer_is_overdue_where_the_broker_took_an_event_and_no_receipt_came_in_time() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2, 3), now=0)
    assert not machine.is_answer_overdue(TIMEOUT_S), "the broker may be slow"
    machine.handle_puback("event-1", 0)
    machine.handle_puback("event-2", 0)
    machine.handle_receipt(answer(2))
    assert not machine.is_answer_overdue(TIMEOUT_S - 0.1)
    assert machine.is_answer_overdue(TIMEOUT_S)
    machine.publish_due(TIMEOUT_S)
    assert not machine.is_answer_overdue(3 * TIMEOUT_S - 0.1), "once for each wait, which grows"
    assert machine.is_answer_overdue(3 * TIMEOUT_S)
    machine.publish_all_pending(3 * TIMEOUT_S)
    assert not machine.is_answer_overdue(3 * TIMEOUT_S), "an inventory came online: its answer is on the way"
    machine.handle_disconnect()
    assert not machine.is_answer_overdue(math.inf)


def test_everything_unsettled_goes_again_after_a_reconnect() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", 0)
    assert machine.handle_disconnect() == []
    assert machine.due_in_s(0) is None
    assert machine.publish_due(1000) == []
    assert machine.handle_connect(20) == [ReadPendingRows(3)]
    assert published(machine.add_rows(rows(1, 2), now=1)) == [1, 2]


@each_of(("window", "receive_maximum", "limit"), [(3, 20, 3), (3, 2, 2), (16, 1, 1)])
def test_the_window_is_the_smaller_of_ours_and_the_brokers(window: int, receive_maximum: int, limit: int) -> None:
    machine = relay(window=window, receive_maximum=None)
    assert machine.handle_connect(receive_maximum) == [ReadPendingRows(limit)]
    assert published(machine.add_rows(rows(1, 2, 3, 4, 5), now=0)) == [1, 2, 3, 4, 5][:limit]
    assert machine.handle_new_row() == []


def test_room_is_filled_as_soon_as_there_is_some() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2, 3), now=0)
    assert machine.handle_receipt(answer(2)) == [SettleRow("event-2", answer(2)), ReadPendingRows(3)]
    assert published(machine.add_rows(rows(1, 3, 4), now=0)) == [4]


def test_a_journal_that_had_no_more_is_asked_only_when_it_has() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    assert machine.handle_receipt(answer(1)) == [SettleRow("event-1", answer(1))]
    assert machine.handle_new_row() == [ReadPendingRows(3)]
    assert published(machine.add_rows(rows(2, 3), now=0)) == [3]


@each_of("outcome", ReceiptOutcome)
def test_any_receipt_settles_with_what_it_says(outcome: ReceiptOutcome) -> None:
    machine = relay()
    machine.add_rows(rows(1), now=0)
    assert machine.handle_receipt(answer(1, outcome)) == [SettleRow("event-1", answer(1, outcome))]
    assert machine.due_in_s(0) is None


@each_of("code", [0, 16])
def test_a_puback_settles_only_where_there_are_no_receipts(code: int) -> None:
    for settle, command in ((SettleBy.RECEIPT, CountPuback("event-1")), (SettleBy.BROKER, SettleRow("event-1", None))):
        machine = relay(settle=settle)
        machine.add_rows(rows(1), now=0)
        assert machine.handle_puback("event-1", code) == [command]
        assert (machine.due_in_s(0) is None) == (settle is SettleBy.BROKER)


def refused_until_it_is_enough(machine: Relay, code: int) -> list[Command]:
    """Row 1, refused once, is refused as often as it may be; what the relay wants at the last time."""
    for _ in range(MOST_REFUSALS - 2):
        assert DeadLetterRow not in map(type, machine.handle_puback("event-1", code))
    return machine.handle_puback("event-1", code)


@each_of("code", ITS_OWN_FAULT)
def test_what_is_refused_for_its_content_while_others_are_taken_is_set_aside(code: int) -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", code)
    machine.handle_puback("event-2", 0)
    assert refused_until_it_is_enough(machine, code)[-2:] == [
        DeadLetterRow("event-1", puback_meaning(code).name),
        ReadPendingRows(3),
    ]
    assert published(machine.add_rows(rows(1, 2), now=0)) == [1], "what goes in its place has the same number"


@each_of("code", ITS_OWN_FAULT)
def test_a_broker_that_refuses_everything_makes_no_dead_letters(code: int) -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", code)
    machine.handle_puback("event-2", code)
    assert DeadLetterRow not in map(type, refused_until_it_is_enough(machine, code))


def test_what_is_taken_at_last_is_no_dead_letter() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    for code in [153] * (MOST_REFUSALS - 1) + [0, 153]:
        assert DeadLetterRow not in map(type, machine.handle_puback("event-1", code))
        machine.handle_puback("event-2", 0)


TOO_LARGE = 149


def hung_up_over(machine: Relay, event_id: str) -> list[Command]:
    """The broker ends the connection over a packet too large, and takes the next one."""
    found = machine.handle_puback(event_id, TOO_LARGE)
    machine.handle_disconnect()
    assert machine.add_rows(rows(1, 2), now=0) == [], "nothing goes without a connection"
    machine.handle_connect(20)
    return found


def test_what_a_broker_hangs_up_over_waits_and_lets_the_next_one_pass() -> None:
    machine = relay(window=1)
    machine.add_rows(rows(1), now=0)
    machine.handle_puback("event-1", TOO_LARGE)
    machine.handle_disconnect()
    assert machine.handle_connect(20) == [ReadPendingRows(2)]
    assert published(machine.add_rows(rows(1, 2), now=1)) == [2]
    assert machine.due_in_s(1) == TIMEOUT_S - 1


def test_what_a_broker_hangs_up_over_again_and_again_is_set_aside() -> None:
    machine, now = relay(), 0.0
    machine.add_rows(rows(1), now)
    for _ in range(MOST_REFUSALS - 1):
        assert DeadLetterRow not in map(type, hung_up_over(machine, "event-1"))
        machine.add_rows(rows(1, 2), now)
        machine.handle_puback("event-2", 0)
        now += machine.due_in_s(now) or 0
        machine.publish_due(now)
    assert DeadLetterRow("event-1", puback_meaning(TOO_LARGE).name) in hung_up_over(machine, "event-1")


def test_a_broker_that_hangs_up_over_everything_makes_no_dead_letters() -> None:
    machine = relay()
    for _ in range(2 * MOST_REFUSALS):
        machine.add_rows(rows(1, 2), now=0)
        assert DeadLetterRow not in map(type, hung_up_over(machine, "event-1"))
        assert DeadLetterRow not in map(type, hung_up_over(machine, "event-2"))


def test_what_finds_no_room_at_the_broker_is_tried_again_soon_and_that_was_no_try() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.mark_unsent("event-2", now=0)
    assert machine.due_in_s(0) == ROOM_S
    assert published(machine.publish_due(ROOM_S)) == [2]
    assert machine.due_in_s(ROOM_S) == TIMEOUT_S - ROOM_S
    assert published(machine.publish_due(TIMEOUT_S)) == [1]
    assert published(machine.publish_due(ROOM_S + TIMEOUT_S)) == [2], "after the first wait, not the second"


def all_refused(machine: Relay, count: int) -> None:
    """In a window of one, one event after another."""
    for sequence in range(1, count + 1):
        machine.add_rows(rows(*range(1, sequence + 1)), now=0)
        machine.handle_puback(f"event-{sequence}", TOO_LARGE)


def test_as_many_as_may_stand_aside_are_passed_by_the_next_one() -> None:
    machine = relay(window=1)
    all_refused(machine, 16)
    assert published(machine.add_rows(rows(*range(1, 18)), now=0)) == [17]
    machine.handle_puback("event-17", 0)
    assert DeadLetterRow("event-1", puback_meaning(TOO_LARGE).name) in refused_until_it_is_enough(machine, TOO_LARGE)


def test_more_than_may_stand_aside_are_a_matter_for_a_person() -> None:
    machine = relay(window=1)
    all_refused(machine, 17)
    assert machine.add_rows(rows(*range(1, 19)), now=0) == []
    assert DeadLetterRow not in map(type, refused_until_it_is_enough(machine, TOO_LARGE))
    assert RaiseAlarm(TOO_LARGE, puback_meaning(TOO_LARGE)) in relay().handle_puback("event-1", TOO_LARGE)


def test_what_was_lost_on_the_way_goes_again_at_once_with_all_that_follow() -> None:
    machine = relay(window=5)
    machine.add_rows(rows(1, 2, 3, 4, 5), now=0)
    machine.handle_receipt(answer(1))
    assert published(machine.handle_gap_report(early(3, expected=2), now=1)) == [2, 3, 4, 5]


def test_sixteen_answers_that_lack_the_same_make_one_run() -> None:
    machine = relay(window=16)
    machine.add_rows(rows(*range(1, 17)), now=0)
    runs = [machine.handle_gap_report(early(sequence, expected=1), now=1) for sequence in range(2, 17)]
    assert published(runs[0]) == list(range(1, 17))
    assert runs[1:] == [[]] * 14
    assert machine.publish_due(1 + TIMEOUT_S - 0.1) == []
    assert published(machine.publish_due(1 + TIMEOUT_S)) == list(range(1, 17)), "lost again: after the usual wait"


def test_an_inventory_that_contradicts_itself_starts_no_storm() -> None:
    machine = relay(window=5)
    machine.add_rows(rows(1, 2, 3, 4, 5), now=0)
    answers = [early(5, expected) for expected in (4, 2, 4, 1, 3, 4, 2, 1)]
    assert sum(len(machine.handle_gap_report(one, now=1)) for one in answers) == 2


@each_of("expected", [3, 4, 9])
def test_an_answer_that_makes_no_sense_changes_nothing(expected: int) -> None:
    machine = relay()
    machine.add_rows(rows(1, 2, 3), now=0)
    assert machine.handle_gap_report(early(3, expected), now=1) == []


def test_an_inventory_that_lost_what_it_had_confirmed_gets_it_again_when_it_says_so_twice() -> None:
    machine = relay()
    machine.add_rows(rows(7, 8), now=0)
    assert machine.handle_gap_report(early(7, expected=3), now=1) == []
    assert machine.handle_gap_report(early(8, expected=3), now=1) == [], "a burst of old answers is one answer"
    assert published(machine.publish_due(TIMEOUT_S)) == [7, 8]
    assert machine.handle_gap_report(early(7, expected=3), now=TIMEOUT_S) == []
    assert machine.handle_gap_report(early(8, expected=3), now=TIMEOUT_S + 1) == [ReopenRows(3), ReadPendingRows(3)]
    assert published(machine.add_rows(rows(3, 4, 5), now=TIMEOUT_S + 1)) == [3, 4, 5]


def test_a_receipt_in_between_shows_that_the_answer_was_old() -> None:
    machine = relay()
    machine.add_rows(rows(7, 8, 9), now=0)
    machine.handle_gap_report(early(7, expected=3), now=1)
    machine.handle_receipt(answer(7))
    assert machine.handle_gap_report(early(8, expected=3), now=100) == []


def test_a_new_connection_doubts_anew() -> None:
    machine = relay()
    machine.add_rows(rows(7), now=0)
    machine.handle_gap_report(early(7, expected=3), now=1)
    machine.handle_disconnect()
    machine.handle_connect(20)
    machine.add_rows(rows(7), now=90)
    assert machine.handle_gap_report(early(7, expected=3), now=100) == []


def test_an_inventory_that_forgets_all_it_confirms_is_sent_it_ever_more_rarely() -> None:
    machine, now, reopened = relay(), 0.0, []
    machine.add_rows(rows(1, 2), now=now)
    while now < 24 * 3600:
        machine.handle_receipt(answer(1))
        machine.add_rows(rows(2), now=now)
        if ReopenRows(1) in machine.handle_gap_report(early(2, expected=1), now=now):
            reopened.append(now)
            machine.add_rows(rows(1, 2), now=now)
        now += 10
        machine.publish_due(now)
    gaps = [later - sooner for sooner, later in pairwise(reopened)]
    assert len(reopened) < 30, "in a whole day"
    assert gaps == sorted(gaps)


def test_when_nothing_is_owed_the_last_event_asks_whether_both_agree() -> None:
    machine = relay()
    assert machine.add_rows([], now=0) == [ReadLastRow()]
    assert not machine.has_inventory_answered_all
    assert published(machine.republish_last_row(row(9), now=0)) == [9]
    assert machine.due_in_s(0) is None, "once on a connection is enough"
    assert not machine.has_inventory_answered_all
    machine.handle_puback("event-9", 0)
    assert machine.handle_receipt(answer(9, ReceiptOutcome.DUPLICATE))[0] == SettleRow(
        "event-9", answer(9, ReceiptOutcome.DUPLICATE)
    )
    assert machine.has_inventory_answered_all
    assert machine.add_rows([], now=1) == []


def test_a_receipt_queued_since_an_earlier_connection_does_not_answer_for_a_new_inventory() -> None:
    machine = relay()
    machine.add_rows([], now=0)
    assert published(machine.republish_last_row(row(9), now=0)) == [9]
    assert machine.handle_receipt(answer(9)) == []
    assert not machine.has_inventory_answered_all
    machine.handle_puback("event-9", 0)
    assert published(machine.publish_due(0.1)) == [9], (
        "it may have been the answer all the same: the question is put again"
    )
    assert machine.handle_gap_report(early(9, expected=1), now=0.2) == []
    assert machine.handle_gap_report(early(9, expected=1), now=0.2 + TIMEOUT_S) == [ReopenRows(1), ReadPendingRows(3)]


def test_the_question_gives_way_to_what_is_owed() -> None:
    machine = relay(window=1)
    machine.add_rows([], now=0)
    machine.republish_last_row(row(9), now=0)
    assert machine.handle_new_row() == [ReadPendingRows(1)]
    assert published(machine.add_rows(rows(10), now=1)) == [10]


def test_where_an_inventory_shows_that_sends_receipts_the_brokers_word_settles_nothing_more() -> None:
    machine = relay(settle=SettleBy.BROKER)
    machine.add_rows(rows(1, 2), now=0)
    assert machine.handle_puback("event-1", 0) == [SettleRow("event-1", None)]
    machine.settle_by_receipts()
    assert machine.handle_puback("event-2", 0) == [CountPuback("event-2")]
    assert machine.handle_receipt(answer(2)) == [SettleRow("event-2", answer(2))]


def test_what_the_broker_takes_and_the_inventory_never_gets_is_set_aside() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", 0)
    machine.handle_gap_report(early(2, expected=1), now=0)
    for _ in range(7):
        machine.handle_puback("event-1", 0)
        assert machine.handle_gap_report(early(2, expected=1), now=0) == []
    machine.handle_puback("event-1", 0)
    assert machine.handle_gap_report(early(2, expected=1), now=0) == [
        DeadLetterRow("event-1", NEVER_ARRIVES_REASON),
        ReadPendingRows(3),
    ]


def test_an_inventory_that_comes_back_gets_what_is_owed_at_once() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    assert machine.publish_due(5.0) == []
    assert published(machine.publish_all_pending(5.0)) == [1, 2]
    assert machine.due_in_s(5.0) == TIMEOUT_S, "and the waits begin anew"


def test_one_that_may_have_been_restored_is_asked_again_where_nothing_is_owed() -> None:
    machine = relay()
    assert machine.add_rows([], now=0) == [ReadLastRow()]
    machine.republish_last_row(row(7), now=0)
    machine.handle_puback("event-7", 0)
    machine.handle_receipt(answer(7))
    assert machine.has_inventory_answered_all
    assert machine.publish_all_pending(9.0) == [ReadPendingRows(3)]
    assert not machine.has_inventory_answered_all
    assert machine.add_rows([], now=9.0) == [ReadLastRow()]


def test_another_alarm_comes_after_a_success_in_between() -> None:
    machine = relay()
    assert machine.handle_puback("event-1", 135) != []
    assert machine.handle_puback("event-1", 135) == []
    assert machine.handle_puback("event-1", 0) == [CountPuback("event-1")]
    assert machine.handle_puback("event-1", 135) != []


def test_nothing_is_published_without_a_connection() -> None:
    machine = relay(receive_maximum=None)
    assert machine.handle_new_row() == []
    assert machine.add_rows(rows(1, 2), now=0) == []
    assert machine.publish_due(1000) == []
    assert machine.due_in_s(0) is None


def test_a_second_connection_without_a_farewell_to_the_first_starts_anew_too() -> None:
    machine = relay()
    machine.add_rows(rows(1), now=0)
    machine.handle_connect(20)
    assert published(machine.add_rows(rows(1), now=1)) == [1]


def test_rows_go_in_the_order_of_their_sequence() -> None:
    machine = relay(window=9)
    assert published(machine.add_rows(rows(3, 1, 2), now=0)) == [1, 2, 3]
    assert published(machine.publish_due(TIMEOUT_S)) == [1, 2, 3]


def test_a_receipt_that_comes_while_away_settles_all_the_same() -> None:
    machine = relay(receive_maximum=None)
    assert machine.handle_receipt(answer(1)) == [SettleRow("event-1", answer(1))]


def test_a_refusal_that_concerns_all_events_makes_no_dead_letters() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", 151)
    machine.handle_puback("event-2", 0)
    assert DeadLetterRow not in map(type, refused_until_it_is_enough(machine, 151))


def test_in_a_window_of_one_the_next_shows_whose_fault_it_is() -> None:
    machine = relay(window=1)
    machine.add_rows(rows(1), now=0)
    assert machine.handle_puback("event-1", 153)[-1] == ReadPendingRows(2)
    assert published(machine.add_rows(rows(1, 2), now=0)) == [2]


def test_an_answer_that_something_is_lacking_does_not_hurry_what_the_broker_hangs_up_over() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2, 3), now=0)
    machine.handle_puback("event-1", TOO_LARGE)
    machine.handle_puback("event-2", 0)
    assert published(machine.handle_gap_report(early(2, expected=1), now=1)) == [2, 3]


def test_what_is_due_together_with_the_refused_goes_before_it() -> None:
    machine = relay(window=2)
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", TOO_LARGE)
    assert published(machine.publish_due(TIMEOUT_S)) == [2, 1], "a broker may take one at a time"


def test_a_second_loss_makes_a_second_run() -> None:
    machine = relay(window=5)
    machine.add_rows(rows(1, 2, 3, 4, 5), now=0)
    machine.handle_gap_report(early(3, expected=2), now=1)
    for sequence in (1, 2, 3):
        machine.handle_receipt(answer(sequence))
    assert published(machine.handle_gap_report(early(5, expected=4), now=2)) == [4, 5]


def test_an_answer_to_what_is_settled_by_now_changes_nothing() -> None:
    machine = relay()
    machine.add_rows(rows(6), now=0)
    machine.handle_receipt(answer(6))
    assert machine.handle_gap_report(early(6, expected=5), now=100) == []


def test_what_helped_is_done_as_quickly_the_next_time() -> None:
    machine = relay()
    for start in (0.0, 1000.0):
        machine.handle_connect(20)
        machine.add_rows(rows(3), now=start)
        machine.handle_gap_report(early(3, expected=1), now=start)
        assert machine.handle_gap_report(early(3, expected=1), now=start + TIMEOUT_S) == [
            ReopenRows(1),
            ReadPendingRows(3),
        ]
        machine.add_rows(rows(1, 2, 3), now=start)
        for sequence in (1, 2, 3):
            machine.handle_receipt(answer(sequence))


def test_a_journal_without_events_agrees_with_every_inventory() -> None:
    machine = relay()
    machine.add_rows([], now=0)
    assert machine.republish_last_row(None, now=0) == []
    assert machine.has_inventory_answered_all


def test_by_the_question_an_inventory_gets_again_what_it_lost() -> None:
    machine = relay()
    machine.add_rows([], now=0)
    machine.republish_last_row(row(9), now=0)
    assert machine.handle_gap_report(early(9, expected=4), now=1) == []
    assert machine.due_in_s(1) == TIMEOUT_S
    assert published(machine.publish_due(1 + TIMEOUT_S)) == [9]
    assert machine.handle_gap_report(early(9, expected=4), now=2 + TIMEOUT_S) == [ReopenRows(4), ReadPendingRows(3)]
    assert published(machine.add_rows(rows(4, 5, 6), now=30)) == [4, 5, 6]


def test_where_there_are_no_receipts_nothing_is_asked() -> None:
    machine = relay(settle=SettleBy.BROKER)
    assert machine.add_rows([], now=0) == []


@each_of("made", [relay(receive_maximum=None), relay(settle=SettleBy.BROKER)])
def test_without_a_connection_or_receipts_it_is_no_news(made: Relay) -> None:
    assert made.publish_all_pending(1.0) == []


def test_a_suspect_keeps_to_its_waits_when_an_inventory_comes_back() -> None:
    machine = relay()
    machine.add_rows(rows(1, 2), now=0)
    machine.handle_puback("event-1", TOO_LARGE)
    assert published(machine.publish_all_pending(1.0)) == [2]
