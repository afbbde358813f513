from __future__ import annotations

import pytest

from edge.agent.supervisor import Health

LIMITS = {"ear": 5.0, "journal": 10.0}


def test_a_part_nobody_waits_for_is_an_error() -> None:
    with pytest.raises(KeyError, match="eer: no such part; there are ear, journal"):
        Health(LIMITS).beat("eer", 0)


def test_parts_that_never_beat_stall_from_the_beginning() -> None:
    health = Health(LIMITS)
    assert health.stalled(1000) == ()
    assert health.stalled(1005.5) == ("ear for 5.5 s",)
    assert health.stalled(1011) == ("ear for 11.0 s", "journal for 11.0 s")


def test_the_beat_of_one_part_begins_the_time_of_the_others() -> None:
    health = Health(LIMITS)
    health.beat("ear", 100)
    health.beat("ear", 111)
    assert health.stalled(112) == ("journal for 12.0 s",)


def test_a_stalled_part_is_well_again_with_its_next_beat() -> None:
    health = Health(LIMITS)
    health.beat("journal", 0)
    assert health.stalled(6) == ("ear for 6.0 s",)
    health.beat("ear", 6)
    assert health.stalled(7) == ()


def test_the_limit_itself_is_no_stall() -> None:
    health = Health(LIMITS)
    health.beat("ear", 0)
    assert health.stalled(5) == ()
    assert health.stalled(5.1) == ("ear for 5.1 s",)


def test_without_parts_all_is_well() -> None:
    assert Health({}).stalled(1e9) == ()
