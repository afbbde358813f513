from __future__ import annotations

import pytest

from lab.report.statistics import mcnemar_p_value, poisson_upper_bound, wilson_interval
from tests.rows import each_of


@each_of(
    ("hits", "of", "least", "most"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (95, 100, 0.8882, 0.9785), (1, 116, 0.0015, 0.0472)],
)
def test_wilsons_interval_as_published_tables_give_it(hits: int, of: int, least: float, most: float) -> None:
    found = wilson_interval(hits, of)
    assert found is not None
    assert found.share == pytest.approx(hits / of)
    assert (found.least, found.most) == pytest.approx((least, most), abs=2e-4)


@each_of(("events", "most"), [(0, 2.996), (1, 4.744), (2, 6.296), (10, 16.962)])
def test_the_upper_bound_of_a_poisson_count(events: int, most: float) -> None:
    assert poisson_upper_bound(events) == pytest.approx(most, abs=1e-3)


@each_of(("first", "second", "chance"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375)])
def test_mcnemar_counts_coin_tosses(first: int, second: int, chance: float) -> None:
    assert mcnemar_p_value(first, second) == pytest.approx(chance)
    assert mcnemar_p_value(second, first) == pytest.approx(chance)
