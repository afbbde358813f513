"""The machinery of the tests themselves: no folder without a tier, no table whose failing rows are kept quiet."""

from __future__ import annotations

from pathlib import Path

from tests.tiers import FOLDERS, Tier

TESTS = Path(__file__).parent.parent


def test_every_folder_with_tests_belongs_to_a_tier() -> None:
    folders = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert folders == set(FOLDERS[Tier.NIGHTLY])


def test_each_tier_runs_what_the_one_before_it_runs() -> None:
    assert set(FOLDERS[Tier.QUICK]) < set(FOLDERS[Tier.TEST]) < set(FOLDERS[Tier.NIGHTLY])
