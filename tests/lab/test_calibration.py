from __future__ import annotations

import pytest

from dockvoice_protocol.forms.spoken.confusable import RivalKind
from lab.bench.calibration import log_loss
from lab.retuning import PULL, SHARE_ITSELF, FieldSample, fit_logistic_curve


def reads(share: float, right: int, wrong: int) -> list[FieldSample]:
    return [FieldSample("digits", RivalKind.NONE, "somebody", share, number < right) for number in range(right + wrong)]


def test_a_fit_finds_how_often_readings_were_right() -> None:
    told = reads(0.5, 800, 200) + reads(0.9, 990, 10)
    curve = fit_logistic_curve(told, SHARE_ITSELF, PULL)
    assert curve.probability(0.5) == pytest.approx(0.8, abs=0.02)
    assert curve.probability(0.9) == pytest.approx(0.99, abs=0.01)
    assert log_loss(told, lambda _: curve) < log_loss(told, lambda _: SHARE_ITSELF)


def test_a_fit_ends_where_few_are_right_though_they_seemed_sure() -> None:
    few = reads(0.999, 2, 8)
    curve = fit_logistic_curve(few, SHARE_ITSELF, PULL)
    assert log_loss(few, lambda _: curve) < log_loss(few, lambda _: SHARE_ITSELF)
    assert abs(curve.slope) < 10


def test_readings_that_are_all_right_make_nothing_certain() -> None:
    assert fit_logistic_curve(reads(0.99, 200, 0), SHARE_ITSELF, PULL).probability(0.99) < 1
