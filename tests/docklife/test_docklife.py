"""Some ninety lives by day, a hundred thousand at night: both laws hold in each, with a power cut somewhere in half."""

from __future__ import annotations

import pytest

from tests.docklife.__main__ import of, wanted_by
from tests.tiers import SEED, sized

LIVES = sized(test=44, nightly=50_000)  # As many with a power cut as without.


@pytest.mark.parametrize("cut", [(), ("--cut",)], ids=["in peace", "with a power cut"])
@pytest.mark.timeout(sized(test=900, nightly=40_000))
def test_no_life_breaks_a_law(cut: tuple[str, ...]) -> None:
    lived = of(wanted_by(["--lives", str(LIVES), "--seed", str(SEED), *cut]))
    assert lived.lives == LIVES
    assert not lived.broken, "\n\n".join(lived.broken)
