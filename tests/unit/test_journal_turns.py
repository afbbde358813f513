"""What one step of the dialogue puts on disk, all of it or nothing, and what a restart finds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol import hash_chain
from dockvoice_protocol.events import parse_event
from dockvoice_protocol.records import Act, Receipt, ReceiptOutcome
from edge.deliver.device_events import entry_event
from edge.keep import audit
from edge.keep.journal import Journal
from edge.records import (
    NOTHING_STANDS,
    Cause,
    Commit,
    Draft,
    Note,
    OutboxRow,
    Outcome,
    Park,
    Reason,
    StandingContext,
    StoreDropped,
    Utterance,
    Verdict,
)
from inventory.forms import load_forms
from inventory.ingest.validation import ValidMessage, validate
from tests.sayings import ACCEPT, FIELDS, NOON, READ, database, utterance

HELD = replace(ACCEPT, outcome=Outcome.HOLD)
HEEDED = Verdict(Outcome.HEED, (Cause(Reason.ANSWER),), {})
TAKEN_BACK = Verdict(Outcome.CANCEL, (Cause(Reason.TAKEN_BACK),), {})
render = partial(entry_event, site="north", device="dock-3")


def draft(said: Utterance, *support: Utterance, act: Act = Act.RECORD, replaces: str | None = None) -> Draft:
    ids = tuple(one.utterance_id for one in support)
    return Draft(said.utterance_id, "pallet-move", READ, "op-17", act, replaces, ids, ("dock=B",), ("dock=B",))


def said(journal: Journal, number: int) -> Utterance:
    one = utterance(number)
    journal.store_utterance(one)
    return one


def held(journal: Journal, number: int, *support: Utterance) -> Draft:
    one = said(journal, number)
    pending = draft(one, *support)
    noted = tuple(Note(other.utterance_id, READ, HEEDED) for other in support)
    journal.store_dialogue_step([Note(one.utterance_id, READ, HELD), *noted], pending, "op-17", render)
    return pending


def agreed(pending: Draft, **changes: Any) -> Commit:
    return Commit(pending, replace(ACCEPT, fields=FIELDS | changes))


def commit(journal: Journal, pending: Draft, **changes: Any) -> OutboxRow:
    row = journal.store_dialogue_step([agreed(pending, **changes)], None, "op-17", render)
    assert row is not None
    return row


def evidence(journal: Journal) -> dict[str, str]:
    return {row["utterance_id"]: row["evidence"] for row in database(journal).rows("SELECT * FROM utterances")}


def test_what_is_held_is_there_after_a_restart_and_is_not_read_again(journal: Journal, tmp_path: Path) -> None:
    pending = held(journal, 1, said(journal, 2))
    journal.close()
    with Journal.open(tmp_path) as again:
        assert again.dialogue.load_state().draft == pending
        assert again.dialogue.load_state().operator == "op-17"
        assert list(again.queries.unread_utterances()) == []
        assert again.queries.counts().utterances == 2
        assert (again.queries.counts().accepted, again.outbox.count_unsettled()) == (0, 0)


def test_the_recordings_of_a_draft_are_needed_until_its_entry_is_settled(journal: Journal) -> None:
    answer = said(journal, 2)
    pending = held(journal, 1, answer)
    assert set(evidence(journal).values()) == {"needed"}
    row = commit(journal, pending)
    assert set(evidence(journal).values()) == {"needed"}
    journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.APPLIED))
    assert set(evidence(journal).values()) == {"spare"}


def test_the_recordings_of_what_was_taken_back_are_spare(journal: Journal) -> None:
    answer = said(journal, 2)
    pending = held(journal, 1, answer)
    journal.store_dialogue_step([StoreDropped(pending)], None, "op-17", render)
    assert set(evidence(journal).values()) == {"spare"}
    kept = journal.queries.get_utterance(pending.utterance_id)
    assert kept is not None
    assert kept.verdict == TAKEN_BACK
    assert journal.outbox.count_unsettled() == 0


def test_amended_and_cancelled_entries_follow_in_number_and_chain(journal: Journal) -> None:
    first = commit(journal, held(journal, 1))
    correcting, cancelling = said(journal, 2), said(journal, 3)
    second = commit(journal, draft(correcting, act=Act.AMEND, replaces=first.event_id), quantity=15)
    third = commit(journal, draft(cancelling, act=Act.CANCEL, replaces=second.event_id))
    events = [parse_event(row.body.encode()) for row in journal.outbox.load_due(10)]
    assert [event["type"].split(".")[2] for event in events] == ["recorded", "amended", "cancelled"]
    assert [event["sequence"] for event in events] == ["1", "2", "3"]
    assert (events[1]["data"]["amends"], events[1]["data"]["fields"]["quantity"]) == (first.event_id, 15)
    assert events[2]["data"]["cancels"] == second.event_id
    assert [event[hash_chain.PREVIOUS] for event in events[1:]] == [event[hash_chain.CHAIN] for event in events[:-1]]
    assert third.sequence == 3


def test_a_line_of_corrections_tells_which_of_them_the_inventory_does_not_have(journal: Journal) -> None:
    first = commit(journal, held(journal, 1))
    second = commit(journal, draft(said(journal, 2), act=Act.AMEND, replaces=first.event_id))
    third = commit(journal, draft(said(journal, 3), act=Act.AMEND, replaces=second.event_id))
    assert journal.dialogue.load_refused_chain(third.event_id) == {}
    journal.outbox.settle(second.event_id, Receipt(second.event_id, ReceiptOutcome.REFUSED, ("invalid:/quantity",)))
    assert journal.dialogue.load_refused_chain(third.event_id) == {second.event_id: first.event_id}
    journal.outbox.dead_letter(third.event_id, "packet_too_large", lambda event: event)
    assert journal.dialogue.load_refused_chain(third.event_id) == {
        third.event_id: second.event_id,
        second.event_id: first.event_id,
    }
    last = journal.dialogue.last_entry()
    assert last is not None
    assert last.refused, "a dead letter is nothing that could be amended"
    every = [row.event_id for row in (first, second, third)]
    assert journal.dialogue.select_accepted_or_pending(every) == {first.event_id}
    journal.outbox.reopen(second.sequence, second.sequence)
    assert journal.dialogue.select_accepted_or_pending(every[1:]) == {second.event_id}, "the inventory is asked again"


def test_what_nobody_answered_waits_for_a_person_and_can_be_read_again(journal: Journal) -> None:
    pending = held(journal, 1)
    parked = Park(pending.utterance_id, "unanswered", {"pallet_id": "007"})
    journal.store_dialogue_step([parked], None, "op-17", render)
    assert [kept.utterance_id for kept in journal.review.list_under_review()] == [pending.utterance_id]
    assert journal.queries.history(pending.utterance_id).fields == {"pallet_id": "007"}
    assert list(journal.queries.unread_utterances()) == []
    journal.review.retry(pending.utterance_id, "a person")
    assert [one.utterance_id for one in journal.queries.unread_utterances()] == [pending.utterance_id]


def test_what_a_person_makes_an_entry_of_is_asked_about_no_more(journal: Journal) -> None:
    pending, other = held(journal, 1), said(journal, 2)
    parked = (Park(pending.utterance_id, "unanswered", {}), Park(other.utterance_id, "unanswered", {}))
    journal.store_dialogue_step(parked, pending, "op-17", render)
    for accepted in (draft(other), pending):
        assert journal.dialogue.load_state().draft == pending
        entry = journal.queries.make_entry(accepted, ACCEPT)
        journal.accept(entry, ACCEPT, "kim", None, partial(render, entry))
    assert (journal.dialogue.load_state().draft, journal.dialogue.load_state().operator) == (None, "op-17")


def test_a_turn_is_kept_as_a_whole_or_not_at_all(journal: Journal) -> None:
    pending = held(journal, 1)
    unknown = Note("nobody-said-this", READ, HEEDED)
    with pytest.raises(LookupError):
        journal.store_dialogue_step([unknown, agreed(pending)], None, "op-18", render)
    assert journal.dialogue.load_state().draft == pending
    assert journal.dialogue.load_state().operator == "op-17"
    assert journal.outbox.count_unsettled() == 0


def test_what_a_power_cut_left_in_the_second_copy_alone_is_asked_about_no_more(tmp_path: Path) -> None:
    """Whatever was answered, the entry would stay as it is: it is committed, and goes out."""
    with Journal.open(tmp_path) as journal:
        whole_again = said(journal, 2)
        pending = replace(held(journal, 1), support=(whole_again.utterance_id,))
        journal.store_dialogue_step([], pending, None, render)
    before_the_commit = (tmp_path / "journal.db").read_bytes()
    with Journal.open(tmp_path) as journal:
        committed = commit(journal, pending)
    (tmp_path / "journal.db").write_bytes(before_the_commit)
    with Journal.open(tmp_path) as journal:
        assert journal.outbox.load_due(10) == [committed]
        assert journal.dialogue.load_state().draft is None
        assert list(journal.queries.unread_utterances()) == [], "what it rests on makes no second entry"
        assert set(evidence(journal).values()) == {"needed"}


def test_a_turn_that_is_kept_again_makes_no_second_event(journal: Journal) -> None:
    pending = held(journal, 1)
    assert commit(journal, pending) == commit(journal, pending)
    assert [row.sequence for row in journal.outbox.load_due(10)] == [1]


def test_what_is_committed_cannot_be_noted_otherwise(journal: Journal) -> None:
    pending = held(journal, 1)
    commit(journal, pending)
    with pytest.raises(ValueError, match="committed already"):
        journal.store_dialogue_step([StoreDropped(pending)], None, None, render)


def test_a_rebuilt_journal_has_the_corrections_too(journal: Journal, tmp_path: Path) -> None:
    answer = said(journal, 2)
    first = commit(journal, held(journal, 1, answer))
    commit(journal, draft(said(journal, 3), act=Act.AMEND, replaces=first.event_id), quantity=15)
    held(journal, 4)
    journal.close()
    (tmp_path / "journal.db").write_bytes(b"damaged" * 1000)
    for beside in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    with Journal.open(tmp_path) as rebuilt:
        last = rebuilt.dialogue.last_entry()
        assert last is not None
        assert (last.draft.act, last.draft.replaces, last.fields["quantity"]) == (Act.AMEND, first.event_id, 15)
        assert rebuilt.dialogue.load_state().draft is None
        assert len(rebuilt.review.list_under_review()) == 1
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        (support,) = db.execute("SELECT support FROM entries WHERE sequence = 1").fetchone()
    assert json.loads(support) == [answer.utterance_id]


def test_what_stands_is_what_nothing_replaced_and_nobody_refused(journal: Journal) -> None:
    first, second, third, fourth = (
        commit(journal, held(journal, number), pallet_id=f"74{number}") for number in range(4)
    )
    amending = replace(held(journal, 4), act=Act.AMEND, replaces=first.event_id)
    commit(journal, amending, pallet_id="750")
    commit(journal, replace(held(journal, 5), act=Act.CANCEL, replaces=second.event_id))
    journal.outbox.settle(third.event_id, Receipt(third.event_id, ReceiptOutcome.REFUSED, ("not_on_site",)))
    before = NOON - timedelta(minutes=1)
    assert [fields["pallet_id"] for fields in journal.queries.standing_entry_fields("pallet-move", before)] == [
        "750",
        "743",
    ]
    refused = commit(journal, replace(held(journal, 6), act=Act.AMEND, replaces=fourth.event_id), pallet_id="760")
    journal.outbox.settle(refused.event_id, Receipt(refused.event_id, ReceiptOutcome.REFUSED, ("invalid:/dock",)))
    assert [fields["pallet_id"] for fields in journal.queries.standing_entry_fields("pallet-move", before)] == [
        "750",
        "743",
    ]
    assert journal.queries.standing_entry_fields("stock-count", before) == ()
    assert journal.queries.standing_entry_fields("pallet-move", datetime.now(UTC)) == ()


def test_what_somebody_else_has_recorded_is_refused_to_whoever_corrects_it(journal: Journal) -> None:
    row = commit(journal, held(journal, 1))
    journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.DUPLICATE, ("already_recorded:dock-4",)))
    last = journal.dialogue.last_entry()
    assert last is not None
    assert last.refused
    assert journal.queries.counts().duplicate == 1


# What is said once for many entries.


def standing(by: Utterance) -> StandingContext:
    dock = replace(READ.fields["dock"], said_in=(by.utterance_id,))
    return StandingContext({"dock": dock}, ("dock",), "op-17", ("2026-11-21", "late"))


def taking(journal: Journal, number: int, context: StandingContext) -> OutboxRow:
    """An entry that takes what stands."""
    one = said(journal, number)
    fields = {**READ.fields, "dock": replace(context.fields["dock"], words=())}
    pending = replace(draft(one), reading=replace(READ, fields=fields))
    row = journal.store_dialogue_step(
        [Note(one.utterance_id, READ, HELD), agreed(pending)], None, "op-17", render, context
    )
    assert row is not None
    return row


def test_what_stands_is_there_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    once = said(journal, 1)
    context = standing(once)
    journal.store_dialogue_step([Note(once.utterance_id, READ, HEEDED)], None, "op-17", render, context)
    journal.close()
    with Journal.open(tmp_path) as again:
        assert again.dialogue.load_state().context == context
        again.store_dialogue_step([], None, "op-17", render)
        assert again.dialogue.load_state().context == NOTHING_STANDS


def test_what_stands_in_the_other_forms_is_there_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    once, here = said(journal, 1), said(journal, 2)
    context = replace(standing(here), elsewhere=standing(once).fields)
    journal.store_dialogue_step([Note(here.utterance_id, READ, HEEDED)], None, "op-17", render, context)
    journal.close()
    with Journal.open(tmp_path) as again:
        assert again.dialogue.load_state().context == context
        assert evidence(again)[once.utterance_id] == "needed"


def test_what_many_entries_rest_on_is_needed_by_each_and_while_it_stands(journal: Journal) -> None:
    once = said(journal, 1)
    context = standing(once)
    journal.store_dialogue_step([Note(once.utterance_id, READ, HEEDED)], None, "op-17", render, context)
    first, second = taking(journal, 2, context), taking(journal, 3, context)
    for row in (first, second):
        assert [one["id"] for one in json.loads(row.body)["data"]["support"]] == [once.utterance_id]
    journal.outbox.settle(first.event_id, None)
    assert evidence(journal)[once.utterance_id] == "needed"
    journal.store_dialogue_step([], None, "op-17", render)  # nothing stands any more
    assert evidence(journal)[once.utterance_id] == "needed"
    journal.outbox.settle(second.event_id, None)
    assert set(evidence(journal).values()) == {"spare"}


def test_an_entry_outlives_the_recording_of_what_it_took(journal: Journal) -> None:
    """Erased, or removed for its age: what is said behind it is delivered, and the audit knows why it is gone."""
    once = said(journal, 1)
    context = standing(once)
    journal.store_dialogue_step([Note(once.utterance_id, READ, HEEDED)], None, "op-17", render)
    journal.erasing.erase_entry(once.utterance_id, "a clerk", dict)
    row = taking(journal, 2, context)
    assert [one["id"] for one in json.loads(row.body)["data"]["support"]] == [once.utterance_id]
    parse_event(row.body.encode())
    assert audit.verify(journal.trail).broken is None


def test_what_entries_rest_on_is_not_forgotten_with_the_first_of_them(journal: Journal) -> None:
    once = said(journal, 1)
    context = standing(once)
    journal.store_dialogue_step([Note(once.utterance_id, READ, HEEDED)], None, "op-17", render, context)
    rows = [taking(journal, number, context) for number in (2, 3, 4)]
    journal.store_dialogue_step([], None, "op-17", render)
    for row in rows:
        journal.outbox.settle(row.event_id, None)
    journal.retention.remove_evidence(journal.retention.list_spare_evidence(10))
    assert journal.retention.prune(2) == 2
    assert once.utterance_id in evidence(journal)
    assert audit.verify(journal.trail).broken is None


def test_what_stands_goes_with_the_name_of_whoever_said_it(journal: Journal) -> None:
    once = said(journal, 1)
    context = standing(once)
    journal.store_dialogue_step([Note(once.utterance_id, READ, HEEDED)], None, "op-17", render, context)
    journal.outbox.settle(taking(journal, 2, context).event_id, None)
    erased = journal.erasing.erase_operator("op-17", "a clerk", dict)
    assert (erased.utterances, erased.entries, erased.waiting) == (2, 1, ())
    kept = journal.dialogue.load_state()
    assert (kept.operator, kept.context) == (None, NOTHING_STANDS)


def test_the_inventory_finds_every_kind_sound(journal: Journal, repository: Path) -> None:
    first = commit(journal, held(journal, 1, said(journal, 2)))
    second = commit(journal, draft(said(journal, 3), said(journal, 4), act=Act.AMEND, replaces=first.event_id))
    commit(journal, draft(said(journal, 5), act=Act.CANCEL, replaces=second.event_id))
    forms = load_forms(repository / "schemas" / "forms")
    judged = [
        validate(row.body.encode(), "dockvoice/north/dock-3/entries", "dockvoice", forms)
        for row in journal.outbox.load_due(10)
    ]
    assert [one.event.replaces for one in judged if isinstance(one, ValidMessage)] == [
        None,
        first.event_id,
        second.event_id,
    ]


def test_the_last_entry_is_what_may_be_corrected(journal: Journal) -> None:
    pending = held(journal, 1)
    row = commit(journal, pending)
    last = journal.dialogue.last_entry()
    assert last is not None
    assert (last.event_id, last.fields, last.refused) == (row.event_id, FIELDS, False)
    assert last.draft.reading.fields == READ.fields
    journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.REFUSED, ("not_on_site",)))
    refused = journal.dialogue.last_entry()
    assert refused is not None
    assert refused.refused


def test_an_event_that_came_twice_is_there(journal: Journal) -> None:
    row = commit(journal, held(journal, 1))
    journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.DUPLICATE))
    last = journal.dialogue.last_entry()
    assert last is not None
    assert not last.refused


def test_what_stands_is_needed_though_all_that_rests_on_it_is_settled(journal: Journal) -> None:
    once = said(journal, 1)
    context = standing(once)
    journal.store_dialogue_step([Note(once.utterance_id, READ, HEEDED)], None, "op-17", render, context)
    row = taking(journal, 2, context)
    journal.outbox.settle(row.event_id, None)
    assert evidence(journal)[once.utterance_id] == "needed"


def test_what_is_gone_altogether_is_no_support(journal: Journal) -> None:
    row = taking(journal, 2, standing(utterance(1)))
    assert "support" not in json.loads(row.body)["data"]
