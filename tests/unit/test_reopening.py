"""What is settled is owed again, where the inventory lost it."""

from __future__ import annotations

from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.keep.journal import Journal
from edge.records import OutboxRow
from tests.sayings import ACCEPT, entry, render, utterance


def committed(journal: Journal, count: int) -> list[OutboxRow]:
    said = [utterance(number) for number in range(count)]
    return [journal.commit(entry(one, journal.store_utterance(one)), ACCEPT, render) for one in said]


def settled(journal: Journal, row: OutboxRow, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED) -> None:
    assert journal.outbox.settle(row.event_id, Receipt(row.event_id, outcome, ("unknown_form",)))


def test_events_of_these_numbers_are_owed_again_as_it_was_sent(journal: Journal) -> None:
    rows = committed(journal, 4)
    for row in rows:
        settled(journal, row)
    assert journal.outbox.reopen(3, 9) == 2
    assert journal.outbox.load_due(9) == rows[2:]
    assert (journal.outbox.count_unsettled(), journal.queries.counts().applied) == (2, 2)


def test_what_was_refused_is_owed_again_too_and_what_is_owed_stays_so(journal: Journal) -> None:
    first, second, third = committed(journal, 3)
    settled(journal, first, ReceiptOutcome.REFUSED)
    settled(journal, third)
    assert journal.outbox.reopen(1, 3) == 2
    assert journal.outbox.load_due(9) == [first, second, third]
    assert journal.queries.counts().refused == 0


def test_it_is_settled_again_by_the_next_receipt(journal: Journal) -> None:
    (row,) = committed(journal, 1)
    settled(journal, row)
    journal.outbox.reopen(1, 1)
    settled(journal, row, ReceiptOutcome.DUPLICATE)
    assert (journal.outbox.count_unsettled(), journal.queries.counts().duplicate, journal.queries.counts().applied) == (
        0,
        1,
        0,
    )


def test_the_last_event_is_known_settled_or_not(journal: Journal) -> None:
    assert journal.outbox.last_event() is None
    _, second = committed(journal, 2)
    assert journal.outbox.last_event() == second
    settled(journal, second)
    assert journal.outbox.last_event() == second
