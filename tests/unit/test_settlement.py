"""What became of an event is noted, also where the journal knows nothing of the event any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from edge.agent.settlement import Outcome, Settlement
from edge.deliver.events import recorded
from edge.deliver.relay import DeadLetter, Sent, Settle
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.records import Receipt, ReceiptOutcome
from tests.sayings import ACCEPT, entry, utterance

render = partial(recorded, site="hall", device="dock-1")
TURNED_DOWN: list[Receipt] = []


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[JournalThread]:
    with JournalThread(tmp_path) as opened:
        yield opened


def note(desk: JournalThread, outcome: Outcome) -> None:
    asyncio.run(Settlement(desk, beat=lambda: None, turned_down=TURNED_DOWN.append).note(outcome))


def commit(journal: Journal) -> str:
    said = utterance(journal.trail.last_sequence())
    meant = entry(said, journal.begin(said))
    return journal.commit(meant, ACCEPT, partial(render, meant)).event_id


def forgotten(desk: JournalThread) -> str:
    """An event that was settled, and whose entry made room; the newest stays."""
    event_id = desk.now(commit)
    desk.now(commit)
    desk.now(lambda journal: journal.outbox.settle(event_id, None))
    desk.now(lambda journal: journal.retention.remove_evidence(journal.retention.spare_evidence(1)))
    assert desk.now(lambda journal: journal.retention.forget(1)) == 1
    return event_id


@pytest.mark.parametrize(
    "late",
    [
        Sent,
        lambda event_id: Settle(event_id, Receipt(event_id, ReceiptOutcome.DUPLICATE)),
        lambda event_id: Settle(event_id, Receipt(event_id, ReceiptOutcome.REFUSED, ("unknown_event",))),
        lambda event_id: Settle(event_id, None),
        lambda event_id: DeadLetter(event_id, "packet too large"),
    ],
    ids=["puback", "receipt", "refusal", "broker's word", "dead letter"],
)
def test_what_comes_for_an_event_that_made_room_meanwhile_changes_nothing(
    desk: JournalThread, late: type[Sent]
) -> None:
    event_id = forgotten(desk)
    note(desk, late(event_id))
    assert desk.now(lambda journal: journal.outbox.unsettled()) == 1
    assert TURNED_DOWN == []


def test_a_puback_for_an_event_of_nobody_is_told(desk: JournalThread, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        note(desk, Sent("stranger"))
    assert "stranger" in caplog.text
