"""The counting proof at length: thousands of events, and a consumer killed every second."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.counting.consumers import counted
from tests.servers.postgresql import PostgreSQL
from tests.tiers import SEED

EVENTS = int(os.environ.get("COUNTED_EVENTS", "10000"))
"""What a night has room for; a hundred thousand take six to twenty minutes with each number of consumers."""


@pytest.mark.timeout(4 * 3600)  # a consumer that is killed each second spends most of its life starting
@pytest.mark.parametrize("consumers", [1, 2, 4])
def test_sums_and_rows_are_those_of_the_ledger(tmp_path: Path, postgresql: PostgreSQL, consumers: int) -> None:
    found = counted(
        *(tmp_path, postgresql),
        consumers=consumers,
        events=EVENTS,
        devices=200,
        within=1000,
        seed=SEED,
        patience_s=3000,
        kill_s=1.0 if consumers > 1 else 3.0,  # alone it must get something done in a life, on a busy machine too
    )
    assert found.compared["events"] == EVENTS
    assert found.kills >= 1
    print(found)
