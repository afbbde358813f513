from __future__ import annotations

import pytest
from pydantic import ValidationError

from lab.standin.behaviour import Behaviour, BehaviourQueue, WrongAnswerKind
from tests.rows import each_of


@each_of(
    "order",
    [
        {"status": 42},
        {"times": 0},
        {"share": 101},
        {"answer": "shrug"},
        {"cut": "sideways"},
        {"speed": 1},
        {"delay_ms": -1},
    ],
)
def test_an_order_that_means_nothing_is_refused(order: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Behaviour.model_validate(order)


def test_the_first_order_for_a_path_counts_and_then_the_next() -> None:
    orders = BehaviourQueue()
    orders.add(Behaviour(path="/v1/models*", status=500))
    orders.add(Behaviour(path="/v1/*", times=1, status=429))
    orders.add(Behaviour(path="/v1/*", status=503))
    told = [
        [behaviour.status for behaviour in orders.select_for(path)]
        for path in ("/v1/chat", "/v1/models/a", "/v1/chat", "/v2/a")
    ]
    assert told == [[429], [500], [503], []]


def test_a_told_order_goes_before_the_standing_ones_which_come_back() -> None:
    orders = BehaviourQueue((Behaviour(delay_ms=5), Behaviour(answer=WrongAnswerKind.FABRICATE)))
    orders.add(Behaviour(status=500))
    assert [behaviour.status for behaviour in orders.select_for("/a")] == [500]
    orders.remove_added()
    assert sum(behaviour.wait_s() for behaviour in orders.select_for("/a")) == pytest.approx(0.005)
    assert [behaviour.answer for behaviour in orders.select_for("/a")] == [None, WrongAnswerKind.FABRICATE]


def test_a_share_is_met_and_the_same_each_time() -> None:
    def hits(seed: int) -> list[bool]:
        behaviour = Behaviour(share=8, seed=seed)
        return [behaviour.count_and_decide() for _ in range(2000)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert sum(hits(1)) == pytest.approx(160, rel=0.2)
