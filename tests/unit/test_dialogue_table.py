from __future__ import annotations

from pathlib import Path

from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.machine import OTHER_STEPS, SPEECH_STEPS
from edge.agree.dialogue.table import FOLLOWING_STATES, TABLE, Event, State, Step, list_following_states
from lab.dialogue_diagram import RELATIONS, render_page


def test_the_table_has_no_holes() -> None:
    assert set(TABLE) == set(State)
    assert {state: set(Event) - set(row) for state, row in TABLE.items()} == {state: set() for state in State}


def test_every_state_can_be_reached_and_left() -> None:
    for state in State:
        others = set(State) - {state}
        assert any(state in list_following_states(other, event) for other in others for event in Event)
        assert any(list_following_states(state, event) - {state} for event in Event)


def test_every_step_is_taken_somewhere() -> None:
    taken = {step for row in TABLE.values() for step in row.values()}
    assert taken == set(Step)
    assert set(FOLLOWING_STATES) <= taken


def test_every_step_of_the_table_can_be_done() -> None:
    assert SPEECH_STEPS.keys() | OTHER_STEPS.keys() == set(Step)


def test_what_is_done_is_told_of_all_that_may_be_said_of_a_claim() -> None:
    assert list(RELATIONS) == list(Relation)


def test_the_page_shows_the_table(repository: Path) -> None:
    assert (repository / "docs" / "dialogue.md").read_text(encoding="utf-8") == render_page(), (
        "write it again: python -m lab.dialogue_diagram > docs/dialogue.md"
    )
