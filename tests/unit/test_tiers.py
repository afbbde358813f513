"""The machinery of the tests themselves: no folder without a tier, no table whose failing rows are kept quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows import every
from tests.tiers import FOLDERS, Tier

TESTS = Path(__file__).parent.parent


def test_every_folder_with_tests_belongs_to_a_tier() -> None:
    folders = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert folders == set(FOLDERS[Tier.NIGHTLY])


def test_each_tier_runs_what_the_one_before_it_runs() -> None:
    assert set(FOLDERS[Tier.QUICK]) < set(FOLDERS[Tier.TEST]) < set(FOLDERS[Tier.NIGHTLY])


def is_even(number: int) -> None:
    assert number % 2 == 0, "odd"


def test_a_table_tells_of_all_rows_that_fail_and_of_no_other() -> None:
    every([2, 4], is_even)
    with pytest.raises(pytest.fail.Exception) as failed:
        every({"one": 1, "two": 2, "three": 3}, is_even)
    told = str(failed.value)
    assert told.startswith("2 of 3 rows:")
    assert "one\n" in told
    assert "three\n" in told
    assert "two\n" not in told


def test_a_table_without_rows_shows_nothing() -> None:
    with pytest.raises(AssertionError, match="empty"):
        every([], is_even)
