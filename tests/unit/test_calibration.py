from __future__ import annotations

import pytest

from dockvoice_protocol.forms.spoken.confusable import RivalKind
from edge.understand.local.confidence import VOSK, Calibration
from tests.rows import each_of


def test_there_is_a_curve_for_every_kind_of_rival() -> None:
    assert set(VOSK) == set(RivalKind)


@each_of("curve", VOSK.values(), ids=str)
@each_of("share", [-0.5, 0.0, 1.0, 2.0])
def test_a_share_at_or_beyond_the_ends_still_has_a_probability(share: float, curve: Calibration) -> None:
    assert 0 < curve.probability(share) < 1


@each_of("curve", VOSK.values(), ids=str)
def test_a_greater_share_is_never_less_likely_right(curve: Calibration) -> None:
    chances = [curve.probability(hundredths / 100) for hundredths in range(101)]
    assert chances == sorted(chances)


@each_of("curve", VOSK.values(), ids=str)
@each_of("share", [0.002, 0.3, 0.5, 0.75, 0.9, 0.99, 0.998])
def test_the_share_can_be_had_back(share: float, curve: Calibration) -> None:
    assert curve.share(curve.probability(share)) == pytest.approx(share, abs=1e-6)


@each_of("share", [0.5, 0.8, 0.95, 0.999])
def test_a_value_of_which_a_sound_may_have_been_lost_is_believed_least(share: float) -> None:
    lost, heard = VOSK[RivalKind.MORE].probability(share), VOSK[RivalKind.LESS].probability(share)
    assert lost == min(curve.probability(share) for curve in VOSK.values()) < heard
