"""A second thing that an utterance names: it has a copy of the utterance, with the sound, and an entry of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.records import Act
from edge.deliver.device_events import entry_event, withheld_event
from edge.keep import audit
from edge.keep.journal import Journal
from edge.records import Cause, Commit, Draft, Note, OutboxRow, Outcome, Park, Reason, Verdict, make_copy_id
from tests.sayings import ACCEPT, READ, utterance

HELD = replace(ACCEPT, outcome=Outcome.HOLD)
HEEDED = Verdict(Outcome.HEED, (Cause(Reason.ANSWER),), {})
render = partial(entry_event, site="north", device="dock-3")


def draft(utterance_id: str) -> Draft:
    return Draft(utterance_id, "pallet-move", READ, "op-17", Act.RECORD)


def say_two(journal: Journal) -> tuple[Draft, Draft]:
    """One utterance of two things: the first is held, the second waits."""
    said = utterance(1)
    journal.store_utterance(said)
    first, second = draft(said.utterance_id), draft(make_copy_id(said.utterance_id, "next thing"))
    waits = Park(second.utterance_id, "unanswered", {"pallet_id": "743"}, second, said.utterance_id)
    journal.store_dialogue_step([Note(said.utterance_id, READ, HELD), waits], first, "op-17", render)
    return first, second


def commit(journal: Journal, one: Draft) -> OutboxRow:
    row = journal.store_dialogue_step([Commit(one, ACCEPT)], None, "op-17", render)
    assert row is not None
    return row


def recordings(directory: Path) -> int:
    return len(list(directory.glob("evidence/*/*.flac")))


def test_each_becomes_an_entry(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        first, second = say_two(journal)
        assert [one.utterance_id for one in journal.review.list_under_review()] == [second.utterance_id]
        assert list(journal.queries.unread_utterances()) == []
    with Journal.open(tmp_path) as journal:
        assert list(journal.queries.unread_utterances()) == []
        assert [commit(journal, one).sequence for one in (first, second)] == [1, 2]
        assert audit.verify(journal.trail).broken is None
        assert recordings(tmp_path) == 2


def test_the_step_leaves_no_half_of_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        first, second = say_two(journal)
        third = draft(make_copy_id(second.utterance_id, "next thing"))
        waits = Park(third.utterance_id, "unanswered", {}, third, second.utterance_id)
        with pytest.raises(LookupError):
            journal.store_dialogue_step([waits, Note("nobody-said-this", READ, HEEDED)], first, "op-17", render)
        assert journal.queries.get_utterance(third.utterance_id) is None
        journal.store_dialogue_step([waits], first, "op-17", render)
        assert journal.queries.get_utterance(third.utterance_id) is not None


def test_none_of_them_is_a_truth_for_its_whole_sound(tmp_path: Path) -> None:
    began = datetime.min.replace(tzinfo=UTC)
    with Journal.open(tmp_path) as journal:
        say_two(journal)
        other = utterance(2)
        journal.store_utterance(other)
        found = [one.utterance for one in journal.readings.utterances_since(began, "pallet-move")]
        assert [one.utterance_id for one in found] == [other.utterance_id]
        assert journal.readings.count_and_seconds(began, "pallet-move") == (1, other.segment.seconds)


@pytest.mark.parametrize("which", [0, 1])
def test_who_erases_one_erases_the_sound_of_all(tmp_path: Path, which: int) -> None:
    with Journal.open(tmp_path) as journal:
        both = say_two(journal)
        for one in both:
            journal.outbox.settle(commit(journal, one).event_id, None)
        erased = journal.erasing.erase_entry(
            both[which].utterance_id, "clerk", partial(withheld_event, reason="erased")
        )
        assert (erased.utterances, erased.entries, erased.waiting) == (2, 2, ())
        assert recordings(tmp_path) == 0
        assert audit.verify(journal.trail).broken is None


def test_an_order_within_an_utterance_has_a_row_and_an_entry_of_its_own(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        said = utterance(1)
        journal.store_utterance(said)
        first, order = draft(said.utterance_id), draft(make_copy_id(said.utterance_id, "closing"))
        commit(journal, first)
        asked = Note(order.utterance_id, READ, HELD, said.utterance_id)
        journal.store_dialogue_step([asked], order, "op-17", render)
        journal.store_dialogue_step([asked], order, "op-17", render)
        assert commit(journal, order).sequence == 2
        assert recordings(tmp_path) == 2
