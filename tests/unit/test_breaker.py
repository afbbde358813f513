from __future__ import annotations

from edge.understand.breaker import Breaker
from tests.rows import each_of


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        assert breaker.try_acquire(at)
        breaker.record_failure(at)
    return breaker


def test_open_it_lets_nothing_through() -> None:
    breaker = opened()
    assert not breaker.try_acquire(4.9)
    assert breaker.wait_s(1.0) == 4


def test_fewer_failures_leave_it_closed_and_a_success_forgets_them() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(2):
            breaker.record_failure(0)
        breaker.record_success()
    assert breaker.wait_s(0) == 0
    assert breaker.try_acquire(0)


def test_half_open_it_lets_one_try_and_another_where_that_was_called_off_and_a_success_closes_it() -> None:
    breaker = opened()
    assert breaker.try_acquire(5)
    assert not breaker.try_acquire(5)
    breaker.release()
    assert breaker.try_acquire(5)
    breaker.record_success()
    assert breaker.try_acquire(5)
    assert breaker.try_acquire(5)


def test_each_try_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now, pauses = opened(), 5.0, []
    for _ in range(6):
        assert breaker.try_acquire(now)
        breaker.record_failure(now)
        pauses.append(breaker.wait_s(now))
        now += pauses[-1]
    assert pauses == [10, 20, 40, 60, 60, 60]


@each_of("late", [1, 5])
def test_failures_of_requests_that_went_before_it_opened_add_nothing(late: int) -> None:
    breaker = opened()
    for _ in range(late):
        breaker.record_failure(1)
    assert breaker.wait_s(0) == 5
