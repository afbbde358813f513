from __future__ import annotations

from edge.speak.loudspeaker import ANYHOW_S, SETTLES_S, Lookout

NOTHING, CARD = frozenset[str](), frozenset({"card"})


def looked(lookout: Lookout, there: frozenset[str], *moments: float) -> list[bool]:
    return [lookout.try_now(there, moment) for moment in moments]


def test_where_nothing_changes_it_is_tried_once_and_then_seldom() -> None:
    lookout = Lookout(NOTHING)
    assert looked(lookout, NOTHING, 0, 1, 60, ANYHOW_S - 1, ANYHOW_S, ANYHOW_S + 1) == [
        *(True, False, False, False, True, False)
    ]
    assert not lookout.is_rescan_due(ANYHOW_S)


def test_what_has_just_appeared_is_tried_for_a_while_though_it_refuses_at_first() -> None:
    lookout = Lookout(NOTHING)
    lookout.try_now(NOTHING, 0)
    assert looked(lookout, CARD, 100, 101, 100 + SETTLES_S) == [True] * 3
    lookout.blinked(101)
    assert looked(lookout, CARD, 100 + SETTLES_S + 1) == [False]


def test_for_what_vanishes_the_microphone_does_not_blink_so_that_it_can_for_what_appears() -> None:
    lookout = Lookout(CARD)
    lookout.try_now(NOTHING, 100)
    assert not lookout.is_rescan_due(100)
    lookout.try_now(CARD, 101)
    lookout.try_now(NOTHING, 102)
    assert not lookout.is_rescan_due(102), "it was there in between, and nobody needs it any more"
    lookout.try_now(frozenset({"another card"}), 103)
    assert lookout.is_rescan_due(103)
