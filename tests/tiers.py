"""The tiers of tests: which folders each one runs, how much of what could go on for ever, and from which seed.

`make quick`, `make test` and `make nightly` name one in TIER. The first two give the same answer every time; each
night begins with a seed of its own, which the head of the run names, and `SEED=… make nightly` is that night again.
"""

from __future__ import annotations

import os
from enum import StrEnum
from secrets import randbelow
from typing import TypeVar

from hypothesis import HealthCheck, settings

T = TypeVar("T")


class Tier(StrEnum):
    """How much is run."""

    QUICK = "quick"  # The inner loop: logic alone, a minute of it.
    TEST = "test"  # What CI runs: real servers, one short form of each fault.
    NIGHTLY = "nightly"  # All there is, with new seeds.


_QUICK = ("unit", "playbook", "property")
_TEST = (*_QUICK, "conversations", "docklife", "lab", "contract", "integration", "faults")
FOLDERS = {Tier.QUICK: _QUICK, Tier.TEST: _TEST, Tier.NIGHTLY: (*_TEST, "nightly")}
"""What a tier runs where no path is named."""

TIER = Tier(os.environ.setdefault("TIER", Tier.TEST))

DAY_SEED = 20261120  # Of whatever is left to chance by day: the day the first of these tests was written.

# In the environment, for the processes that run tests side by side, and for the programs that a test starts.
SEED = int(os.environ.setdefault("SEED", str(randbelow(2**31) if TIER is Tier.NIGHTLY else DAY_SEED)))

EXAMPLES = {Tier.QUICK: 6, Tier.TEST: 20, Tier.NIGHTLY: 250}  # So many examples Hypothesis tries of a property.

for tier, count in EXAMPLES.items():
    settings.register_profile(
        tier,
        max_examples=count,
        derandomize=tier is not Tier.NIGHTLY,
        database=None,  # a failure is told with its example; what an earlier run found changes no later one
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no fault of the product
    )
settings.load_profile(TIER)


def sized(*, test: T, nightly: T, quick: T | None = None) -> T:
    """The one of these that this tier takes; the quick one that of the day where it has none of its own."""
    return {Tier.QUICK: test if quick is None else quick, Tier.TEST: test, Tier.NIGHTLY: nightly}[TIER]


def examples(share: float) -> settings:
    """So large a share of the examples, for a property of which each takes long."""
    return settings(max_examples=max(2, round(EXAMPLES[TIER] * share)))
