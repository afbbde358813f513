"""What is committed, and what is then owed: all of it or nothing, once, in an unbroken chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.keep import audit, evidence
from edge.keep.journal import Journal
from edge.keep.outbox import OutboxState
from edge.records import Entry, EventIds, OutboxRow, Utterance
from tests.sayings import ACCEPT, ASK, MUMBLED, NOON, READ, REPEAT, committed, database, entry, render, utterance
from tests.servers.small_disk import full


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "state") as opened:
        yield opened


class TestConcluding:
    def test_accepting_needs_a_commit(self, journal: Journal) -> None:
        said = utterance()
        journal.store_utterance(said)
        with pytest.raises(ValueError, match="committed, not concluded"):
            journal.conclude(said.utterance_id, READ, ACCEPT)

    def test_the_verdict_is_kept_whole(self, journal: Journal) -> None:
        said = utterance()
        journal.store_utterance(said)
        journal.conclude(said.utterance_id, MUMBLED, REPEAT)
        journal.conclude(said.utterance_id, READ, ASK)
        kept = journal.queries.get_utterance(said.utterance_id)
        assert kept is not None
        assert kept.verdict == ASK
        assert kept.fields == ASK.fields
        assert list(journal.queries.unread_utterances()) == []


class TestCommitting:
    def test_a_full_disk_commits_nothing_and_uses_up_no_number(self, journal: Journal, tmp_path: Path) -> None:
        sayings = [utterance(number) for number in range(60)]
        kept = [journal.store_utterance(said) for said in sayings]
        done: list[OutboxRow] = []
        refused: list[tuple[Utterance, evidence.Evidence]] = []
        message = ""
        with full(journal):
            for said, recording in zip(sayings, kept, strict=True):
                try:
                    done.append(journal.commit(entry(said, recording), ACCEPT, render))
                except StorageFailed as fault:
                    refused.append((said, recording))
                    message = str(fault)
        assert refused
        assert message.startswith(str(tmp_path / "state" / "journal.db"))
        assert "free space" in message
        assert journal.outbox.load_due(100) == done
        assert all(
            (found := journal.queries.get_utterance(said.utterance_id)) and found.verdict is None for said, _ in refused
        )
        for said, recording in refused:
            done.append(journal.commit(entry(said, recording), ACCEPT, render))
        assert [row.sequence for row in journal.outbox.load_due(100)] == list(range(1, 61))
        assert audit.verify(journal.trail).broken is None

    def test_a_disk_gone_read_only(self, journal: Journal) -> None:
        said = utterance()
        kept = journal.store_utterance(said)
        database(journal).execute("PRAGMA query_only = 1")
        with pytest.raises(StorageFailed, match=r"readonly.*right to write"):
            journal.commit(entry(said, kept), ACCEPT, render)

    def test_an_event_that_cannot_be_rendered_leaves_no_trace(self, journal: Journal) -> None:
        def broken(minted: EventIds) -> dict[str, Any]:
            raise KeyError("no such template")

        def unwritable(minted: EventIds) -> dict[str, Any]:
            return {"when": NOON}

        said = utterance()
        kept = journal.store_utterance(said)
        for fault, rendering in ((KeyError, broken), (ValueError, unwritable)):
            with pytest.raises(fault):
                journal.commit(entry(said, kept), ACCEPT, rendering)
        assert list(journal.queries.unread_utterances()) == [said]
        assert committed(journal, utterance(1)).sequence == 1

    def test_the_recording_of_another_utterance_is_no_evidence(self, journal: Journal) -> None:
        said, other = utterance(0), utterance(1)
        journal.store_utterance(said)
        with pytest.raises(ValueError, match="another recording"):
            journal.commit(entry(said, journal.store_utterance(other)), ACCEPT, render)
        assert len(list(journal.queries.unread_utterances())) == 2

    def test_what_is_not_accepted(self, journal: Journal) -> None:
        said = utterance()
        with pytest.raises(ValueError, match="must be accepted, not ask"):
            journal.commit(entry(said, journal.store_utterance(said)), ASK, render)

    def test_twice_gives_the_first_event_and_renders_once(self, journal: Journal) -> None:
        seen: list[EventIds] = []

        def counted(minted: EventIds) -> dict[str, Any]:
            seen.append(minted)
            return render(minted)

        said = utterance()
        meant: Entry = entry(said, journal.store_utterance(said))
        first = journal.commit(meant, ACCEPT, counted)
        assert journal.commit(meant, ACCEPT, counted) == first
        assert len(seen) == 1

    def test_identity_sequence_and_chain(self, tmp_path: Path) -> None:
        chains: list[str] = []

        def noted(minted: EventIds) -> dict[str, Any]:
            chains.append(minted.chain)
            return render(minted)

        written: list[OutboxRow] = []
        for number in range(4):
            with Journal.open(tmp_path) as journal:
                said = utterance(number)
                written.append(journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, noted))
        assert [row.sequence for row in written] == [1, 2, 3, 4]
        assert [row.event_id[14] for row in written] == ["7"] * 4
        assert len({row.event_id for row in written}) == 4
        assert chains == [hash_chain.GENESIS, *(json.loads(row.body)["chain"] for row in written[:-1])]
        with Journal.inspect(tmp_path) as seen:
            assert seen.outbox.load_due(10) == written
            assert audit.verify(seen.trail).broken is None


class TestOwing:
    def test_sent_leaves_it_owed(self, journal: Journal) -> None:
        row = committed(journal, utterance())
        journal.outbox.mark_sent(row.event_id)
        journal.outbox.mark_sent(row.event_id)
        assert journal.outbox.load_due(1) == [row]
        assert journal.queries.entries(1)[0].attempts == 2

    def test_the_first_settlement_stands(self, journal: Journal) -> None:
        row = committed(journal, utterance())
        assert journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.APPLIED))
        assert journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.DUPLICATE))
        assert journal.outbox.settle(row.event_id, None)
        assert (journal.queries.counts().applied, journal.queries.counts().duplicate) == (1, 0)
        assert journal.outbox.count_unsettled() == 0

    def test_a_refusal_is_settled_and_says_why(self, journal: Journal) -> None:
        row = committed(journal, utterance())
        journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.REFUSED, ("unknown_dock", "too_many")))
        assert journal.outbox.load_due(10) == []
        (listed,) = journal.queries.entries(10)
        assert (listed.state, listed.reasons) == (OutboxState.REFUSED, ("unknown_dock", "too_many"))
        assert journal.queries.entry(row.event_id) == listed
        assert journal.queries.entry("stranger") is None
