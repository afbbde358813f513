from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.hash_chain import withheld_statement
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.keep import audit
from edge.keep.journal import Journal
from edge.keep.outbox import OutboxState
from edge.records import OutboxRow, Utterance
from tests.sayings import ACCEPT, ASK, READ, database, entry, render, utterance

TOO_LARGE = "packet_too_large"


@pytest.fixture
def rows(journal: Journal) -> list[OutboxRow]:
    def commit(said: Utterance) -> OutboxRow:
        return journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)

    return [commit(utterance(number)) for number in range(3)]


def tombstone(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": event["id"], "sequence": event["sequence"], "withheld": TOO_LARGE}


def applied(journal: Journal, row: OutboxRow) -> None:
    journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.APPLIED))


class TestADeadLetter:
    def test_its_tombstone_is_owed_in_its_place_and_in_its_turn(self, journal: Journal, rows: list[OutboxRow]) -> None:
        assert journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        due = journal.outbox.load_due(10)
        assert [row.sequence for row in due] == [1, 2, 3]
        sent = json.loads(due[1].body)
        text = withheld_statement(sent)
        assert journal.public_key.verify(text, sent.pop("withheldsignature"))
        assert sent == {"id": rows[1].event_id, "sequence": 2, "withheld": TOO_LARGE}
        assert journal.outbox.count_unsettled() == 3

    def test_its_receipt_settles_the_debt_and_it_stays_a_dead_letter(
        self, journal: Journal, rows: list[OutboxRow]
    ) -> None:
        journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        applied(journal, rows[1])
        assert [row.sequence for row in journal.outbox.load_due(10)] == [1, 3]
        (held,) = journal.review.held_entries()
        assert (held.event_id, held.state, held.reasons) == (rows[1].event_id, OutboxState.DEAD, (TOO_LARGE,))
        assert journal.queries.counts().applied == 0

    def test_the_event_itself_stays_under_the_audit(self, journal: Journal, rows: list[OutboxRow]) -> None:
        journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        assert audit.verify(journal.trail).broken is None
        assert journal.queries.history(rows[1].event_id).event == json.loads(rows[1].body)

    def test_what_is_settled_or_dead_already_is_left_alone(self, journal: Journal, rows: list[OutboxRow]) -> None:
        applied(journal, rows[0])
        assert not journal.outbox.dead_letter(rows[0].event_id, TOO_LARGE, tombstone)
        journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        assert not journal.outbox.dead_letter(rows[1].event_id, "another", tombstone)
        assert not journal.outbox.dead_letter("nobody", TOO_LARGE, tombstone)
        assert [entry.reasons for entry in journal.review.held_entries()] == [(TOO_LARGE,)]

    def test_an_inventory_that_lost_it_gets_the_tombstone_again(self, journal: Journal, rows: list[OutboxRow]) -> None:
        journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        for row in rows:
            applied(journal, row)
        assert journal.outbox.reopen(2) == 2
        assert [("withheld" in json.loads(row.body)) for row in journal.outbox.load_due(10)] == [True, False]
        assert len(journal.review.held_entries()) == 1


class TestRetrying:
    def test_the_letter_itself_is_owed_again_and_it_is_noted_who_wanted_it(
        self, journal: Journal, rows: list[OutboxRow]
    ) -> None:
        journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        applied(journal, rows[1])
        journal.review.retry("2", "kim")
        assert journal.outbox.load_due(10) == rows
        assert journal.review.held_entries() == []
        (decision,) = journal.queries.history("2").decisions
        assert (decision.decision, decision.who, decision.reason) == ("retry", "kim", None)
        applied(journal, rows[1])
        assert journal.queries.counts().applied == 1

    @pytest.mark.parametrize("which", ["1", "nobody", "99"])
    def test_what_waits_for_nobody(self, journal: Journal, rows: list[OutboxRow], which: str) -> None:
        assert rows
        with pytest.raises(UnreadableInput, match=f"{which}: (waits for no person|no such entry)"):
            journal.review.retry(which, "kim")


class TestDiscarding:
    def test_rows_recording_and_the_reason_stay(self, journal: Journal, rows: list[OutboxRow], tmp_path: Path) -> None:
        journal.outbox.dead_letter(rows[1].event_id, TOO_LARGE, tombstone)
        journal.review.discard("2", "kim", "entered by hand", tombstone)
        found = journal.queries.history("2")
        assert (found.state, found.reason, found.event) == ("discarded", TOO_LARGE, json.loads(rows[1].body))
        (decision,) = found.decisions
        assert (decision.decision, decision.who, decision.reason) == ("discard", "kim", "entered by hand")
        assert (tmp_path / found.audio_path).exists()
        assert journal.review.held_entries() == []


class TestUnderReview:
    @pytest.fixture
    def said(self, journal: Journal) -> Utterance:
        said = utterance(7)
        journal.store_utterance(said)
        database(journal).execute("UPDATE utterances SET review = 'journal_lost'")
        return said

    def test_discarding_keeps_it_and_owes_nothing(self, journal: Journal, said: Utterance) -> None:
        journal.review.discard(said.utterance_id, "kim", "said again", tombstone)
        assert (
            list(journal.queries.unread_utterances()),
            journal.review.list_under_review(),
            journal.outbox.load_due(10),
        ) == ([], [], [])
        assert journal.queries.counts().ignored == 1
        assert journal.queries.history(said.utterance_id).decisions[0].reason == "said again"


def test_every_entry_has_a_dossier_in_order(journal: Journal, rows: list[OutboxRow]) -> None:
    asked = utterance(9)
    journal.store_utterance(asked)
    journal.conclude(asked.utterance_id, READ, ASK)
    applied(journal, rows[2])
    found = list(journal.queries.histories())
    assert [one.sequence for one in found] == [1, 2, 3]
    assert [one.event for one in found] == [json.loads(row.body) for row in rows]
    assert [one.receipt and one.receipt["outcome"] for one in found] == [None, None, "applied"]
    assert journal.queries.history(asked.utterance_id).outcome == "ask"
