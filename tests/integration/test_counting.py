"""The counting proof: consumers that share the work are sent events doubled and shuffled, and are killed meanwhile.

By night thousands of events and a kill each second; `COUNTED_EVENTS` sets another number.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.counting.consumers import counted
from tests.servers.postgresql import PostgreSQL
from tests.tiers import SEED, sized

NIGHTLY_EVENTS = int(os.environ.get("COUNTED_EVENTS", "10000"))
"""What a night has room for; a hundred thousand take six to twenty minutes with each number of consumers."""

STAGED: dict[str, Any] = sized(
    test={"events": 400, "devices": 8, "within": 400, "seed": 2, "patience_s": 240, "most_kills": 4},
    nightly={"events": NIGHTLY_EVENTS, "devices": 200, "within": 1000, "seed": SEED, "patience_s": 3000},
)


@pytest.mark.timeout(4 * 3600)  # a consumer that is killed each second spends most of its life starting
@pytest.mark.parametrize("consumers", sized(test=[2], nightly=[1, 2, 4]))
def test_sums_and_rows_are_those_of_the_ledger(tmp_path: Path, postgresql: PostgreSQL, consumers: int) -> None:
    # A single consumer must get something done between two kills, on a busy machine too.
    kill_s = sized(test=0.2, nightly=1.0 if consumers > 1 else 3.0)
    found = counted(tmp_path, postgresql, consumers=consumers, kill_s=kill_s, **STAGED)
    assert found.compared["events"] == STAGED["events"]
    assert found.kills >= 1
    print(found)
