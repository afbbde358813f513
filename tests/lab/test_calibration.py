from __future__ import annotations

import pytest

from dockvoice_protocol.forms.spoken.confusable import Rival
from lab.bench.calibration import loss
from lab.retuning import PULL, SHARE_ITSELF, Read, fit


def reads(share: float, right: int, wrong: int) -> list[Read]:
    return [Read("digits", Rival.NONE, "somebody", share, number < right) for number in range(right + wrong)]


def test_a_fit_finds_how_often_readings_were_right() -> None:
    told = reads(0.5, 800, 200) + reads(0.9, 990, 10)
    curve = fit(told, SHARE_ITSELF, PULL)
    assert curve.probability(0.5) == pytest.approx(0.8, abs=0.02)
    assert curve.probability(0.9) == pytest.approx(0.99, abs=0.01)
    assert loss(told, lambda _: curve) < loss(told, lambda _: SHARE_ITSELF)


def test_a_fit_ends_where_few_are_right_though_they_seemed_sure() -> None:
    few = reads(0.999, 2, 8)
    curve = fit(few, SHARE_ITSELF, PULL)
    assert loss(few, lambda _: curve) < loss(few, lambda _: SHARE_ITSELF)
    assert abs(curve.slope) < 10


def test_readings_that_are_all_right_make_nothing_certain() -> None:
    assert fit(reads(0.99, 200, 0), SHARE_ITSELF, PULL).probability(0.99) < 1
