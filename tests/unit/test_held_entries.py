"""Nothing kept is ever a dead end: what the inventory refused waits for a person, and can be entered once more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.errors import StorageFailed, Unfinished, UnreadableInput
from dockvoice_protocol.events import CLOCK
from dockvoice_protocol.records import Act, FieldValue, Receipt, ReceiptOutcome
from edge.agent.review import DeviceIdentity, Reviewer, commit_reviewed
from edge.agree.decide import Rules
from edge.cli.queue import commands
from edge.config import Keep
from edge.deliver.device_events import entry_event, withheld_event
from edge.keep import audit
from edge.keep.journal import Journal
from edge.keep.outbox import OutboxState
from edge.keep.retention import Reserve
from edge.records import OutboxRow
from inventory.forms import load_forms
from inventory.ingest.admission import find_distrust
from inventory.ingest.validation import DeadLetterMessage, validate
from inventory.store.keys import EnrolledKey
from tests.sayings import ACCEPT, FIELDS, database, entry, utterance
from tests.shipped import ROOT

DEVICE = DeviceIdentity("north", "dock-b", None, clock_believed=True)
KIM = Reviewer("kim", "the inventory had it wrong")
WITHHOLD = partial(withheld_event, reason="discarded")
NO_ROOM = Keep(budget_mb=1, alarm_free_mb=10**6, stop_free_mb=1, reserve_mb=0)
"""A disk that is always too full: everything goes that may."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "state") as opened:
        yield opened


def dictate(journal: Journal, number: int = 0, *, at: str = "dock-b", **changed: Any) -> OutboxRow:
    said = utterance(number)
    meant = replace(entry(said, journal.store_utterance(said)), **changed)
    verdict = replace(ACCEPT, fields=meant.fields)
    return journal.commit(meant, verdict, lambda minted: entry_event(meant, minted, site="north", device=at))


def refuse(journal: Journal, row: OutboxRow, *reasons: str) -> None:
    journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.REFUSED, reasons or ("sequence_reused",)))


def fields(**changed: FieldValue) -> dict[str, FieldValue]:
    return {**FIELDS, **changed}


class TestARefusedEntry:
    def test_it_waits_is_counted_and_its_recording_is_kept_whatever_the_disk_says(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        rows = [dictate(journal, number) for number in range(3)]
        for row in rows[:2]:
            refuse(journal, row)
        journal.outbox.settle(rows[2].event_id, Receipt(rows[2].event_id, ReceiptOutcome.APPLIED))
        journal.retention.free_disk_space(
            NO_ROOM, Reserve(journal.directory, 0), datetime(2036, 1, 1, tzinfo=UTC), believed=True
        )
        assert journal.retention.prune(10) == 0
        there = [(journal.directory / journal.queries.history(row.event_id).audio_path).exists() for row in rows]
        assert there == [True, True, False], "of the one that is applied it may go"
        assert [(one.sequence, one.reasons) for one in journal.review.held_entries()] == [
            (1, ("sequence_reused",)),
            (2, ("sequence_reused",)),
        ]
        assert journal.queries.counts().held == 2
        listed = CliRunner().invoke(commands, ["list", "--held", "--state", str(journal.directory)]).stdout
        assert "refused sequence_reused" in listed
        assert "2 wait for a person" in listed

    def test_given_up_it_waits_no_more_and_an_older_inventory_gets_its_tombstone(
        self, journal: Journal, judged: Callable[[str], str]
    ) -> None:
        row = dictate(journal)
        refuse(journal, row)
        journal.review.discard("1", "kim", "counted by hand", WITHHOLD)
        assert (journal.review.held_entries(), journal.queries.counts().held) == ([], 0)
        assert journal.outbox.load_due(9) == []
        journal.outbox.reopen(1)
        (owed,) = journal.outbox.load_due(9)
        assert (owed.event_id, json.loads(owed.body)["data"]["reason"]) == (row.event_id, "discarded")
        assert judged(owed.body) == "ValidMessage"

    def test_to_send_it_as_it_is_would_be_of_no_use(self, journal: Journal) -> None:
        refuse(journal, dictate(journal))
        with pytest.raises(UnreadableInput, match="`dockvoice queue accept` enters it once more under a new number"):
            journal.review.retry("1", "kim")


class TestEnteredOnceMore:
    def test_it_has_a_new_number_the_same_values_and_the_same_sound(self, journal: Journal, rules: Rules) -> None:
        old = dictate(journal, fields=fields(quantity=31))
        refuse(journal, old)
        new = commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        assert new.sequence == 2
        assert journal.queries.history("2").fields == fields(quantity=31)
        found = journal.queries.history("1")
        assert (found.state, found.reentered) == (OutboxState.DISCARDED, new.event_id)
        assert [(one.decision, one.who, one.reason) for one in found.decisions] == [("accept", "kim", KIM.reason)]
        assert journal.review.held_entries() == []
        assert audit.verify(journal.trail).broken is None
        sounds = [journal.copies.copy_of_entry(journal.queries.history(which)).segment.pcm for which in ("1", "2")]
        assert sounds[0] == sounds[1]

    def test_the_inventory_takes_it_and_the_tombstone_of_the_old_one(
        self, journal: Journal, rules: Rules, judged: Callable[[str], str]
    ) -> None:
        refuse(journal, dictate(journal))
        new = commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        journal.outbox.reopen(1)
        tombstone, entered = journal.outbox.load_due(9)
        assert (judged(tombstone.body), judged(entered.body)) == ("ValidMessage", "ValidMessage")
        assert json.loads(tombstone.body)["data"]["reason"] == "entered again"
        assert entered == new

    def test_once_more_changes_nothing(self, journal: Journal, rules: Rules) -> None:
        refuse(journal, dictate(journal))
        commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        with pytest.raises(UnreadableInput, match="waits for no person"):
            commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        assert journal.trail.last_sequence() == 2

    def test_a_person_may_put_it_right_and_the_form_holds_for_him_too(self, journal: Journal, rules: Rules) -> None:
        refuse(journal, dictate(journal), "invalid:/quantity: breaks maximum 10")
        with pytest.raises(UnreadableInput, match="not_in_catalogue:dock"):
            commit_reviewed(journal, "1", {"dock": "Q"}, rules, KIM, DEVICE)
        assert len(journal.review.held_entries()) == 1
        commit_reviewed(journal, "1", {"quantity": 9}, rules, KIM, DEVICE)
        assert journal.queries.history("2").fields == fields(quantity=9)

    def test_what_was_said_again_meanwhile_is_not_counted_twice(self, journal: Journal, rules: Rules) -> None:
        now = datetime.now(UTC) + timedelta(days=99)
        refuse(journal, dictate(journal))
        dictate(journal, 1, recorded_at=now)
        with pytest.raises(UnreadableInput, match="recorded since then, as entry 2"):
            commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        assert commit_reviewed(journal, "1", {}, rules, KIM, DEVICE, anyway=True).sequence == 3

    def test_a_dead_letter_only_when_its_tombstone_has_come(self, journal: Journal, rules: Rules) -> None:
        row = dictate(journal)
        journal.outbox.dead_letter(row.event_id, "packet too large", WITHHOLD)
        with pytest.raises(Unfinished, match="its tombstone is on its way"):
            commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.APPLIED))
        assert commit_reviewed(journal, "1", {}, rules, KIM, DEVICE).sequence == 2

    def test_a_doubtful_time_stays_doubtful_and_the_time_is_that_of_the_saying(
        self, journal: Journal, rules: Rules
    ) -> None:
        said = utterance(0)
        meant = entry(said, journal.store_utterance(said))
        old = journal.commit(
            meant, ACCEPT, lambda minted: entry_event(meant, minted, site="n", device="d", clock_believed=False)
        )
        refuse(journal, old)
        new = json.loads(commit_reviewed(journal, "1", {}, rules, KIM, DEVICE).body)
        assert (new[CLOCK], new["time"]) == ("unsynchronised", json.loads(old.body)["time"])

    def test_without_its_recording_it_rests_on_the_word_of_a_person(self, journal: Journal, rules: Rules) -> None:
        row = dictate(journal)
        journal.outbox.settle(row.event_id, None)
        journal.retention.free_disk_space(
            NO_ROOM, Reserve(journal.directory, 0), datetime(2036, 1, 1, tzinfo=UTC), believed=True
        )
        with database(journal).writing():
            database(journal).execute("UPDATE outbox SET state = 'refused'")
        commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        assert journal.queries.history("2").fields == FIELDS
        assert audit.verify(journal.trail).broken is None

    def test_a_crash_before_its_entry_leaves_nothing_that_is_read_as_just_said(
        self, journal: Journal, rules: Rules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(journal, dictate(journal))
        monkeypatch.setattr(Journal, "reenter", _fails)
        with pytest.raises(StorageFailed):
            commit_reviewed(journal, "1", {}, rules, KIM, DEVICE)
        monkeypatch.undo()
        journal.close()
        with Journal.open(journal.directory) as again:
            assert list(again.queries.unread_utterances()) == []
            assert commit_reviewed(again, "1", {}, rules, KIM, DEVICE).sequence == 2


class TestWhatChangesAnother:
    def test_what_it_changes_is_decided_first_and_followed_to_where_it_is_now(
        self, journal: Journal, rules: Rules
    ) -> None:
        first = dictate(journal)
        refuse(journal, first)
        refuse(journal, dictate(journal, 1, act=Act.AMEND, replaces=first.event_id, fields=fields(quantity=5)))
        with pytest.raises(UnreadableInput, match="2: changes entry 1, which waits too"):
            commit_reviewed(journal, "2", {}, rules, KIM, DEVICE)
        now = commit_reviewed(journal, "1", {}, rules, KIM, DEVICE, anyway=True)
        new = json.loads(commit_reviewed(journal, "2", {}, rules, KIM, DEVICE, anyway=True).body)
        assert new["data"]["amends"] == now.event_id

    def test_what_was_given_up_is_no_longer_there_to_be_changed(self, journal: Journal, rules: Rules) -> None:
        first = dictate(journal)
        refuse(journal, first)
        refuse(journal, dictate(journal, 1, act=Act.AMEND, replaces=first.event_id, fields=fields(quantity=5)))
        refuse(journal, dictate(journal, 2, act=Act.CANCEL, replaces=first.event_id, fields={}))
        journal.review.discard("1", "kim", "wrong", WITHHOLD)
        assert (
            json.loads(commit_reviewed(journal, "2", {}, rules, KIM, DEVICE).body)["type"]
            == "dockvoice.entry.recorded.v1"
        )
        with pytest.raises(UnreadableInput, match="has nothing of what it cancels"):
            commit_reviewed(journal, "3", {}, rules, KIM, DEVICE)


class TestUnderANewName:
    def test_what_the_former_journal_holds_is_entered_in_the_new_one_once(
        self, journal: Journal, tmp_path: Path, rules: Rules
    ) -> None:
        refuse(journal, dictate(journal), "another_instance")
        named = replace(DEVICE, device="dock-c")
        with Journal.open(tmp_path / "new") as new:
            row = commit_reviewed(new, "1", {}, rules, KIM, named, origin=journal)
            assert (row.sequence, json.loads(row.body)["source"]) == (1, "/sites/north/devices/dock-c")
            with database(journal).writing():  # as if the power had been cut before the former one knew
                database(journal).execute("UPDATE outbox SET state = 'refused', reentered = NULL")
            assert commit_reviewed(new, "1", {}, rules, KIM, named, origin=journal) == row
            assert new.trail.last_sequence() == 1
        assert journal.review.held_entries() == []

    def test_what_the_former_journal_had_not_even_read_waits_there_too(
        self, journal: Journal, tmp_path: Path, rules: Rules
    ) -> None:
        said = utterance(7)
        journal.store_utterance(said)
        journal.successor.note("it ends at 4")
        journal.close()
        with Journal.open(journal.directory) as former, Journal.open(tmp_path / "new") as new:
            (waiting,) = former.review.list_under_review()
            row = commit_reviewed(new, waiting.utterance_id, FIELDS, rules, KIM, DEVICE, origin=former)
            assert new.queries.history(row.event_id).fields == FIELDS
            assert new.copies.copy_of_entry(new.queries.history("1")).segment.pcm == said.segment.pcm
            assert former.review.list_under_review() == []

    def test_what_changes_an_entry_of_the_former_name_is_put_right_in_the_inventory(
        self, journal: Journal, tmp_path: Path, rules: Rules
    ) -> None:
        first = dictate(journal)
        journal.outbox.settle(first.event_id, Receipt(first.event_id, ReceiptOutcome.APPLIED))
        refuse(journal, dictate(journal, 1, act=Act.AMEND, replaces=first.event_id, fields=fields(quantity=5)))
        with Journal.open(tmp_path / "new") as new, pytest.raises(UnreadableInput, match="under the former name"):
            commit_reviewed(new, "2", {}, rules, KIM, DEVICE, origin=journal)


@pytest.fixture
def judged(journal: Journal) -> Callable[[str], str]:
    """What the inventory makes of an event, and why it would not take it for the device's own word."""
    forms = load_forms(ROOT / "schemas" / "forms")

    def judging(body: str) -> str:
        found = validate(body.encode(), "dockvoice/north/dock-b/entries", "dockvoice", forms)
        assert not isinstance(found, DeadLetterMessage)
        key = EnrolledKey("north", "dock-b", journal.public_key.keyid, None, revoked=False, key=journal.public_key)
        stranger = find_distrust(found.event, {key.keyid: key})
        return type(found).__name__ if stranger is None else stranger.reason

    return judging


def _fails(*_: object) -> Mapping[str, Any]:
    raise StorageFailed("the power is cut")
