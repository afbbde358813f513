from __future__ import annotations

from dataclasses import replace

import pytest

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Act
from edge.understand.llm.prompt import Context, DialogueHistory, DialogueTurn, PromptState, context_sentences
from tests.sayings import ACCEPT, ASK, READ, REPEAT


@pytest.fixture
def past() -> DialogueHistory:
    return DialogueHistory()


def test_the_last_entry_is_told_from_then_on(past: DialogueHistory) -> None:
    past.add_turn(READ, REPEAT)
    assert not past().last
    past.add_turn(READ, ACCEPT)
    past.add_turn(replace(READ, act=Act.AMEND), REPEAT)
    assert past().last
    assert past().turns[-1].act is Act.AMEND


def test_of_a_long_shift_only_the_last_turns_are_told_and_never_a_value(past: DialogueHistory, form: Form) -> None:
    for _ in range(1000):
        past.add_turn(READ, ACCEPT)
    assert len(past().turns) == 6
    text = context_sentences(past(), form)
    assert len(text) < 1000
    assert "007" not in text


def test_where_entries_are_agreed_it_tells_what_is_at_hand_at_that_moment(past: DialogueHistory, form: Form) -> None:
    now = PromptState()
    past.set_state_source(lambda: now)
    past.add_turn(READ, ASK)
    assert past() == Context(turns=(DialogueTurn(Act.RECORD, ("pallet_id", "dock")),))
    now = PromptState(("pallet_id", "quantity"), "dock", last=True)
    past.add_turn(READ, ASK)
    assert (past().pending, past().asked, past().last) == (("pallet_id", "quantity"), "dock", True)
    assert past().turns[-1].asked == "dock"
    text = context_sentences(past(), form)
    assert "An entry is at hand and can be corrected, completed or taken back; known of it: pallet, quantity." in text
    now = PromptState(confirming=True)
    assert "answered with yes or no" in context_sentences(past(), form)
