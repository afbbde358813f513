"""Counted: what consumers that share the work made of what came doubled and shuffled, while they were killed.

The long form, 100,000 events and 1, 2 and 4 consumers, is in tests/nightly.
"""

from __future__ import annotations

from pathlib import Path

from tests.counting.consumers import counted
from tests.servers.postgresql import PostgreSQL


def test_sums_and_rows_are_those_of_the_ledger(tmp_path: Path, postgresql: PostgreSQL) -> None:
    found = counted(
        *(tmp_path, postgresql),
        consumers=2,
        events=400,
        devices=8,
        within=400,
        seed=2,
        patience_s=240,
        kill_s=0.2,
        most_kills=4,
    )
    assert found.compared["events"] == 400
    assert found.kills >= 1
    print(found)
