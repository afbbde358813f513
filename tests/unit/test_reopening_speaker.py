from __future__ import annotations

from edge.speak.loudspeaker import ReopenSchedule

NOTHING, CARD = frozenset[str](), frozenset({"card"})


def looked(lookout: ReopenSchedule, there: frozenset[str], *moments: float) -> list[bool]:
    return [lookout.note_outputs_and_check_due(there, moment) for moment in moments]


def test_where_nothing_changes_it_is_tried_once_and_then_seldom() -> None:
    lookout = ReopenSchedule(NOTHING)
    assert looked(lookout, NOTHING, 0, 1, 60, 299, 300, 301) == [*(True, False, False, False, True, False)]
    assert not lookout.is_rescan_due(300)


def test_what_has_just_appeared_is_tried_for_a_while_though_it_refuses_at_first() -> None:
    lookout = ReopenSchedule(NOTHING)
    lookout.note_outputs_and_check_due(NOTHING, 0)
    assert looked(lookout, CARD, 100, 101, 110) == [True] * 3
    lookout.note_rescan(101)
    assert looked(lookout, CARD, 111) == [False]


def test_for_what_vanishes_the_microphone_does_not_blink_so_that_it_can_for_what_appears() -> None:
    lookout = ReopenSchedule(CARD)
    lookout.note_outputs_and_check_due(NOTHING, 100)
    assert not lookout.is_rescan_due(100)
    lookout.note_outputs_and_check_due(CARD, 101)
    lookout.note_outputs_and_check_due(NOTHING, 102)
    assert not lookout.is_rescan_due(102), "it was there in between, and nobody needs it any more"
    lookout.note_outputs_and_check_due(frozenset({"another card"}), 103)
    assert lookout.is_rescan_due(103)
